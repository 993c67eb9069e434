"""GeoJSON archives are the SDK's, for pictures with coordinates on earth."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout
from kili_export.core.project import Project
from tests.support.archive_of import archive_of, losses_of
from tests.support.kili_samples import (
    Json,
    answers,
    asset,
    box,
    fetched,
    job,
    label,
    project,
    ring,
    shape,
)
from tests.support.sdk_reference import SdkFailure, compare_archives, sdk_archive

OPTIONS = ExportOptions("geojson", Layout.MERGED)
LAST_STEP = replace(OPTIONS, export_type=ExportType.LATEST_FROM_LAST_STEP)
CLOCKWISE = ((1, 45.5), (2, 47.5), (3.25, 46))
SQUARE = ((0, 0), (4, 0), (4, 4), (0, 4))
HOLE = ((1, 1), (1, 2), (2, 2), (1, 1))


def geo_project(input_type: str = "GEOSPATIAL", **more: Any) -> Project:
    nested = {
        "COLOR": job({"RED": {"name": "Red"}, "BLUE": {"name": "Blue"}}, None, "CLASSIFICATION"),
        "TAGS": job(
            {"OLD": {"name": "Old", "children": ["AGE"]}, "BIG": {}}, None, "CLASSIFICATION"
        ),
        "AGE": job({}, None, "TRANSCRIPTION", exportName="age in years", isChild=True),
    }
    nested["TAGS"]["content"]["input"] = "checkbox"
    nested["TAGS"]["exportName"] = "tags"
    categories = {"CAR": {"name": "A car", "children": ["COLOR"]}, "BUS": {"name": "A bus"}}
    declared = {
        "BOXES": job(categories, ["rectangle"], exportName="boxes"),
        "SHAPES": job(["A", "B"], ["polygon", "semantic"], instruction="Where?"),
        "POINTS": job(["P"], ["marker", "polyline"], exportName=None, instruction=""),
        "KINDS": job(["DAY", "NIGHT"], None, "CLASSIFICATION", instruction="kind of day"),
        "WORDS": job({}, None, "TRANSCRIPTION"),
        **nested,
    }
    return project(declared, input_type, **more)


def everything() -> Json:
    tags = {"categories": [{"name": "OLD", "children": {"AGE": {"text": "12"}}}, {"name": "BIG"}]}
    color = {"COLOR": {"categories": [{"name": "RED"}]}}
    points = {"type": "marker", "categories": [{"name": "P"}], "point": {"x": 2.5, "y": 48.5}}
    line = [{"x": 0, "y": 1}, {"x": -3.5, "y": 1e-05}]
    return {
        "KINDS": {"categories": [{"name": "DAY", "confidence": 3, "children": {"TAGS": tags}}]},
        **answers(
            BOXES=[
                box("CAR", 1.5, 48, 2, 47, children={**color, "TAGS": tags, "GONE": {"text": ""}}),
                box("BUS", 1, 1, 2, 2, polyline=[], children={"COLOR": {"categories": []}}),
                box("LOST", 1, 1, 2, 2, categories=[{"name": "LOST", "children": color}]),
                box("CAR", 1, 1, 2, 2, categories=[]),
            ],
            SHAPES=[
                shape("semantic", "A", ring(*SQUARE), ring(*HOLE), mid="mask"),
                shape("polygon", "B", ring(*CLOCKWISE)),
                shape("polygon", "B", ring(*CLOCKWISE[::-1]), mid=None),
                shape("semantic", "B", ring(*CLOCKWISE), mid="other"),
                shape("semantic", "A", ring(*SQUARE), mid="mask"),
                _without_mid(shape("semantic", "A", ring(*SQUARE))),
                _without_mid(shape("semantic", "A", ring(*SQUARE))),
                {**shape("semantic", "A", mid="deep"), "boundingPoly": [[ring(*SQUARE)]]},
                {
                    **shape("semantic", "A", mid="two"),
                    "boundingPoly": [[ring(*SQUARE), ring(*HOLE)], [ring(*CLOCKWISE)]],
                },
            ],
            POINTS=[
                {**points, "mid": 17},
                points,
                {"type": "polyline", "polyline": line, "categories": [{"name": "P"}], "mid": "l"},
                {"type": "pose", "points": [], "categories": [{"name": "P"}]},
            ],
        ),
        "WORDS": {"text": "déjà vu"},
        "ROTATION_JOB": {"rotation": 90},
        "UNKNOWN": {"categories": [{"name": "X"}]},
    }


def _without_mid(annotation: Json) -> Json:
    return {name: value for name, value in annotation.items() if name != "mid"}


def geo_assets() -> list[Json]:
    metadata = [{"width": 10, "height": 20}]
    return [
        asset(1, "dir/geo.tif", label(everything()), geospatialExportMetadata=metadata),
        asset(2, "b c.jpg", label({}), geospatialExportMetadata=[]),
        asset(3, "two", label(everything()), None, label(answers(BOXES=[]), author=None)),
        asset(4, "none"),
    ]


def assert_agreement(exporting: Project, assets: list[Json], options: ExportOptions) -> None:
    theirs = sdk_archive(exporting, assets, options)
    ours = archive_of(exporting, [fetched(answer) for answer in assets], options)
    assert compare_archives(ours, theirs, "geojson") == []


def test_archive_of_a_geospatial_project_is_the_sdks() -> None:
    assert_agreement(geo_project(), geo_assets()[:2], OPTIONS)
    assets = geo_assets()
    assets[2]["latestLabels"][2]["author"] = {"email": None, "firstname": "", "lastname": ""}
    assert_agreement(geo_project(), assets, LAST_STEP)


@pytest.mark.parametrize(
    "layers",
    [
        [{"useClassicCoordinates": False, "epsg": "EPSG4326"}],
        [{"useClassicCoordinates": False, "epsg": "TiledImage"}],
        [{"useClassicCoordinates": True, "epsg": "EPSG4326"}],
        [{"useClassicCoordinates": False}],
        [],
        "",
    ],
)
def test_pictures_of_an_image_project_are_held_when_they_are_on_earth(layers: Any) -> None:
    assets = [asset(1, "geo.tif", label(everything()), jsonContent=layers)]
    assert_agreement(geo_project("IMAGE"), assets, OPTIONS)


def test_layers_that_were_read_from_their_url_tell_as_well() -> None:
    layers = [{"useClassicCoordinates": False, "epsg": "EPSG4326"}]
    answer = fetched(asset(1, "geo.tif", label({}), jsonContent="https://h/l.json"), layers)
    assert "labels/geo.tif.geojson" in archive_of(geo_project("IMAGE"), [answer], OPTIONS)


def test_a_picture_that_is_not_on_earth_is_reported() -> None:
    answer = fetched(asset(1, "a.jpg", label(everything())))
    (loss,) = losses_of(geo_project("IMAGE"), answer, OPTIONS)
    assert "left out" in loss.reason


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, layout=Layout.SPLIT),
        replace(OPTIONS, single_file=True),
        replace(OPTIONS, normalized_coordinates=True),
        replace(OPTIONS, normalized_coordinates=False),
    ],
    ids=str,
)
def test_options_that_the_sdk_refuses_are_refused(options: ExportOptions) -> None:
    with pytest.raises(SdkFailure, match="NotCompatibleOptions"):
        sdk_archive(geo_project(), [], options)
    with pytest.raises(IncompatibleProject):
        archive_of(geo_project(), [], options)


@pytest.mark.parametrize(
    "refused", [geo_project("VIDEO"), geo_project(geospatial_settings={"labelingCRSCode": "PIXEL"})]
)
def test_projects_that_the_sdk_refuses_are_refused(refused: Project) -> None:
    with pytest.raises(SdkFailure, match="NotCompatibleInputType"):
        sdk_archive(refused, [], OPTIONS)
    with pytest.raises(IncompatibleProject):
        archive_of(refused, [], OPTIONS)


@pytest.mark.parametrize(
    "annotation",
    [
        pytest.param(None, id="26-null"),
        pytest.param(shape("rectangle", "CAR", ring((0, 0), (1, 1), (2, 2))), id="three corners"),
        pytest.param(shape("rectangle", "CAR"), id="26-empty-outline"),
        pytest.param(_without_mid({"type": "marker", "categories": []}), id="no-point"),
        pytest.param({"type": "polyline", "categories": []}, id="no-line"),
    ],
)
def test_what_stops_the_sdk_is_skipped_alone(annotation: Any) -> None:
    broken = asset(1, "geo.tif", label(answers(BOXES=[annotation, box("CAR", 0, 0, 1, 1)])))
    with pytest.raises(SdkFailure):
        sdk_archive(geo_project(), [broken], OPTIONS)
    sound = asset(1, "geo.tif", label(answers(BOXES=[box("CAR", 0, 0, 1, 1)])))
    ours = archive_of(geo_project(), [fetched(broken)], OPTIONS)
    assert ours == archive_of(geo_project(), [fetched(sound)], OPTIONS)
    assert losses_of(geo_project(), fetched(broken), OPTIONS)


def test_what_the_sdk_drops_with_a_warning_is_reported() -> None:
    flat = shape("polygon", "A", ring((0, 0), (1, 1), (0, 0)))
    response = {**answers(SHAPES=[flat]), "ROTATION_JOB": {"rotation": 90}}
    assert_agreement(geo_project(), [asset(1, "geo.tif", label(response))], OPTIONS)
    losses = losses_of(geo_project(), fetched(asset(1, "geo.tif", label(response))), OPTIONS)
    assert [loss.where for loss in losses] == ["SHAPES/m-polygon-A", "ROTATION_JOB"]


coordinates = st.one_of(st.integers(-180, 180), st.floats(-180, 180, allow_nan=False))
outlines = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    st.lists(
        st.builds(
            lambda kind, outline, mid: shape(kind, "A", ring(*outline), mid=mid),
            st.sampled_from(["polygon", "semantic"]),
            outlines,
            st.sampled_from(["m1", "m2", "m3"]),
        ),
        max_size=6,
    )
)
def test_generated_shapes_are_written_as_the_sdk_does(shapes: list[Json]) -> None:
    assets = [asset(1, "geo.tif", label(answers(SHAPES=shapes)))]
    assert_agreement(geo_project(), assets, OPTIONS)


def test_properties_bear_the_names_that_people_gave() -> None:
    ours = archive_of(geo_project(), [fetched(geo_assets()[0])], OPTIONS)
    features = json.loads(ours["labels/dir/geo.tif.geojson"])["features"]
    assert features[1]["properties"]["boxes.A car.Draw"] == "Red"


CORRECTED = replace(OPTIONS, compatibility=Compatibility.CORRECTED)
A, B, C, D = (2, 48), (3, 48), (3, 49), (2, 49)
_LINE, _OUTLINE = "a line has fewer than two", "an outline has fewer than three"


def line(*points: tuple[float, float]) -> Json:
    vertices = [{"x": x, "y": y} for x, y in points]
    return {"type": "polyline", "polyline": vertices, "categories": [{"name": "P"}], "mid": "odd"}


def grouped(*polygons: list[Json]) -> Json:
    return {**shape("semantic", "A", mid="odd"), "boundingPoly": list(polygons)}


FORBIDDEN: dict[str, tuple[Json, str]] = {
    "line without a point": (line(), _LINE),
    "line of one point": (line(A), _LINE),
    "line of one point twice": (line(A, A), _LINE),
    "box without corners": (shape("rectangle", "CAR", ring(), mid="odd"), _OUTLINE),
    "box of one corner": (shape("rectangle", "CAR", ring(A, A, A, A), mid="odd"), _OUTLINE),
    "box without height": (box("CAR", 2, 48, 3, 48, mid="odd"), _OUTLINE),
    "outline without a point": (shape("polygon", "B", ring(), mid="odd"), _OUTLINE),
    "outline of one point": (shape("polygon", "B", ring(A), mid="odd"), _OUTLINE),
    "outline of two points": (shape("polygon", "B", ring(A, B), mid="odd"), _OUTLINE),
    "outline of two points, closed": (shape("polygon", "B", ring(A, B, A), mid="odd"), _OUTLINE),
    "mask without a point": (shape("semantic", "A", ring(), mid="odd"), _OUTLINE),
    "mask of one point": (shape("semantic", "A", ring(A), mid="odd"), _OUTLINE),
    "mask of two points": (shape("semantic", "A", ring(A, B), mid="odd"), _OUTLINE),
    "mask of two points, closed": (shape("semantic", "A", ring(A, B, A), mid="odd"), _OUTLINE),
    "mask of nothing": (grouped([]), _OUTLINE),
    "masks of nothing": (grouped([], []), _OUTLINE),
    "masks of two points": (grouped([ring(A, B)]), _OUTLINE),
}


def features_of(*annotations: Json) -> list[Json]:
    answer = fetched(asset(1, "geo.tif", label(answers(SHAPES=list(annotations)))))
    [data] = [
        found
        for path, found in archive_of(geo_project(), [answer], CORRECTED).items()
        if path.endswith(".geojson")
    ]
    features: list[Json] = json.loads(data)["features"]
    return features


def told_of(*annotations: Json) -> list[tuple[str, str]]:
    answer = fetched(asset(1, "geo.tif", label(answers(SHAPES=list(annotations)))))
    found = losses_of(geo_project(), answer, CORRECTED)
    return [(loss.reason, loss.where) for loss in found]


@pytest.mark.parametrize(("annotation", "reason"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_the_rfc_forbids_is_left_out_and_reported(annotation: Json, reason: str) -> None:
    sound = line(A, C) | {"mid": "sound"}
    assert [feature["id"] for feature in features_of(annotation, sound)] == ["sound"]
    [(told, where)] = told_of(annotation, sound)
    assert told.startswith(reason)
    assert where == "SHAPES/odd"


def test_holes_and_parts_that_go_around_nothing_are_left_out_alone() -> None:
    outline, triangle = ring(A, B, C, D), ring(A, B, C)
    flat = ring(A, B)
    holed = shape("semantic", "A", outline, triangle, flat, mid="odd")
    [feature] = features_of(holed)
    assert len(feature["geometry"]["coordinates"]) == 2
    assert [where for _, where in told_of(holed)] == ["SHAPES/odd"]

    parts = grouped([outline, flat], [flat], [triangle])
    [feature] = features_of(parts)
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert [len(polygon) for polygon in feature["geometry"]["coordinates"]] == [1, 1]
    assert len(told_of(parts)) == 2

    several = [shape("semantic", "A", one, mid="odd") for one in (flat, triangle)]
    [feature] = features_of(*several)
    assert feature["geometry"]["type"] == "Polygon"
    assert len(told_of(*several)) == 1


def test_rings_are_closed_and_sound_geometries_are_the_sdks() -> None:
    sound = [
        box("CAR", 2, 48, 3, 49, mid="box"),
        shape("polygon", "B", ring(A, B, C), mid="outline"),
        shape("polygon", "B", ring(A, B, C, A), mid="closed"),
        shape("semantic", "A", ring(A, B, C), ring(A, B, C, A), mid="mask"),
        grouped([ring(A, B, C)], [ring(A, B, C, D)]),
        line(A, B),
        line(A, B, A),
    ]
    answer = fetched(asset(1, "geo.tif", label(answers(SHAPES=sound))))
    plain = archive_of(geo_project(), [answer], OPTIONS)["labels/geo.tif.geojson"]
    assert features_of(*sound) == json.loads(plain)["features"]
    assert told_of(*sound) == []
    for feature in features_of(*sound):
        if feature["geometry"]["type"] == "Polygon":
            for found in feature["geometry"]["coordinates"]:
                assert found[0] == found[-1]
                assert len(found) >= 4


def test_what_the_sdk_writes_stays_where_it_is_not_corrected() -> None:
    odd = [line(A), shape("semantic", "A", ring(A, B), mid="m")]
    assert_agreement(geo_project(), [asset(1, "geo.tif", label(answers(SHAPES=odd)))], OPTIONS)
