"""Assets with everything that ordinary exports meet, on which the SDK writes an archive."""

from typing import Any

from kili_export.core.project import Project
from tests.support.kili_samples import Json, answers, asset, box, job, label, project, ring, shape

ROTATIONS = (0, 90, 180, 270, 45)

TRIANGLE = ((0.1, 0.1), (0.3333333333333333, 0.2), (0.5, 1e-05))
SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
HOLE = ((0.3, 0.3), (0.5, 0.3), (0.5, 0.5))
SECOND_HOLE = ((0.6, 0.6), (0.7, 0.6), (0.7, 0.8), (0.6, 0.8))
BOW_TIE = ((0, 0), (1, 1), (1, 0), (0, 1))
KEYHOLE = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0.2, 0.2), (0.2, 0.6), (0.6, 0.2), (0.2, 0.2))
SPIKE = ((0.1, 0.1), (0.5, 0.1), (0.9, 0.1), (0.5, 0.1), (0.5, 0.5))


def image_project(input_type: str = "IMAGE", **more: Any) -> Project:
    """Two jobs for every format, one that only YOLO takes, one that only COCO takes, others."""
    return project(
        {
            "MASKS": job(["Z", "A", "M"], ["semantic", "polygon"]),
            "BOXES": job(["CAR", "BUS"], ["rectangle"]),
            "OUTLINES": job(["O"], ["polygon"]),
            "MIXED": job(["X", "Y"], ["rectangle", "marker"]),
            "POINTS": job(["P"], ["marker"]),
            "LINES": job(["L"], ["polyline"]),
            "POSES": job({"POSE": {"name": "Pose"}}, ["pose"]),
            "NO_TOOLS": job(["N"], []),
            "KIND": job(["DAY", "NIGHT"], None, "CLASSIFICATION"),
            "TEXT": job({}, None, "TRANSCRIPTION"),
        },
        input_type,
        **more,
    )


def _shapes() -> Json:
    return {
        **answers(
            BOXES=[
                box("CAR", 0.1, 0.2, 0.6, 0.8),
                box("BUS", 0, 0, 1, 1),
                box("BUS", 0.25, 0.5, 0.25, 0.75),
                box("CAR", -0.2, 0.1, 1.3, 1.0),
                box("CAR", 1e-07, 1e-05, 0.3333333333333333, 0.6666666666666666),
                box("CAR", -0.0, 0.1, 0.8, 0.9, children={"COLOR": {"categories": []}}),
            ],
            MASKS=[
                shape("semantic", "A", ring(*SQUARE), ring(*HOLE), ring(*SECOND_HOLE)),
                shape("semantic", "Z", ring(*SQUARE)),
                shape("semantic", "Z", ring(*TRIANGLE)),
                shape("polygon", "M", ring(*BOW_TIE)),
                shape("polygon", "M", ring(*KEYHOLE)),
                shape("polygon", "M", ring(*SPIKE)),
                shape("semantic", "A", ring(*SQUARE), ring(*BOW_TIE)),
                shape("semantic", "A", ring(*SQUARE), ring((0.1, 0.1), (0.2, 0.1), (0.3, 0.1))),
            ],
            OUTLINES=[shape("polygon", "O", ring(*TRIANGLE))],
            MIXED=[box("Y", 0.2, 0.2, 0.4, 0.4)],
            POINTS=[
                {
                    "categories": [{"name": "P"}],
                    "type": "marker",
                    "point": {"x": 0.5, "y": 0.125},
                    "mid": "p1",
                }
            ],
            LINES=[
                {
                    "categories": [{"name": "L"}],
                    "type": "polyline",
                    "polyline": [{"x": 0, "y": 1}, {"x": 0.3, "y": 0.7}],
                }
            ],
            POSES=[
                {
                    "categories": [{"name": "POSE"}],
                    "type": "pose",
                    "points": [
                        {"code": "HEAD", "point": {"x": 0.1, "y": 0.9}},
                        {"code": "FOOT"},
                    ],
                }
            ],
            NO_TOOLS=[],
            GONE=[box("OLD", 0.1, 0.1, 0.2, 0.2)],
        ),
        "KIND": {"categories": [{"name": "DAY", "confidence": 100}]},
        "TEXT": {"text": 'a "quoted" téxt / \u2028 \U0001f600'},
    }


NAMES = (
    "dir one/car 1.jpg",
    "dir one/car 1.png",
    "a.jpg",
    "a.png",
    "a",
    "b b",
    "b_b",
    "car.JPG",
    "deep/er/x.tif",
    "v1.2",
    ".jpg",
    "é/日本.webp",
    "12:30:05.jpeg",
    'quo"te,comma.png',
    "=1+1.jpg",
    "a.b.ico",
)


def image_assets() -> list[Json]:
    """Every name, every rotation, several labels, types, people, and fields that are null."""
    shapes = _shapes()
    named = [
        asset(number, name, label({"BOXES": shapes["BOXES"], "KIND": shapes["KIND"]}))
        for number, name in enumerate(NAMES)
    ]
    rotated = [
        asset(100 + angle, f"turned {angle}.jpg", label({**shapes, "ROTATION_JOB": rotation}))
        for angle in ROTATIONS
        for rotation in ({"rotation": angle},)
    ]
    return named + rotated + _unusual(shapes)


def _unusual(shapes: Json) -> list[Json]:
    review = label(shapes, labelType="REVIEW", isSentBackToQueue=True)
    sent_back = label(_boxes(), isSentBackToQueue=None)
    autosave = label(_boxes(), labelType="AUTOSAVE", isLastForStep=False)
    no_name = {"id": "u2", "email": "x@y.z", "firstname": None, "lastname": ""}
    return [
        asset(200, "two.jpg", label(_boxes()), review),
        asset(201, "three.x.png", sent_back, None, label(shapes), label({})),
        asset(202, "none.jpg"),
        asset(203, "only null.jpg", None),
        asset(204, "empty answer.jpg", label({})),
        asset(205, "empty jobs.jpg", label(answers(BOXES=[], MASKS=[]))),
        asset(206, "saved.jpg", autosave, label(_boxes())),
        asset(207, "only saved.jpg", autosave),
        asset(208, "prediction.jpg", label(_boxes(), labelType="PREDICTION", modelName="m")),
        asset(209, "url gone.jpg", _without(label(_boxes(), author=no_name), "jsonResponseUrl")),
        asset(210, "odd size.jpg", label(shapes), resolution={"height": 333, "width": 777.5}),
        asset(211, "meta.jpg", label(_boxes()), jsonMetadata={"b": 1, "a": [1.5, None, True]}),
        asset(212, "local.jpg", label(_boxes()), content=""),
        asset(213, "sent back.jpg", sent_back),
        asset(214, "sent back twice.jpg", sent_back, review),
        asset(215, "earlier step.jpg", label(_boxes(), isLastForStep=False), label(_boxes())),
    ]


def _boxes() -> Json:
    return answers(BOXES=[box("BUS", 0.1, 0.2, 0.30000000000000004, 0.4)])


def _without(value: Json, name: str) -> Json:
    return {key: item for key, item in value.items() if key != name}


def frames(*responses: Json | None) -> Json:
    return {str(number): frame for number, frame in enumerate(responses) if frame is not None}


PAGES = [
    {"pageNumber": 1, "width": 100, "height": 200, "rotation": 0},
    {"pageNumber": 2, "width": 300.5, "height": 400, "rotation": 90},
]


def on_pages(*numbers: int, **more: Any) -> Json:
    nested = {"normalizedVertices": [[{"x": 0.1, "y": 0.2}, {"x": 1, "y": 0.25}]], "kept": True}
    return {
        "polys": [nested for _ in numbers],
        "boundingPoly": [ring((0.1, 0.2), (0.5, 0.75)) for _ in numbers],
        "pageNumberArray": list(numbers),
        **more,
    }


def document_response() -> Json:
    cut = on_pages(1, 2)
    cut["pageNumberArray"] = [2]
    return {
        "WORDS": {
            "annotations": [
                {
                    "annotations": [on_pages(1, 2, content="déjà"), cut],
                    "categories": [{"name": "W"}],
                    "mid": "w",
                }
            ]
        },
        "BOXES": {"annotations": [{"annotations": [on_pages(2)]}, on_pages(1), {"mid": "x"}]},
        "KIND": {"categories": [{"name": "DAY"}]},
        "GONE": {"annotations": [on_pages(1)]},
        "ROTATION_JOB": {"rotation": 0},
    }
