"""On what ordinary projects hold, our archives are the SDK's, file for file."""

from dataclasses import replace
from typing import Any

import pytest

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.core.project import Project
from tests.contract.formats_corpus import image_assets, image_project
from tests.support.archive_of import archive_of
from tests.support.kili_samples import Json, asset, fetched, job, label, project
from tests.support.sdk_reference import SdkFailure, compare_archives, sdk_archive

FORMATS = ("kili", "raw", "yolo_v4", "yolo_v5", "yolo_v7", "yolo_v8", "coco")
VARIANTS: dict[str, dict[str, Any]] = {
    "last-step": {"export_type": ExportType.LATEST_FROM_LAST_STEP},
    "not-sent-back": {"include_sent_back_labels": False},
    "last-step-not-sent-back": {
        "export_type": ExportType.LATEST_FROM_LAST_STEP,
        "include_sent_back_labels": False,
    },
    "reviews-only": {
        "export_type": ExportType.LATEST_FROM_LAST_STEP,
        "label_type_in": ("REVIEW",),
    },
    "predictions": {"label_type_in": ("PREDICTION", "INFERENCE")},
    "no-types-means-default-types": {"label_type_in": ()},
    "two-assets": {"asset_ids": ("as_1", "as_200")},
    "nothing-matches": {"label_type_in": ("HONEYPOT",)},
}
RAW_VARIANTS: dict[str, dict[str, Any]] = {
    "normal": {"export_type": ExportType.NORMAL},
    "normal-with-autosaves": {
        "export_type": ExportType.NORMAL,
        "label_type_in": ("DEFAULT", "AUTOSAVE"),
    },
    "normal-not-sent-back": {
        "export_type": ExportType.NORMAL,
        "include_sent_back_labels": False,
    },
    "all-steps": {"export_type": ExportType.LATEST_FROM_ALL_STEPS},
    "normalized": {"normalized_coordinates": True},
    "pixels": {"normalized_coordinates": False},
    "single-file": {"single_file": True},
    "single-file-normal": {"single_file": True, "export_type": ExportType.NORMAL},
    "single-file-nothing": {"single_file": True, "label_type_in": ("HONEYPOT",)},
}


def assert_agreement(exported: Project, assets: list[Json], options: ExportOptions) -> None:
    theirs = sdk_archive(exported, assets, options)
    ours = archive_of(exported, [fetched(answer) for answer in assets], options)
    assert compare_archives(ours, theirs, options.format) == []


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("format_name", FORMATS)
def test_archive_is_the_sdks(format_name: str, layout: Layout) -> None:
    assert_agreement(image_project(), image_assets(), ExportOptions(format_name, layout=layout))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("format_name", "layout"),
    [
        ("kili", Layout.SPLIT),
        ("yolo_v5", Layout.SPLIT),
        ("yolo_v8", Layout.MERGED),
        ("coco", Layout.SPLIT),
        ("coco", Layout.MERGED),
    ],
)
def test_archive_with_options_is_the_sdks(format_name: str, layout: Layout, variant: str) -> None:
    options = ExportOptions(format_name, layout=layout, **VARIANTS[variant])
    assert_agreement(image_project(), image_assets(), options)


@pytest.mark.parametrize("variant", [None, *VARIANTS])
def test_pascal_voc_archive_is_the_sdks(variant: str | None) -> None:
    chosen = VARIANTS[variant] if variant else {}
    options = ExportOptions("pascal_voc", layout=Layout.MERGED, **chosen)
    assert_agreement(image_project(), image_assets(), options)


@pytest.mark.parametrize("variant", RAW_VARIANTS)
def test_raw_archive_with_options_is_the_sdks(variant: str) -> None:
    options = ExportOptions("raw", **RAW_VARIANTS[variant])
    assert_agreement(image_project(), image_assets(), options)


@pytest.mark.parametrize("format_name", ["kili", "raw"])
def test_raw_archive_of_pictures_without_a_size_is_the_sdks(format_name: str) -> None:
    turned = label({**image_assets()[-6]["latestLabel"]["jsonResponse"]})
    turned["jsonResponse"]["ROTATION_JOB"] = {"rotation": 90}
    assets = [asset(1, "unknown.jpg", turned, resolution=None), asset(2, "b.jpg", turned)]
    assert_agreement(image_project(), assets, ExportOptions(format_name))


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("format_name", FORMATS)
def test_project_without_description_or_labels_is_the_sdks(
    format_name: str, layout: Layout
) -> None:
    bare = image_project(description=None, title='A "title"\nin two lines')
    assert_agreement(bare, [], ExportOptions(format_name, layout=layout))


@pytest.mark.parametrize(
    "options",
    [
        ExportOptions("yolo_v8", single_file=True),
        ExportOptions("yolo_v4", normalized_coordinates=False),
        ExportOptions("coco", normalized_coordinates=True),
        ExportOptions("pascal_voc", layout=Layout.MERGED, normalized_coordinates=True),
        ExportOptions("pascal_voc", layout=Layout.MERGED, single_file=True),
        ExportOptions("pascal_voc", layout=Layout.SPLIT),
    ],
    ids=str,
)
def test_options_that_the_sdk_refuses_are_refused(options: ExportOptions) -> None:
    with pytest.raises(SdkFailure, match="NotCompatibleOptions"):
        sdk_archive(image_project(), [], options)
    with pytest.raises(IncompatibleProject):
        archive_of(image_project(), [], options)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize(
    ("format_name", "jobs"),
    [
        ("yolo_v8", {"A": job(["X"], ["marker"]), "B": job(["X"], ["rectangle", "marker"])}),
        ("yolo_v5", {"A": job(["X"], None)}),
        ("yolo_v5", {"A": job(["X"], ["rectangle"], "CLASSIFICATION")}),
        ("coco", {"A": job(["X"], ["polygon"])}),
        ("coco", {}),
    ],
)
def test_projects_without_a_usable_job_are_refused(
    format_name: str, jobs: dict[str, Json], layout: Layout
) -> None:
    options = ExportOptions(format_name, layout=layout)
    with pytest.raises(SdkFailure, match="NoCompatibleJobError"):
        sdk_archive(project(jobs), [], options)
    with pytest.raises(IncompatibleProject, match="Choose another format"):
        archive_of(project(jobs), [], options)


@pytest.mark.parametrize("format_name", ["yolo_v8", "coco", "pascal_voc"])
def test_input_types_that_the_sdk_refuses_are_refused(format_name: str) -> None:
    texts = replace(image_project(), input_type="TEXT")
    with pytest.raises(SdkFailure, match="NotCompatibleInputType"):
        sdk_archive(texts, [], ExportOptions(format_name, Layout.MERGED))
    with pytest.raises(IncompatibleProject, match="TEXT"):
        archive_of(texts, [], ExportOptions(format_name, Layout.MERGED))


def test_the_judge_sees_a_changed_byte() -> None:
    options = ExportOptions("yolo_v8")
    theirs = sdk_archive(image_project(), image_assets(), options)
    path = next(path for path, data in theirs.items() if data and "/labels/" in path)
    changed = {**theirs, path: theirs[path].replace(b"0", b"1", 1)}
    assert len(compare_archives(changed, theirs, "yolo_v8")) == 1
