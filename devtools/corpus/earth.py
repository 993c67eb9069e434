"""Projects of pictures of the earth: with longitudes and latitudes, and with pixels."""

from copy import deepcopy
from random import Random
from typing import Any

from devtools.corpus.drawing import Json, answers, box, job, marker, outline, polyline, pose, ring
from devtools.corpus.pictures import BOB, document, every_shape, label, picture, pictures

_CLOCKWISE = ((1, 45.5), (2, 47.5), (3.25, 46))
_COUNTER = _CLOCKWISE[::-1]
_SQUARE = ((0, 0), (4, 0), (4, 4), (0, 4))
_HOLE = ((1, 1), (1, 2), (2, 2), (1, 1))
_BOW_TIE = ((0, 0), (1, 1), (1, 0), (0, 1))
_MEASURED = [{"width": 10, "height": 20, "epsg": "EPSG:4326"}]


def _interface() -> Json:
    boxes: Json = {"CAR": {"name": "A car", "children": ["COLOR"]}, "BUS": {"name": "A bus"}}
    tags: Json = {"OLD": {"name": "Old", "children": ["AGE"]}, "BIG": {}}
    return {
        "jobs": {
            "BOXES": job(boxes, ["rectangle"], exportName="boxes"),
            "SHAPES": job(["A", "B"], ["polygon", "semantic"], instruction="Where?"),
            "POINTS": job(["P"], ["marker", "polyline"], exportName=None),
            "KINDS": job(["DAY", "NIGHT"], None, "CLASSIFICATION", instruction="kind of day"),
            "WORDS": job({}, None, "TRANSCRIPTION"),
            "COLOR": job(["RED", "BLUE"], None, "CLASSIFICATION", isChild=True),
            "TAGS": job(
                tags, None, "CLASSIFICATION", input_kind="checkbox", exportName="tags", isChild=True
            ),
            "AGE": job({}, None, "TRANSCRIPTION", exportName="age in years", isChild=True),
        }
    }


def _everything() -> Json:
    tags = {"categories": [{"name": "OLD", "children": {"AGE": {"text": "12"}}}, {"name": "BIG"}]}
    color = {"COLOR": {"categories": [{"name": "RED"}]}}
    deep = {**outline("semantic", "A", mid="deep"), "boundingPoly": [[ring(_SQUARE)]]}
    two = {
        **outline("semantic", "A", mid="two"),
        "boundingPoly": [[ring(_SQUARE), ring(_HOLE)], [ring(_CLOCKWISE)]],
    }
    lost = box("LOST", 1, 1, 2, 2, categories=[{"name": "LOST", "children": color}])
    return {
        "KINDS": {"categories": [{"name": "DAY", "confidence": 3, "children": {"TAGS": tags}}]},
        **answers(
            BOXES=[
                box("CAR", 1.5, 48, 2, 47, children={**color, "TAGS": tags}),
                box("BUS", 1, 1, 2, 2, polyline=[], children={"COLOR": {"categories": []}}),
                box("CAR", 1, 1, 2, 2, categories=[]),
                lost,
            ],
            SHAPES=[
                outline("semantic", "A", _SQUARE, _HOLE, mid="mask"),
                outline("polygon", "B", _CLOCKWISE),
                outline("polygon", "B", _COUNTER),
                outline("polygon", "B", _BOW_TIE),
                outline("semantic", "B", _CLOCKWISE, mid="other"),
                outline("semantic", "A", _SQUARE, mid="mask"),
                _nameless(outline("semantic", "A", _SQUARE)),
                _nameless(outline("semantic", "A", _SQUARE)),
                deep,
                two,
            ],
            POINTS=[
                {**marker("P", 2.5, 48.5), "mid": 17},
                _nameless(marker("P", 2.5, 48.5)),
                polyline("P", ((0, 1), (-3.5, 1e-05))),
                pose("P", {"HEAD": (1, 1)}),
            ],
        ),
        "WORDS": {"text": "déjà vu"},
        "ROTATION_JOB": {"rotation": 90},
        "UNKNOWN": {"categories": [{"name": "X"}]},
    }


def _nameless(annotation: Json) -> Json:
    return {name: value for name, value in annotation.items() if name != "mid"}


def _by_chance(random: Random) -> Json:
    def place() -> tuple[float, float]:
        return random.uniform(-180, 180), random.uniform(-90, 90)

    shapes = [
        outline(
            random.choice(["polygon", "semantic"]),
            random.choice("AB"),
            [place() for _ in range(random.randint(3, 6))],
            mid=f"m{random.randrange(3)}",
        )
        for _ in range(random.randint(0, 4))
    ]
    return answers(SHAPES=shapes, BOXES=[box("BUS", *place(), *place())])


def maps(seed: int) -> Json:
    """Every geometry, nested answers, and labels of two people."""
    random = Random(seed)
    agreed: Json = {"isUsedForConsensus": True}
    assets: list[Json] = [
        _map("dir/geo.tif", label(_everything()), geospatialExportMetadata=_MEASURED),
        _map("b c.jpg", label({}), geospatialExportMetadata=[]),
        _map("two", label(_everything()), label(answers(BOXES=[]), BOB), **agreed),
        _map("nobody.tif"),
        *(_map(f"chance/{n}.tif", label(_by_chance(random))) for n in range(12)),
    ]
    return document("Maps", "GEOSPATIAL", jsonInterface=_interface(), assets=assets)


def _map(name: str, *labels: Json, **more: Any) -> Json:
    return {"externalId": name, "labels": list(labels), **more}


def geotiffs(seed: int) -> Json:
    """A project of pictures some of which have coordinates on earth, as their layers tell."""
    random = Random(seed)
    layers: dict[str, Any] = {
        "geo.tif": [{"useClassicCoordinates": False, "epsg": "EPSG4326", "imageUrl": "t"}],
        "tiled.tif": [{"useClassicCoordinates": False, "epsg": "TiledImage"}],
        "classic.tif": [{"useClassicCoordinates": True, "epsg": "EPSG4326"}],
        "no epsg.tif": [{"useClassicCoordinates": False}],
        "no layer.tif": [],
        "plain.jpg": None,
    }
    assets = [
        picture(name, label(_everything()), label(_by_chance(random), BOB), jsonContent=value)
        for name, value in layers.items()
    ]
    return document("Geotiffs", "IMAGE", jsonInterface=_interface(), assets=assets)


def grids(seed: int) -> Json:
    """A project of pictures of the earth that is labelled in pixels."""
    sizes: list[Any] = [[{"width": 10, "height": 20.7}], [{"width": 0}], [], None]
    grouped = {
        **outline("semantic", "APPLE"),
        "boundingPoly": [[ring(((0, 0), (1, 0), (1, 1)))], ring(((0, 0), (1, 0), (1, 1)))],
    }
    assets = deepcopy(pictures(seed)["assets"])[:24]
    assets.append(picture("grouped.tif", label(answers(MASKS=[grouped]))))
    assets.append(picture("all.tif", label(every_shape())))
    for number, one in enumerate(assets):
        one["geospatialExportMetadata"] = sizes[number % len(sizes)]
    return document(
        "Grids", "GEOSPATIAL", geospatialSettings={"labelingCRSCode": "PIXEL"}, assets=assets
    )
