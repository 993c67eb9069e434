"""Projects of pictures: ordinary ones, and one for each thing that is out of order."""

from random import Random
from typing import Any

from devtools.corpus.drawing import (
    BOW_TIE,
    HOLE,
    KEYHOLE,
    OTHER_HOLE,
    SQUARE,
    TRIANGLE,
    Json,
    Pen,
    answers,
    box,
    job,
    marker,
    outline,
    polyline,
    pose,
)

PEOPLE = [
    {"email": "alice@example.com", "firstname": "Alice", "lastname": "Adams"},
    {"email": "bob@example.com", "firstname": "Bob", "lastname": "Bäcker"},
    {"email": "chloe@example.com", "firstname": "Chloé", "lastname": "Çelik", "role": "REVIEWER"},
    {"email": "model@example.com", "firstname": "A", "lastname": "Model", "role": "ADMIN"},
]
ALICE, BOB, CHLOE, MODEL = (person["email"] for person in PEOPLE)
INTERFACE: Json = {
    "jobs": {
        "MASKS": job(["ZEBRA", "APPLE", "MOON"], ["semantic", "polygon"]),
        "BOXES": job(["CAR", "BUS", "VAN"], ["rectangle"], exportName="boxes of things"),
        "OUTLINES": job(["OVAL"], ["polygon"]),
        "MIXED": job(["X", "Y"], ["rectangle", "marker"]),
        "POINTS": job(["P"], ["marker"]),
        "LINES": job(["L"], ["polyline"]),
        "POSES": job(["POSE"], ["pose"]),
        "KIND": job(["DAY", "NIGHT"], None, "CLASSIFICATION"),
        "REMARK": job({}, None, "TRANSCRIPTION"),
    }
}
_NAMES = (
    *("dir one/car 1.jpg", "dir one/car 1.png", "a.jpg", "a.png", "a", "b b", "b_b", "car.JPG"),
    *("deep/er/still/x.tif", "v1.2", ".jpg", "é/日本.webp", "12:30:05.jpeg", "=1+1.jpg", "a.b.ico"),
    *('quo"te,comma.png', "it's & <that>.gif", "d1/same.jpg", "d2/same.jpg", "plus+%20.bmp"),
)
_SIZES = ((1000, 400), (333, 777), (1, 1), (4096, 2160))


def document(title: str, input_type: str = "IMAGE", **more: Any) -> Json:
    """A project without assets."""
    return {
        "title": title,
        "description": "Generated, by chance and by design",
        "inputType": input_type,
        "jsonInterface": INTERFACE,
        "users": PEOPLE,
        "assets": [],
        **more,
    }


def label(response: Json, author: str = ALICE, **more: Any) -> Json:
    """A label of a person."""
    return {"author": author, "jsonResponse": response, **more}


def picture(name: str, *labels: Json, size: tuple[int, int] = (1000, 400), **more: Any) -> Json:
    """An asset of a size in pixels."""
    resolution = {"width": size[0], "height": size[1]}
    return {"externalId": name, "resolution": resolution, "labels": list(labels), **more}


def every_shape() -> Json:
    """Every tool, with numbers and outlines that are easily got wrong."""
    return {
        **answers(
            BOXES=[
                box("CAR", 0.1, 0.2, 0.6, 0.8),
                box("BUS", 0, 0, 1, 1),
                box("BUS", 0.25, 0.5, 0.25, 0.75),
                box("VAN", -0.2, 0.1, 1.3, 1.0),
                box("CAR", 1e-07, 1e-05, 0.3333333333333333, 0.6666666666666666),
                box("CAR", -0.0, 0.1, 0.8, 0.9, children={"KIND": {"categories": []}}),
            ],
            MASKS=[
                outline("semantic", "APPLE", SQUARE, HOLE, OTHER_HOLE),
                outline("semantic", "ZEBRA", SQUARE),
                outline("semantic", "ZEBRA", TRIANGLE),
                outline("polygon", "MOON", BOW_TIE),
                outline("polygon", "MOON", KEYHOLE),
            ],
            OUTLINES=[outline("polygon", "OVAL", TRIANGLE)],
            MIXED=[box("Y", 0.2, 0.2, 0.4, 0.4)],
            POINTS=[marker("P", 0.5, 0.125)],
            LINES=[polyline("L", ((0, 1), (0.3, 0.7)))],
            POSES=[pose("POSE", {"HEAD": (0.1, 0.9), "FOOT": (0.2, 0.1)})],
            RETIRED_JOB=[box("OLD", 0.1, 0.1, 0.2, 0.2)],
        ),
        "KIND": {"categories": [{"name": "DAY", "confidence": 100}]},
        "REMARK": {"text": 'a "quoted" téxt / \u2028 \U0001f600'},
    }


def some_shapes(pen: Pen) -> Json:
    """A chance answer to the interface."""
    random = pen.random
    response = answers(
        BOXES=[pen.box(random.choice(["CAR", "BUS", "VAN"])) for _ in range(random.randint(0, 3))],
        MASKS=[
            pen.mask(random.choice(["ZEBRA", "MOON"]), random.choice(["semantic", "polygon"]))
            for _ in range(random.randint(0, 2))
        ],
    )
    if random.random() < 0.4:
        response["ROTATION_JOB"] = {"rotation": random.choice([0, 90, 180, 270])}
    if random.random() < 0.5:
        response["KIND"] = {"categories": [{"name": random.choice(["DAY", "NIGHT"])}]}
    return response


def pictures(seed: int) -> Json:
    """Every shape in every rotation, odd but usable names, and labels of every type and order."""
    random = Random(seed)
    pen = Pen(random)
    turned = [
        picture(
            f"turned {angle}.jpg", label({**every_shape(), "ROTATION_JOB": {"rotation": angle}})
        )
        for angle in (0, 90, 180, 270, 45)
    ]
    named = [
        picture(name, label(some_shapes(pen)), size=_SIZES[number % len(_SIZES)])
        for number, name in enumerate(_NAMES)
    ]
    plain = [
        picture(f"batch/{number:03d}.jpg", label(some_shapes(pen), random.choice([ALICE, BOB])))
        for number in range(24)
    ]
    # Media behind the key have addresses that stay, so that files are equal to the last byte.
    return document(
        "Pictures é", mediaBehindKey=True, assets=[*turned, *named, *_labelled_oddly(pen), *plain]
    )


def _labelled_oddly(pen: Pen) -> list[Json]:
    def shapes() -> Json:
        return some_shapes(pen)

    review: Json = {"labelType": "REVIEW"}
    guess: Json = {"labelType": "PREDICTION", "modelName": "model 1"}
    consensus: Json = {"isUsedForConsensus": True, "assignees": [ALICE, BOB]}
    agreed = {**consensus, "consensusMark": 0.5}
    return [
        picture("two people.jpg", label(shapes()), label(shapes(), BOB), **agreed),
        picture("two/people.x.png", label(every_shape()), label({}, BOB), **consensus),
        picture("half agreed.jpg", label(shapes(), BOB), **consensus),
        picture("reviewed.jpg", label(shapes()), label(every_shape(), CHLOE, **review)),
        picture(
            "sent back.jpg",
            label(shapes(), isSentBackToQueue=True),
            issues=[{"type": "ISSUE", "status": "OPEN"}],
        ),
        picture(
            "sent back twice.jpg",
            label(shapes(), isSentBackToQueue=True),
            label(shapes(), CHLOE, isSentBackToQueue=True, **review),
        ),
        picture(
            "done again.jpg",
            label(shapes()),
            label(shapes(), CHLOE, isSentBackToQueue=True, **review),
            label(shapes(), BOB),
        ),
        picture("guessed.jpg", label(shapes(), MODEL, **guess)),
        picture("guessed, then seen.jpg", label(shapes(), MODEL, **guess), label(shapes())),
        picture("seen, then guessed.jpg", label(shapes()), label(shapes(), MODEL, **guess)),
        picture("draft.jpg", label(shapes(), labelType="AUTOSAVE")),
        picture("draft after.jpg", label(shapes()), label(shapes(), BOB, labelType="AUTOSAVE")),
        picture("nobody.jpg"),
        picture("nothing.jpg", label({})),
        picture("no shape.jpg", label(answers(BOXES=[], MASKS=[]))),
        picture("skipped.jpg", label(shapes()), skipped=True),
        picture("to review.jpg", label(shapes()), toReview=True, groupName="first"),
        picture(
            "honeypot.jpg", label(shapes(), honeypotMark=0.9), isHoneypot=True, honeypotMark=0.9
        ),
        picture("inferred.jpg", label(shapes()), inferenceMark=0.25, groupName="second"),
        picture(
            "metadata.jpg",
            label(shapes()),
            jsonMetadata={"camera": "north", "b": 1, "a": [1.5, None, True], "é": {}},
        ),
        picture("asked.jpg", label(shapes()), issues=[{"type": "QUESTION", "status": "SOLVED"}]),
    ]


def connected(seed: int) -> Json:
    """Pictures that stay in the customer's own storage."""
    pen = Pen(Random(seed))
    assets = [
        picture(f"{number}.jpg", label(some_shapes(pen)), content=f"https://own.example/{number}")
        for number in range(4)
    ]
    return document("Connected", dataConnections=["connection-1"], assets=assets)


def steps(seed: int) -> Json:
    """Three steps of work, and assets that have come to each of them in several ways."""
    pen = Pen(Random(seed))

    def first(author: str = ALICE) -> Json:
        return label(some_shapes(pen), author, step="Labeling")

    def second() -> Json:
        return label(some_shapes(pen), CHLOE, labelType="REVIEW", step="Review")

    def third(**more: Any) -> Json:
        return label(some_shapes(pen), CHLOE, labelType="REVIEW", step="Final check", **more)

    consensus: Json = {"isUsedForConsensus": True, "assignees": [BOB, ALICE]}
    assets = [
        picture("first.jpg", first()),
        picture("second.jpg", first(), second()),
        picture("third.jpg", first(), second(), third()),
        picture("third twice.jpg", first(), second(), third(), third()),
        picture("back to first.jpg", first(), second(), third(isSentBackToQueue=True), first(BOB)),
        picture("both.jpg", first(), first(BOB), **consensus),
        picture("both and checked.jpg", first(), first(BOB), second(), third(), **consensus),
        picture("only one of both.jpg", first(), **consensus),
        picture("none.jpg"),
    ]
    workflow = [
        {"name": "Labeling", "type": "DEFAULT"},
        {"name": "Review", "type": "REVIEW"},
        {"name": "Final check", "type": "REVIEW"},
    ]
    return document("Three steps", steps=workflow, assets=assets)
