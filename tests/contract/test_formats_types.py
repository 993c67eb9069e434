"""Archives of projects that are not made of pictures are the SDK's."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.core.project import Project
from tests.contract.formats_corpus import (
    PAGES,
    SQUARE,
    document_response,
    frames,
    image_assets,
    image_project,
)
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

FORMATS = ("kili", "yolo_v4", "yolo_v8")
FRAME = answers(BOXES=[box("CAR", 0.1, 0.2, 0.6, 0.8)])
MASK = answers(MASKS=[shape("semantic", "A", ring(*SQUARE))])
EMPTY = answers(BOXES=[], MASKS=[])
TURN = {"ROTATION_JOB": {"rotation": 90}}


def assert_agreement(exporting: Project, assets: list[Json], options: ExportOptions) -> None:
    theirs = sdk_archive(exporting, assets, options)
    ours = archive_of(exporting, [fetched(answer) for answer in assets], options)
    assert compare_archives(ours, theirs, options.format) == []


VIDEOS: dict[str, Json] = {
    "dense.mp4": frames(FRAME, EMPTY, {**FRAME, **MASK}, {}, MASK),
    "z first.mp4": frames(*[FRAME] * 11),
    "no shape.mp4": frames(EMPTY, {}, EMPTY),
    "no shape in ten.mp4": frames(*[EMPTY] * 10),
    "empty.mp4": {},
    "sparse.mp4": {"0": FRAME, "7": FRAME, "3": MASK},
    "only late.mp4": {"5": FRAME},
    "turned.mp4": {**frames(FRAME, {**FRAME, **TURN}), **TURN},
    "frame turned.mp4": frames({**MASK, "ROTATION_JOB": {"rotation": 180}}),
    "folder/a.jpg": frames(FRAME),
    "kinds.mp4": frames({**FRAME, "KIND": {"categories": [{"name": "DAY"}], "isKeyFrame": True}}),
}


def video_assets() -> list[Json]:
    videos = [
        asset(number, name, label(response), content="", jsonContent=f"https://h/{number}.json")
        for number, (name, response) in enumerate(VIDEOS.items())
    ]
    several = asset(50, "two.mp4", label(VIDEOS["dense.mp4"]), label(VIDEOS["z first.mp4"]))
    native = asset(51, "native.mp4", label(VIDEOS["dense.mp4"]), resolution=None)
    return [*videos, several, native]


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("export_type", [ExportType.LATEST, ExportType.LATEST_FROM_LAST_STEP])
@pytest.mark.parametrize("format_name", FORMATS)
def test_archive_of_videos_is_the_sdks(
    format_name: str, export_type: ExportType, layout: Layout
) -> None:
    options = ExportOptions(format_name, layout, export_type=export_type)
    assert_agreement(image_project(input_type="VIDEO"), video_assets(), options)


@pytest.mark.parametrize("layout", Layout)
def test_videos_without_frames_make_no_list_of_frames(layout: Layout) -> None:
    videos = [asset(1, "v.mp4", label({}), content="")]
    assert_agreement(image_project(input_type="VIDEO"), videos, ExportOptions("yolo_v8", layout))


def test_22_what_is_said_of_a_whole_video_stops_nothing() -> None:
    exporting = image_project(input_type="VIDEO")
    response = {**frames(FRAME, MASK), "assetLevel": {"KIND": {"categories": [{"name": "DAY"}]}}}
    videos = [asset(1, "v.mp4", label(response), content="")]
    assert_agreement(exporting, videos, ExportOptions("yolo_v8"))
    with pytest.raises(SdkFailure, match="TypeError"):
        sdk_archive(exporting, videos, ExportOptions("kili"))
    written = archive_of(exporting, [fetched(videos[0])], ExportOptions("kili"))
    assert b'"assetLevel"' in written["labels/v.mp4.json"]


def test_6_frames_that_the_sdk_loses_are_reported() -> None:
    sparse = fetched(asset(1, "v.mp4", label(VIDEOS["sparse.mp4"]), content=""))
    losses = losses_of(image_project(input_type="VIDEO"), sparse, ExportOptions("yolo_v8"))
    assert any("frames" in loss.reason for loss in losses)


def test_26_a_frame_without_answers_stops_nothing() -> None:
    exporting = image_project(input_type="VIDEO")
    response = {"0": None, "1": FRAME}
    videos = [asset(1, "v.mp4", label(response), content="")]
    with pytest.raises(SdkFailure, match="TypeError"):
        sdk_archive(exporting, videos, ExportOptions("yolo_v8"))
    ours = archive_of(exporting, [fetched(videos[0])], ExportOptions("yolo_v8", Layout.MERGED))
    assert ours["labels/v.mp4_2.txt"]
    assert_agreement(exporting, videos, ExportOptions("kili"))


@pytest.mark.parametrize("format_name", ["coco", "pascal_voc"])
def test_videos_are_refused_where_their_frames_are_needed(format_name: str) -> None:
    exporting, options = (
        image_project(input_type="VIDEO"),
        ExportOptions(format_name, Layout.MERGED),
    )
    with pytest.raises(SdkFailure, match="FileNotFoundError"):
        sdk_archive(exporting, video_assets(), options)
    with pytest.raises(IncompatibleProject, match="media"):
        archive_of(exporting, [], options)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    st.dictionaries(
        st.integers(0, 12).map(str), st.sampled_from([FRAME, MASK, EMPTY, {}, TURN]), max_size=13
    ),
    st.sampled_from(Layout),
    st.sampled_from(FORMATS),
)
def test_generated_videos_are_exported_as_the_sdk_does(
    response: Json, layout: Layout, format_name: str
) -> None:
    exporting = image_project(input_type="VIDEO")
    videos = [asset(1, "v.mp4", label(response), content="")]
    assert_agreement(exporting, videos, ExportOptions(format_name, layout))


def document_project() -> Project:
    return project(
        {
            "WORDS": job(["W"], None, "NAMED_ENTITIES_RECOGNITION"),
            "BOXES": job(["B"], ["rectangle"]),
            "KIND": job(["DAY"], None, "CLASSIFICATION"),
        },
        "PDF",
    )


@pytest.mark.parametrize("single_file", [False, True])
def test_archive_of_documents_is_the_sdks(single_file: bool) -> None:
    documents = [
        asset(1, "a b.pdf", label(document_response()), pageResolutions=PAGES, resolution=None),
        asset(2, "none.pdf", label({}), pageResolutions=None, resolution=None),
    ]
    options = ExportOptions("kili", single_file=single_file)
    assert_agreement(document_project(), documents, options)


@pytest.mark.parametrize(
    ("pages", "turn"),
    [
        pytest.param(None, {}, id="28-no-pages"),
        pytest.param(PAGES[:1], {}, id="28-a-page-missing"),
        pytest.param(PAGES, TURN, id="turned"),
    ],
)
def test_28_a_document_without_pages_is_written_without_pixels(pages: Any, turn: Json) -> None:
    answer = asset(1, "a.pdf", label({**document_response(), **turn}), pageResolutions=pages)
    with pytest.raises(SdkFailure):
        sdk_archive(document_project(), [answer], ExportOptions("kili"))
    ours = archive_of(document_project(), [fetched(answer)], ExportOptions("kili"))
    assert b'"normalizedVertices"' in ours["labels/a.pdf.json"]
    assert losses_of(document_project(), fetched(answer), ExportOptions("kili"))


@pytest.mark.parametrize("input_type", ["TEXT", "GEOSPATIAL", "AUDIO"])
def test_answers_of_other_projects_are_written_as_they_are(input_type: str) -> None:
    assets = [
        {**answer, "geospatialExportMetadata": [{"width": 10, "height": 20}]}
        for answer in image_assets()
    ]
    assert_agreement(image_project(input_type=input_type), assets, ExportOptions("kili"))


@pytest.mark.parametrize("normalized", [None, True, False])
@pytest.mark.parametrize("metadata", [[{"width": 10, "height": 20.7}], [{"width": 0}], [], None])
def test_archive_of_a_project_labeled_in_pixels_is_the_sdks(
    metadata: Any, normalized: bool | None
) -> None:
    exporting = image_project(
        input_type="GEOSPATIAL", geospatial_settings={"labelingCRSCode": "PIXEL"}
    )
    grouped = {**shape("semantic", "A"), "boundingPoly": [[ring(*SQUARE)], ring(*SQUARE)]}
    extra = {**FRAME, "MASKS": {"annotations": [grouped]}, **TURN}
    assets = [
        {**answer, "geospatialExportMetadata": metadata}
        for answer in [*image_assets(), asset(90, "grouped.tif", label(extra))]
    ]
    options = ExportOptions("kili", normalized_coordinates=normalized)
    assert_agreement(exporting, assets, options)


def test_types_that_are_not_exported_are_refused_with_a_way_out() -> None:
    with pytest.raises(IncompatibleProject, match="LLM_STATIC"):
        archive_of(image_project(input_type="LLM_STATIC"), [], ExportOptions("kili"))
