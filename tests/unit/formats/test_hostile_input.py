"""Whatever an answer of the server holds, a conversion ends well or names the asset it is for."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kili_export.core.errors import AssetError, IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout, Split
from kili_export.core.project import Project
from kili_export.formats.registry import FORMATS, format_named
from tests.contract.formats_corpus import (
    PAGES,
    document_response,
    frames,
    image_assets,
    image_project,
)
from tests.support.archive_of import archive_of
from tests.support.kili_samples import Json, asset, fetched, label

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    float("inf"),
    "",
    "x",
    "90",
    [],
    {},
    [None],
    [[]],
    {"x": 1},
]
TYPES = ("IMAGE", "VIDEO", "PDF", "TEXT", "GEOSPATIAL")
LAYERS = [{"useClassicCoordinates": False, "epsg": "EPSG4326"}]


def spoiled(value: Any, steps: list[int], junk: Any) -> Any:
    """`value` with one place in it, found by walking `steps`, replaced by `junk`."""
    value = copy.deepcopy(value)
    holder: Any = None
    key: Any = None
    current = value
    for step in steps:
        if isinstance(current, dict) and current:
            holder, key = current, sorted(current, key=str)[step % len(current)]
        elif isinstance(current, list) and current:
            holder, key = current, step % len(current)
        else:
            break
        current = holder[key]
    if holder is not None:
        holder[key] = junk
    return value


def subject(kind: str) -> Json:
    """An asset with something of every shape; turned, with nested answers."""
    pictures = {answer["externalId"]: answer for answer in image_assets()}
    response: Json = pictures["turned 90.jpg"]["latestLabel"]["jsonResponse"]
    if kind == "VIDEO":
        response = frames(response, response)
    if kind == "PDF":
        response = document_response()
    metadata = [{"width": 5, "height": 6}]
    one = label(response)
    return asset(1, "a.jpg", one, one, pageResolutions=PAGES, geospatialExportMetadata=metadata)


def exports(format_name: str, exporting: Project, answer: Json, export_type: ExportType) -> None:
    for compatibility in Compatibility:
        options = ExportOptions(
            format_name,
            Layout.MERGED,
            export_type=export_type,
            compatibility=compatibility,
            split=Split(0.5, 0.5, 0.0, "site"),
        )
        try:
            files = archive_of(exporting, [fetched(answer, answer.get("layers"))], options)
        except (AssetError, IncompatibleProject):
            continue
        read_json_files(files)


def read_json_files(files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        if path.endswith(("json", "geojson")) and b"Infinity" not in data:
            json.loads(data)


@pytest.mark.parametrize(
    "format_name", [name for name in FORMATS if name not in ("raw", "yolo_v7")]
)
def test_a_spoiled_label_stops_nothing_but_its_asset(format_name: str) -> None:
    @settings(derandomize=True, deadline=None, max_examples=60)
    @given(
        st.sampled_from(TYPES),
        st.lists(st.integers(0, 40), min_size=1, max_size=12),
        st.sampled_from(JUNK),
        st.sampled_from([ExportType.LATEST, ExportType.LATEST_FROM_LAST_STEP]),
    )
    def survives(kind: str, steps: list[int], junk: Any, export_type: ExportType) -> None:
        answer = subject(kind)
        for selection in ("latestLabel", "latestLabels"):
            of_labels = answer[selection]
            many = isinstance(of_labels, list)
            for one in of_labels if many else [of_labels]:
                one["jsonResponse"] = spoiled(one["jsonResponse"], steps, junk)
        exports(format_name, image_project(kind), answer, export_type)

    survives()


@pytest.mark.parametrize(
    "format_name", [name for name in FORMATS if name not in ("raw", "yolo_v7")]
)
def test_spoiled_fields_stop_nothing_but_their_asset(format_name: str) -> None:
    @settings(derandomize=True, deadline=None, max_examples=30)
    @given(
        st.sampled_from(TYPES),
        st.sampled_from(
            ["content", "jsonContent", "layers", "resolution", "pageResolutions", "jsonMetadata"]
        ),
        st.lists(st.integers(0, 3), max_size=2),
        st.sampled_from(JUNK),
    )
    def survives(kind: str, name: str, steps: list[int], junk: Any) -> None:
        answer = subject(kind)
        answer["layers"] = LAYERS
        answer[name] = spoiled([answer[name]], [0, *steps], junk)[0]
        exports(format_name, image_project(kind), answer, ExportType.LATEST)

    survives()


@pytest.mark.parametrize(
    "format_name", [name for name in FORMATS if name not in ("raw", "yolo_v7")]
)
def test_a_spoiled_interface_is_refused_or_exported(format_name: str) -> None:
    @settings(derandomize=True, deadline=None, max_examples=40)
    @given(st.lists(st.integers(0, 12), min_size=1, max_size=7), st.sampled_from(JUNK))
    @example([0], [])
    def survives(steps: list[int], junk: Any) -> None:
        interface = spoiled(image_project().json_interface, steps, junk)
        exporting = image_project(json_interface=interface)
        exports(format_name, exporting, subject("IMAGE"), ExportType.LATEST)

    survives()


@pytest.mark.parametrize("format_name", ["kili", "geojson"])
def test_an_answer_that_is_nested_without_end_is_refused(format_name: str) -> None:
    nested: Any = {}
    for _ in range(20_000):
        nested = {"children": nested}
    answer = fetched(asset(1, "a.jpg", label({}), jsonContent=LAYERS))
    assert answer.latest_label is not None
    response = {"KIND": {"categories": [nested]}}
    deep = {**answer.latest_label, "jsonResponse": response}
    options = ExportOptions(format_name, Layout.MERGED)
    writer = format_named(format_name)
    with pytest.raises(AssetError, match="nested"):
        archive_of(image_project(), [type(answer)(**_with(answer, latest_label=deep))], options)
    assert writer.version


def _with(answer: Any, **changed: Any) -> dict[str, Any]:
    fields = {name: getattr(answer, name) for name in answer.__slots__}
    return {**fields, **changed}


@pytest.mark.parametrize(
    ("format_name", "where"),
    [("kili", "shape"), ("coco", "shape"), ("yolo_v8", "shape"), ("yolo_v8", "metadata")],
)
def test_endless_nesting_is_refused_in_corrected_archives_too(format_name: str, where: str) -> None:
    nested: Any = []
    for _ in range(20_000):
        nested = [nested]
    answer = fetched(asset(1, "a.jpg", label({})))
    drawn = {"BOXES": {"annotations": [{"boundingPoly": nested}]}}
    made = _with(
        answer,
        latest_label={
            **(answer.latest_label or {}),
            "jsonResponse": drawn if where == "shape" else {},
        },
        fields={**answer.fields, "jsonMetadata": {"site": nested if where == "metadata" else 1}},
    )
    options = ExportOptions(
        format_name,
        Layout.MERGED,
        compatibility=Compatibility.CORRECTED,
        split=Split(0.5, 0.5, 0.0, "site"),
    )
    with pytest.raises(AssetError, match="nested"):
        archive_of(image_project(), [type(answer)(**made)], options)


def test_frames_with_endless_numbers_are_no_frames() -> None:
    response: Json = {"9" * 5000: {"BOXES": {"annotations": []}}, "0": {}}
    answer = asset(1, "v.mp4", label(response))
    for format_name in ("kili", "yolo_v8"):
        exports(format_name, image_project("VIDEO"), answer, ExportType.LATEST)
