"""Where our archives differ from the SDK's on purpose, by the number of the SDK's quirk.

Each case shows what the SDK does, so that a change of the SDK shows, and what is written instead.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from kili_export.core.errors import AssetError, IncompatibleProject
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.formats.registry import format_named
from tests.contract.formats_corpus import SQUARE, image_project
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
from tests.support.sdk_reference import SdkFailure, compare_archives, csv_rows, sdk_archive

GOOD = box("CAR", 0.1, 0.2, 0.6, 0.8)
FORMATS = ("kili", "yolo_v8", "coco", "pascal_voc")
NO_POINTS = shape("rectangle", "CAR", ring())
NO_TYPE = {name: value for name, value in GOOD.items() if name != "type"}
NO_POLY = {name: value for name, value in GOOD.items() if name != "boundingPoly"}
NO_CATEGORIES = {**GOOD, "categories": []}
BROKEN_POINT = shape("rectangle", "CAR", {"normalizedVertices": [{"x": "0.5", "y": 1}]})
TWO_POINTS = shape("semantic", "A", ring((0.1, 0.1), (0.5, 0.5)))
FLAT_HOLE = shape("semantic", "A", ring(*SQUARE), ring((0.2, 0.2), (0.3, 0.3)))
MARKER = {"type": "marker", "point": {"x": 0.5, "y": 0.5}, "categories": [{"name": "CAR"}]}


def exported(
    response: Json, format_name: str, layout: Layout = Layout.MERGED, **more: Any
) -> dict[str, bytes]:
    answer = asset(1, "a.jpg", label(response), **more)
    return archive_of(image_project(), [fetched(answer)], ExportOptions(format_name, layout=layout))


def sdk_fails(response: Json, format_name: str, layout: Layout = Layout.MERGED, **more: Any) -> str:
    options = ExportOptions(format_name, layout=layout)
    assets = [asset(1, "a.jpg", label(response), **more)]
    with pytest.raises(SdkFailure) as failure:
        sdk_archive(image_project(), assets, options)
    return repr(failure.value.error)


@pytest.mark.parametrize(
    ("format_name", "broken", "error"),
    [
        pytest.param(
            "yolo_v8", answers(BOXES=[box("GONE", 0, 0, 1, 1)]), "KeyError", id="23-yolo-category"
        ),
        pytest.param(
            "coco", answers(BOXES=[box("GONE", 0, 0, 1, 1)]), "KeyError", id="23-coco-category"
        ),
        pytest.param("yolo_v8", answers(BOXES=[NO_TYPE]), "KeyError", id="24-yolo-type"),
        pytest.param("coco", answers(MIXED=[MARKER]), "KeyError", id="25-coco-marker"),
        pytest.param("coco", answers(BOXES=[NO_POLY]), "KeyError", id="25-coco-no-outline"),
        pytest.param("coco", answers(MASKS=[TWO_POINTS]), "ValueError", id="26-coco-two-points"),
        pytest.param("coco", answers(BOXES=[NO_POINTS]), "ValueError", id="26-coco-no-points"),
        pytest.param("yolo_v8", answers(BOXES=[NO_POINTS]), "ValueError", id="26-yolo-no-points"),
        pytest.param("yolo_v8", answers(BOXES=[None]), "TypeError", id="26-yolo-null"),
        pytest.param("kili", answers(BOXES=[None]), "TypeError", id="26-raw-null"),
        pytest.param(
            "coco",
            answers(BOXES=[shape("rectangle", "CAR")]),
            "IndexError",
            id="26-coco-empty-outline",
        ),
        pytest.param("coco", {"BOXES": {}}, "KeyError", id="26-coco-no-annotations"),
        pytest.param("coco", {"BOXES": None}, "TypeError", id="26-coco-null-answer"),
        pytest.param("yolo_v8", {"BOXES": None}, "TypeError", id="26-yolo-null-answer"),
        pytest.param(
            "yolo_v8", answers(BOXES=[NO_CATEGORIES]), "IndexError", id="26-yolo-no-categories"
        ),
        pytest.param("yolo_v8", answers(BOXES=[BROKEN_POINT]), "TypeError", id="26-yolo-text"),
        pytest.param("kili", answers(BOXES=[BROKEN_POINT]), "", id="26-raw-text"),
        pytest.param("yolo_v8", {"ROTATION_JOB": {}}, "", id="26-yolo-rotation"),
    ],
)
def test_what_cannot_be_read_is_skipped_alone(format_name: str, broken: Json, error: str) -> None:
    if error:
        assert error in sdk_fails(broken, format_name)
    sound = {"MASKS": {"annotations": [shape("semantic", "A", ring(*SQUARE))]}}
    mixed = {**broken, "MASKS": {"annotations": [*_annotations(sound), *_annotations(broken)]}}
    if "MASKS" not in broken:
        mixed = {**broken, **sound}
    ours = exported(mixed, format_name)
    if format_name == "kili":
        assert b'"vertices"' in ours["labels/a.jpg.json"]
    else:
        assert compare_archives(ours, exported(sound, format_name), format_name) == []
    answer = fetched(asset(1, "a.jpg", label(mixed)))
    losses = losses_of(image_project(), answer, ExportOptions(format_name, Layout.MERGED))
    assert bool(losses) == any(
        _annotations({"MASKS": answered}) for answered in broken.values() if answered
    )


def _annotations(response: Json) -> list[Any]:
    answered: Json = response.get("MASKS") or {}
    return list(answered.get("annotations", []))


def test_26_a_hole_that_is_a_line_is_left_out_of_coco() -> None:
    assert "linearring" in sdk_fails(answers(MASKS=[FLAT_HOLE]), "coco")
    solid = answers(MASKS=[shape("semantic", "A", ring(*SQUARE))])
    ours = exported(answers(MASKS=[FLAT_HOLE]), "coco")
    assert compare_archives(ours, exported(solid, "coco"), "coco") == []


def test_27_a_picture_of_unknown_size_is_left_out_of_coco_and_reported() -> None:
    assert "NotExportableAssetError" in sdk_fails(answers(BOXES=[GOOD]), "coco", resolution=None)
    ours = exported(answers(BOXES=[GOOD]), "coco", resolution=None)
    assert b'"images": [], "annotations": []' in ours["labels.json"]
    answer = fetched(asset(1, "a.jpg", label(answers(BOXES=[GOOD])), resolution=None))
    (loss,) = losses_of(image_project(), answer, ExportOptions("coco"))
    assert "size" in loss.reason


@pytest.mark.parametrize(
    "resolution", [{"width": None, "height": None}, {}, {"width": 3, "height": float("nan")}]
)
@pytest.mark.parametrize("format_name", FORMATS)
def test_27_a_broken_size_stops_nothing(format_name: str, resolution: Json) -> None:
    assert exported(answers(BOXES=[GOOD]), format_name, resolution=resolution)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 10**400, True])
@pytest.mark.parametrize("format_name", FORMATS)
def test_26_numbers_without_a_value_stop_nothing(format_name: str, number: Any) -> None:
    response = answers(BOXES=[box("CAR", 0.1, number, 0.6, 0.8), GOOD])
    ours = exported(response, format_name)
    if format_name != "kili":
        clean = exported(answers(BOXES=[GOOD]), format_name)
        assert compare_archives(ours, clean, format_name) == []


HOSTILE_NAMES = {
    "../../../x": "x",
    "/abs/x": "abs/x",
    "a//b/./../c": "a/b/c",
    "..\\..\\x": "x",
    "..": "_",
    "": "_",
    "a\x00b": "a_b",
    "tab\there": "tab_here",
    "nul.jpg/x": "_nul.jpg/x",
    "folder../x": "folder__/x",
    "half \ud800 pair": "half _ pair",
}
MEMBERS: Mapping[str, str] = {
    "kili": "labels/{}.json",
    "yolo_v8": "labels/{}.txt",
    "pascal_voc": "labels/{}.xml",
}


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: f"14-20-{name!a}")
@pytest.mark.parametrize("format_name", FORMATS)
def test_14_20_names_stay_inside_the_archive(format_name: str, name: str) -> None:
    answer = fetched(asset(1, name, label(answers(BOXES=[GOOD]))))
    ours = archive_of(image_project(), [answer], ExportOptions(format_name, Layout.MERGED))
    safe = HOSTILE_NAMES[name]
    if format_name == "coco":
        assert f'"file_name": "data/{safe}"'.encode() in ours["labels.json"]
    else:
        path = MEMBERS[format_name].format(
            safe.replace(" ", "_") if format_name == "kili" else safe
        )
        assert path in ours
    reasons = [
        loss.reason for loss in losses_of(image_project(), answer, ExportOptions(format_name))
    ]
    assert any("external id" in reason for reason in reasons)


def test_14_the_sdk_writes_outside_the_archive() -> None:
    # Far enough up to leave the archive, not the SDK's temporary folder.
    assets = [asset(1, "../../x", label(answers(BOXES=[GOOD])))]
    theirs = sdk_archive(image_project(), assets, ExportOptions("yolo_v8", Layout.MERGED))
    assert not [path for path in theirs if path.startswith("labels/")]


def test_20_a_name_that_is_too_long_is_cut_for_each_label_on_its_own() -> None:
    response = label(answers(BOXES=[GOOD]))
    answer = asset(1, "é" * 200 + ".jpg", response, response)
    options = ExportOptions("yolo_v8", Layout.MERGED, export_type=ExportType.LATEST_FROM_LAST_STEP)
    with pytest.raises(SdkFailure, match="too long"):
        sdk_archive(image_project(), [answer], options)
    ours = archive_of(image_project(), [fetched(answer)], options)
    files = [path for path in ours if path.startswith("labels/")]
    assert len(files) == 2
    assert all(len(path.split("/")[1].encode()) <= 255 for path in files)
    assert all(path.endswith(".txt") for path in files)


def test_15_names_of_jobs_are_paths_as_well() -> None:
    jobs = {"../J": job(["CAR"]), "K": job(["CAR"])}
    response = answers(**{"../J": [GOOD]})
    for format_name, path in (("yolo_v8", "J/labels/a.txt"), ("coco", "J/labels.json")):
        answer = fetched(asset(1, "a.jpg", label(response)))
        ours = archive_of(project(jobs), [answer], ExportOptions(format_name))
        assert path in ours
        assert not [member for member in ours if ".." in member]


AWKWARD_CLASSES = ["it's", 'say "x"', "B: #x", "é", "line\nbreak", "\u2028", "\ud800", "\x7f", "😀"]


@pytest.mark.parametrize("format_name", ["yolo_v5", "yolo_v7", "yolo_v8"])
@pytest.mark.parametrize("layout", Layout)
def test_16_class_names_are_what_yaml_reads(format_name: str, layout: Layout) -> None:
    jobs = {"J": job(AWKWARD_CLASSES)}
    ours = archive_of(project(jobs), [], ExportOptions(format_name, layout=layout))
    data = ours["data.yaml" if layout is Layout.MERGED else "J/data.yaml"]
    names = yaml.safe_load(data)["names"]
    read = list(names.values()) if isinstance(names, dict) else names
    prefix = "J/" if layout is Layout.MERGED else ""
    assert read == [f"{prefix}{name}" for name in AWKWARD_CLASSES]


@pytest.mark.parametrize(
    "name", ["NO", "on", "12", "1.5", "0x1F", "1e3", "null", "2026-01-01", "-", "- a", "a ", ".inf"]
)
def test_16_words_that_yaml_takes_for_something_else_are_quoted(name: str) -> None:
    exporting = project({"J": job([name, "OK"])})
    theirs = sdk_archive(exporting, [], ExportOptions("yolo_v5"))["J/data.yaml"]
    try:
        misread = yaml.safe_load(theirs)["names"][0] != name
    except yaml.YAMLError:
        misread = True
    assert misread or name == "1e3"  # which only YAML 1.2 reads as a number
    ours = archive_of(exporting, [], ExportOptions("yolo_v5"))["J/data.yaml"]
    assert yaml.safe_load(ours) == {"names": {0: name, 1: "OK"}}
    listed = archive_of(exporting, [], ExportOptions("yolo_v8"))["J/data.yaml"]
    assert listed == sdk_archive(exporting, [], ExportOptions("yolo_v8"))["J/data.yaml"]


def test_16_a_line_break_does_not_make_two_classes_of_one_in_yolo_v4() -> None:
    ours = archive_of(project({"J": job(["A\nB", "C"])}), [], ExportOptions("yolo_v4"))
    assert ours["J/classes.txt"] == b'0 "A\\nB"\n1 "C"\n'


@pytest.mark.parametrize("layout", Layout)
def test_23b_categories_that_share_a_friendly_name_are_all_numbered(layout: Layout) -> None:
    twins = project({"J": job({"A": {"name": "same"}, "B": {"name": "same"}})})
    response = answers(J=[box("A", 0, 0, 0.5, 0.5), box("B", 0, 0, 0.5, 1)])
    answer = asset(1, "a.jpg", label(response))
    with pytest.raises(SdkFailure, match="KeyError"):
        sdk_archive(twins, [answer], ExportOptions("coco", layout=layout))
    ours = archive_of(twins, [fetched(answer)], ExportOptions("coco", layout=layout))
    data = ours["labels.json" if layout is Layout.MERGED else "J/labels.json"]
    assert b'"category_id": 0' in data
    assert b'"category_id": 1' in data


@pytest.mark.parametrize("export_type", [ExportType.NORMAL, ExportType.LATEST_FROM_ALL_STEPS])
@pytest.mark.parametrize("format_name", ["yolo_v8", "coco"])
def test_3_export_types_that_the_sdk_writes_without_labels_are_refused(
    format_name: str, export_type: ExportType
) -> None:
    options = ExportOptions(format_name, Layout.MERGED, export_type=export_type)
    answer = asset(1, "a.jpg", label(answers(BOXES=[GOOD])))
    theirs = sdk_archive(image_project(), [answer], options)
    assert not [path for path in theirs if path.endswith(".txt") and "/" in path]
    with pytest.raises(IncompatibleProject, match="latest_from_last_step"):
        archive_of(image_project(), [fetched(answer)], options)


@pytest.mark.parametrize("format_name", FORMATS)
def test_2_an_empty_selection_selects_nothing(format_name: str) -> None:
    answers_ = [asset(1, "a.jpg", label(answers(BOXES=[GOOD])))]
    options = ExportOptions(format_name, Layout.MERGED, asset_ids=())
    theirs = sdk_archive(image_project(), answers_, options)
    ours = archive_of(image_project(), [fetched(answer) for answer in answers_], options)
    nothing = archive_of(image_project(), [], replace(options, asset_ids=None))
    assert compare_archives(ours, nothing, format_name) == []
    assert compare_archives(ours, theirs, format_name) != []


@pytest.mark.parametrize("format_name", ["yolo_v8", "coco"])
def test_29_a_picture_with_geographic_coordinates_is_refused(format_name: str) -> None:
    layers = [{"useClassicCoordinates": False, "epsg": "EPSG4326"}]
    answer = asset(1, "geo.tif", label(answers(BOXES=[GOOD])), jsonContent=layers)
    assert "NotCompatibleOptions" in sdk_fails(
        answers(BOXES=[GOOD]), format_name, jsonContent=layers
    )
    with pytest.raises(AssetError, match="geographic") as refusal:
        archive_of(image_project(), [fetched(answer)], ExportOptions(format_name))
    assert refusal.value.asset_id == "as_1"


@pytest.mark.parametrize("normalized", [True, False])
def test_29_a_picture_with_geographic_coordinates_is_not_held_in_fractions_or_pixels(
    normalized: bool,
) -> None:
    layers = [{"useClassicCoordinates": False, "epsg": "EPSG4326"}]
    answer = asset(1, "geo.tif", label(answers(BOXES=[GOOD])), jsonContent=layers)
    options = ExportOptions("kili", normalized_coordinates=normalized)
    with pytest.raises(SdkFailure, match="NotCompatibleOptions"):
        sdk_archive(image_project(), [answer], options)
    with pytest.raises(AssetError, match="without normalized_coordinates"):
        archive_of(image_project(), [fetched(answer)], options)
    as_stored = ExportOptions("kili")
    theirs = sdk_archive(image_project(), [answer], as_stored)
    ours = archive_of(image_project(), [fetched(answer)], as_stored)
    assert compare_archives(ours, theirs, "kili") == []


def test_38_jobs_are_in_the_order_of_the_interface() -> None:
    response = answers(BOXES=[GOOD], MASKS=[shape("semantic", "A", ring(*SQUARE))])
    lines = exported(response, "yolo_v8")["labels/a.txt"].splitlines()
    assert [line.split()[0] for line in lines] == [b"1", b"3"]


@pytest.mark.parametrize("format_name", FORMATS)
def test_media_of_connected_storage_are_refused_with_a_way_out(format_name: str) -> None:
    connected = replace(image_project(), has_data_connections=True)
    options = ExportOptions(format_name, Layout.MERGED, with_assets=True)
    with pytest.raises(IncompatibleProject, match="set with_assets to false"):
        format_named(format_name).check(connected, options)


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(IncompatibleProject, match="yolo_v8"):
        archive_of(image_project(), [], ExportOptions("yolo_v9"))


def test_rows_of_remote_assets_follow_the_labels() -> None:
    ours = exported(answers(BOXES=[GOOD]), "yolo_v8", content="https://h/x.jpg")
    assert csv_rows(ours["images/remote_assets.csv"])[1] == ["a.jpg", "https://h/x.jpg", "a.txt"]


VOC = ExportOptions("pascal_voc", Layout.MERGED)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        pytest.param(MARKER, "KeyError", id="25-marker"),
        pytest.param(NO_POLY, "KeyError", id="25-no-outline"),
        pytest.param(shape("rectangle", "CAR"), "IndexError", id="26-empty-outline"),
        pytest.param(NO_POINTS, "ValueError", id="26-no-points"),
        pytest.param(None, "TypeError", id="26-null"),
    ],
)
def test_what_pascal_voc_cannot_hold_is_skipped_alone(broken: Any, error: str) -> None:
    assert error in sdk_fails(answers(BOXES=[broken]), "pascal_voc")
    mixed = exported(answers(BOXES=[broken, GOOD]), "pascal_voc")
    assert mixed == exported(answers(BOXES=[GOOD]), "pascal_voc")
    answer = fetched(asset(1, "a.jpg", label(answers(BOXES=[broken]))))
    assert losses_of(image_project(), answer, VOC)


def test_21_a_control_character_stops_no_xml_file() -> None:
    response = answers(BOXES=[box("C\x01A\ud800R", 0.1, 0.2, 0.6, 0.8)])
    assert "not well-formed" in sdk_fails(
        answers(BOXES=[box("C\x01R", 0.1, 0.2, 0.6, 0.8)]), "pascal_voc"
    )
    assert b"<name>C_A_R</name>" in exported(response, "pascal_voc")["labels/a.jpg.xml"]


def test_27_a_picture_of_unknown_size_is_left_out_of_pascal_voc_and_reported() -> None:
    response = answers(BOXES=[GOOD])
    assert "NotExportableAssetError" in sdk_fails(response, "pascal_voc", resolution=None)
    assert list(exported(response, "pascal_voc", resolution=None)) == ["README.kili.txt"]
    answer = fetched(asset(1, "a.jpg", label(response), resolution=None))
    assert losses_of(image_project(), answer, VOC)
