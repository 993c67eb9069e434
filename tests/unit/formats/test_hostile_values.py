"""Numbers that are none, children in a circle, drawings without end, names from everywhere."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.core.errors import AssetError
from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.core.file_paths import safe_path
from kili_export.core.project import Project
from kili_export.reading.folder_change import checked_path
from tests.support import hostile
from tests.support.archive_of import archive_of
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

FORMATS = ("kili", "coco", "yolo_v8", "pascal_voc", "jsonl")


def files_of(
    format_name: str, response: Json, exporting: Project, compatibility: Compatibility
) -> dict[str, bytes] | None:
    """The archive, None when the asset is refused."""
    options = ExportOptions(format_name, Layout.MERGED, compatibility=compatibility)
    try:
        return archive_of(exporting, [fetched(asset(1, "a.jpg", label(response)))], options)
    except AssetError:
        return None


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("compatibility", list(Compatibility))
def test_any_number_may_stand_where_a_coordinate_should(
    format_name: str, compatibility: Compatibility
) -> None:
    exporting = project({"CARS": job(["BIG"])})

    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(st.tuples(*[hostile.numbers] * 4))
    def survives(corners: tuple[Any, ...]) -> None:
        response = answers(CARS=[box("BIG", *corners, mid="m")])
        files_of(format_name, response, exporting, compatibility)

    survives()


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("compatibility", list(Compatibility))
def test_half_a_character_may_stand_in_the_id_of_an_annotation(
    format_name: str, compatibility: Compatibility
) -> None:
    response = answers(CARS=[box("BIG", 0.1, 0.1, 0.5, 0.5, mid="\ud800")])
    assert files_of(format_name, response, project({"CARS": job(["BIG"])}), compatibility)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("compatibility", list(Compatibility))
def test_children_in_a_circle_end(format_name: str, compatibility: Compatibility) -> None:
    categories = {"A": {"name": "a", "children": ["KIND"]}}
    jobs = {
        "CARS": job({"BIG": {"name": "b", "children": ["KIND"]}}),
        "KIND": job(categories, None, "CLASSIFICATION", isChild=True),
    }
    inner: Json = {"KIND": {"categories": [{"name": "A", "confidence": 1, "children": {}}]}}
    for _ in range(5):
        inner = {"KIND": {"categories": [{"name": "A", "confidence": 1, "children": inner}]}}
    response = answers(CARS=[box("BIG", 0.1, 0.1, 0.5, 0.5, mid="m", children=inner)])
    assert files_of(format_name, response, project(jobs), compatibility)


@pytest.mark.parametrize("format_name", [*FORMATS, "geojson"])
@pytest.mark.parametrize("compatibility", list(Compatibility))
@pytest.mark.parametrize("kind", [[], {}, 1, None, True])
def test_a_type_may_be_anything(
    format_name: str, compatibility: Compatibility, kind: object
) -> None:
    on_earth = {"jsonContent": [{"useClassicCoordinates": False, "epsg": "EPSG4326"}]}
    exporting = project({"CARS": job(["BIG"])})
    drawn = {**box("BIG", 0.1, 0.1, 0.5, 0.5), "type": kind}
    more = on_earth if format_name == "geojson" else {}
    held = fetched(asset(1, "a.jpg", label(answers(CARS=[drawn])), **more))
    options = ExportOptions(format_name, Layout.MERGED, compatibility=compatibility)
    assert archive_of(exporting, [held], options)


def test_a_million_points_are_written() -> None:
    points = [(0.25 + (number % 1000) / 4000, 0.5) for number in range(1_000_000)]
    exporting = project({"CARS": job(["BIG"], tools=["polygon"])})
    response = answers(CARS=[shape("polygon", "BIG", ring(*points))])
    files = files_of("yolo_v8", response, exporting, Compatibility.SDK)
    assert files is not None
    [line] = [data for name, data in files.items() if name.startswith("labels/")]
    assert len(line.split()) == 2_000_001


@given(hostile.names)
def test_any_name_becomes_a_path_that_may_be_written(name: str) -> None:
    path = safe_path(name)
    assert safe_path(path) == path
    if path.partition("/")[0].casefold() != ".kili-export":
        assert checked_path(path) == path


@pytest.mark.parametrize("name", hostile.NAMES, ids=range(len(hostile.NAMES)))
def test_every_name_of_the_list_does(name: str) -> None:
    assert checked_path(f"labels/{safe_path(name)}")


def test_depth_without_end_is_refused() -> None:
    exporting = project({"CARS": job(["BIG"])})
    response: Json = {"CARS": {"annotations": [{"boundingPoly": hostile.nested(20_000)}]}}
    assert files_of("coco", {}, exporting, Compatibility.CORRECTED) is not None
    answer = fetched(asset(1, "a.jpg", label({})))
    deep = {**(answer.latest_label or {}), "jsonResponse": response}
    held = replace(answer, latest_label=deep)
    with pytest.raises(AssetError, match="nested"):
        archive_of(exporting, [held], ExportOptions("kili"))
