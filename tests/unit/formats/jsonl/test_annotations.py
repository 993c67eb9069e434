"""Labels taken apart: pixels, frames, and whatever does not fit the interface (any more)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.formats.jsonl.annotations import DEEPEST, LabelParser, Line
from tests.support.kili_samples import Json, answers, asset, box, job, label, project, ring, shape

JOBS = {
    "JOB": job({"CAR": {"name": "A car", "children": ["COLOR"]}}, exportName=None),
    "COLOR": job({"RED": {"name": "Red"}}, None, "CLASSIFICATION", isChild=True),
    "TEXT": job({}, None, "TRANSCRIPTION", exportName="Remarks"),
}


def _lines(response: Any, input_type: str = "IMAGE", **more: Any) -> list[Line]:
    parser = LabelParser(project(JOBS, input_type, **more.pop("project", {})))
    return list(parser.lines(asset(1, "a.png", **more), label(response)))


def test_a_line_names_its_asset_label_and_job() -> None:
    (line,) = _lines(answers(JOB=[box("CAR", 0.1, 0.2, 0.5, 0.6, score=40)]))

    assert {
        name: value for name, value in line.items() if name not in ("geometry", "categories")
    } == {
        "assetId": "as_1",
        "externalId": "a.png",
        "labelId": "la_1",
        "author": "a@b.c",
        "labelType": "DEFAULT",
        "createdAt": "2026-11-20T10:00:00.000Z",
        "job": "JOB",
        "jobName": "Draw",
        "mlTask": "OBJECT_DETECTION",
        "category": "CAR",
        "categoryName": "A car",
        "confidence": 100,
        "score": 40,
        "mid": "m-rectangle-CAR",
        "type": "rectangle",
    }
    assert line["categories"] == [{"key": "CAR", "name": "A car", "confidence": 100}]


def test_pixels_lie_beside_the_fractions_when_the_size_is_known() -> None:
    shapes = [
        box("CAR", 0.1, 0.2, 0.5, 0.6),
        shape("marker", "CAR", point={"x": 0.5, "y": 0.25}),
        shape("polyline", "CAR", polyline=[{"x": 0, "y": 0}, {"x": 1, "y": 1}]),
        shape("pose", "CAR", points=[{"code": "H", "name": "Head", "point": {"x": 0.5, "y": 1}}]),
    ]
    known = [line["geometry"] for line in _lines(answers(JOB=shapes))]
    unknown = [line["geometry"] for line in _lines(answers(JOB=shapes), resolution=None)]

    assert known[0]["boundingPoly"][0]["vertices"][0] == {"x": 100.0, "y": 240.0}
    assert known[1]["pointPixels"] == {"x": 500.0, "y": 100.0}
    assert known[2]["polylinePixels"] == [{"x": 0, "y": 0}, {"x": 1000, "y": 400}]
    assert known[3]["points"][0]["pointPixels"] == {"x": 500.0, "y": 400}
    assert [sorted(place) for place in unknown] == [
        ["boundingPoly"],
        ["point"],
        ["polyline"],
        ["points"],
    ]
    assert "vertices" not in unknown[0]["boundingPoly"][0]
    assert "pointPixels" not in unknown[3]["points"][0]


@pytest.mark.parametrize(
    ("rotation", "corner"),
    [(90, (200.0, 360.0)), (180, (900.0, 320.0)), (270, (800.0, 40.0)), (0, (100.0, 80.0))],
)
def test_pixels_are_those_of_the_stored_picture_whatever_the_view(
    rotation: int, corner: tuple[float, float]
) -> None:
    response = answers(JOB=[shape("polygon", "CAR", ring((0.1, 0.2), (0.3, 0.2), (0.3, 0.4)))])
    (line,) = _lines({**response, "ROTATION_JOB": {"rotation": rotation}})

    (outline,) = line["geometry"]["boundingPoly"]
    assert outline["normalizedVertices"][0] == {"x": 0.1, "y": 0.2}, "fractions stay as they were"
    assert (outline["vertices"][0]["x"], outline["vertices"][0]["y"]) == pytest.approx(corner)
    assert line.get("rotation") == (rotation or None)


def test_a_document_has_the_pixels_of_each_page() -> None:
    outline = [{"x": 0.5, "y": 0.5}, {"x": 1, "y": 0.5}, {"x": 1, "y": 1}]
    nested = {
        "boundingPoly": [{"normalizedVertices": [outline]}, {"normalizedVertices": [outline]}],
        "polys": [{"normalizedVertices": [outline]}, {"normalizedVertices": [outline]}],
        "pageNumberArray": [1, 7],
    }
    shapes = [{"categories": [{"name": "CAR"}], "mid": "m", "annotations": [nested]}]
    pages = [{"pageNumber": 1, "width": 100, "height": 200, "rotation": 0}]
    (line,) = _lines(answers(JOB=shapes), "PDF", pageResolutions=pages)
    first, second = line["geometry"]["positions"]

    assert line["type"] == "rectangle"
    assert (first["pageNumber"], second["pageNumber"]) == (1, 7)
    assert first["polys"]["vertices"][0][0] == {"x": 50.0, "y": 100.0}
    assert second["polys"] == {"normalizedVertices": [outline]}
    (turned,) = _lines(
        {**answers(JOB=shapes), "ROTATION_JOB": {"rotation": 90}}, "PDF", pageResolutions=pages
    )
    assert turned["geometry"]["positions"][0]["polys"] == {"normalizedVertices": [outline]}


@pytest.mark.parametrize(
    ("input_type", "more"),
    [
        ("IMAGE", {"jsonContent": [{"useClassicCoordinates": False, "epsg": "EPSG4326"}]}),
        ("GEOSPATIAL", {}),
    ],
)
def test_longitudes_and_latitudes_have_no_pixels(input_type: str, more: Json) -> None:
    (line,) = _lines(answers(JOB=[box("CAR", 2.1, 48.2, 2.5, 48.6)]), input_type, **more)

    assert list(line["geometry"]["boundingPoly"][0]) == ["normalizedVertices"]


def test_a_geospatial_project_labeled_in_pixels_has_the_pixels_of_its_first_layer() -> None:
    (line,) = _lines(
        answers(JOB=[box("CAR", 0.1, 0.2, 0.5, 0.6)]),
        "GEOSPATIAL",
        project={"geospatial_settings": {"labelingCRSCode": "PIXEL"}},
        geospatialExportMetadata=[{"width": 10, "height": 10}],
    )

    assert line["geometry"]["boundingPoly"][0]["vertices"][0] == {"x": 1.0, "y": 6.0}


def test_frames_come_by_number_after_what_belongs_to_the_whole_video() -> None:
    response = {
        "10": answers(JOB=[box("CAR", 0, 0, 1, 1, isKeyFrame=False)]),
        "2": answers(JOB=[box("CAR", 0, 0, 1, 1, isKeyFrame=True)]),
        "3": {},
        "assetLevel": {"TEXT": {"text": "a short film"}},
    }
    lines = _lines(response, "VIDEO")

    assert [(line.get("frame"), line["job"], line.get("isKeyFrame")) for line in lines] == [
        (None, "TEXT", None),
        (2, "JOB", True),
        (10, "JOB", False),
    ]
    assert (lines[0]["jobName"], lines[0]["text"]) == ("Remarks", "a short film")


def test_the_name_that_a_labeler_gave_is_told() -> None:
    names = {"ANNOTATION_NAMES_JOB": {"m-rectangle-CAR": "The red one"}}
    (line,) = _lines({**answers(JOB=[box("CAR", 0, 0, 1, 1)]), **names})

    assert line["name"] == "The red one"


def test_what_the_interface_no_longer_has_still_gives_a_line_that_says_so() -> None:
    response = {
        **answers(JOB=[box("TRAM", 0, 0, 1, 1)]),
        "GONE": {"categories": [{"name": "X", "children": {"LOST": {"text": "t"}}}]},
    }
    first, second = _lines(response)

    assert (first["category"], first["categoryName"]) == ("TRAM", None)
    assert first["problems"] == ["job JOB has no category TRAM"]
    assert (second["job"], second["jobName"], second["category"]) == ("GONE", "GONE", "X")
    assert second["problems"] == ["the interface has no job GONE"]
    (child,) = second["categories"][0]["children"]
    assert (child["text"], child["problems"]) == ("t", ["the interface has no job LOST"])


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        ({"JOB": 5}, "its answer is no object"),
        ({"JOB": {"annotations": "x"}}, "its annotations are no list"),
        ({"JOB": {"annotations": [None]}}, "an annotation is no object"),
        ({"JOB": {"annotations": [{"categories": 5}]}}, "its categories are no list"),
        ({"JOB": {"annotations": [{"categories": [5]}]}}, "a category cannot be read"),
        ({"JOB": {"annotations": [{"children": [1]}]}}, "its children are no object"),
        ({"JOB": {"annotations": [{"children": {"COLOR": 1}}]}}, "the answer to its child COLOR"),
        ({"JOB": {"annotations": [{"boundingPoly": [7]}]}}, "its vertices cannot be read"),
        ({"JOB": {"annotations": [{"point": {"x": "1"}}]}}, "its vertices cannot be read"),
        ({"JOB": {"annotations": [{"annotations": [7]}]}}, "its vertices cannot be read"),
    ],
    ids=str,
)
def test_what_cannot_be_read_gives_a_line_that_says_so(response: Json, problem: str) -> None:
    lines = _lines(response)

    assert any(problem in one for line in lines for one in line["problems"])


def test_children_that_never_end_are_cut_and_the_line_says_so() -> None:
    nested: Json = {"text": "deep"}
    for _ in range(3 * DEEPEST):
        nested = {"categories": [{"name": "RED", "children": {"COLOR": nested}}]}
    (line,) = _lines({"COLOR": nested})

    depth = 0
    part = line
    while children := part["categories"][0].get("children"):
        (part,) = children
        depth += 1
    assert depth == DEEPEST
    assert "nest more than" in part["problems"][0]


def test_a_label_without_an_object_for_content_gives_a_line_that_says_so() -> None:
    (line,) = _lines(None)

    assert line["problems"] == ["the label's content is no object"]


NAMES = (
    "JOB",
    "COLOR",
    "TEXT",
    "annotations",
    "categories",
    "children",
    "name",
    "boundingPoly",
    "point",
    "polyline",
    "points",
    "normalizedVertices",
    "x",
    "y",
    "0",
    "1",
    "assetLevel",
    "ROTATION_JOB",
    "rotation",
    "mid",
    "type",
    "text",
    "fileId",
    "pageNumberArray",
    "polys",
    "ANNOTATION_NAMES_JOB",
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@given(JSON_VALUES, st.sampled_from(["IMAGE", "VIDEO", "PDF", "TEXT", "GEOSPATIAL"]))
def test_nothing_that_a_label_may_hold_stops_the_rest(content: Any, input_type: str) -> None:
    for line in _lines(content, input_type):
        assert {"assetId", "labelId", "categories"} <= line.keys()
        assert line.get("job") or line["problems"]


def test_every_key_of_a_video_is_a_frame_or_a_job() -> None:
    box_answer = answers(JOB=[box("CAR", 0, 0, 1, 1)])
    response = {"1": box_answer, "01": box_answer, "9" * 5000: box_answer, "TEXT": {"text": "t"}}
    lines = _lines(response, "VIDEO")

    assert [line.get("frame") for line in lines] == [None, None, 1, 1]
    assert [line["job"] for line in lines] == ["9" * 5000, "TEXT", "JOB", "JOB"]
