"""Videos in COCO and Pascal VOC: each frame that a label mentions is a picture."""

import json
from typing import Any

import pytest

from kili_export.core.asset import SelectedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.formats.common.format import Conversion, ExportContext, IdSlot, LossCollector
from kili_export.formats.common.frame_pictures import frames_of
from kili_export.formats.registry import format_of
from tests.support.archive_of import DATED, IdAllocator
from tests.support.kili_samples import Json, answers, box, job, label, project

VIDEOS = project({"BOXES": job(["CAR"]), "MASKS": job(["A"], ["semantic"])}, "VIDEO")
FRAME = answers(BOXES=[box("CAR", 0.1, 0.2, 0.6, 0.8)])
MEDIA = ("images/v.mp4_1.jpg", "images/v.mp4_2.jpg")


def options(format_name: str, layout: Layout = Layout.MERGED, **more: Any) -> ExportOptions:
    return ExportOptions(format_name, layout, **{"with_assets": True, **more})


def converted(
    response: Json, chosen: ExportOptions, *more: Json, media: tuple[str, ...] = MEDIA
) -> Conversion:
    asset = SelectedAsset(
        asset_id="as_1",
        external_id="v.mp4",
        order_key="as_1",
        fields={"resolution": {"width": 100, "height": 50}},
        labels=tuple(label(one) for one in (response, *more)),
        media=media,
    )
    return format_of(chosen).convert(asset, ExportContext(VIDEOS, chosen, DATED))


def entries(conversion: Conversion, kind: str, ids: IdAllocator, asset: str = "as_1") -> list[Json]:
    texts = [
        b"".join(
            str(ids.number(asset, piece)).encode() if isinstance(piece, IdSlot) else piece
            for piece in fragment.template
        )
        for fragment in conversion.fragments
        if fragment.stream.endswith(kind)
    ]
    found: list[Json] = json.loads(b"[" + b", ".join(texts) + b"]")
    return found


def test_frames_are_shown_from_one_with_the_digits_of_the_keys_count() -> None:
    losses = LossCollector()
    response: Json = {"7": {}, "0": {}, "10": {}, "assetLevel": {}, "x": {}, "3": None}
    frames = [(frame.number, frame.shown) for frame in frames_of(response, losses)]
    assert frames == [(7, "8"), (0, "1"), (10, "11"), (3, "4")]
    assert [loss.where for loss in losses.losses] == ["3"]


@pytest.mark.parametrize("format_name", ["coco", "pascal_voc"])
def test_videos_are_refused_without_their_media(format_name: str) -> None:
    without = options(format_name, with_assets=False)
    with pytest.raises(IncompatibleProject, match="set with_assets to true"):
        format_of(without).check(VIDEOS, without)
    format_of(options(format_name)).check(VIDEOS, options(format_name))


def test_pascal_voc_has_a_file_for_every_frame_that_is_mentioned() -> None:
    turned = {**FRAME, "ROTATION_JOB": {"rotation": 90}}
    made = converted({"1": FRAME, "0": {}, "5": turned}, options("pascal_voc"), {"0": FRAME})
    texts = {member.path: member.data.decode() for member in made.members}
    assert list(texts) == [
        "labels/v.mp4_2_label1.xml",
        "labels/v.mp4_1_label1.xml",
        "labels/v.mp4_6_label1.xml",
        "labels/v.mp4_1_label2.xml",
    ]
    assert "<filename>v.mp4_2_label1.jpg</filename>" in texts["labels/v.mp4_2_label1.xml"]
    assert "<xmin>10</xmin>" in texts["labels/v.mp4_2_label1.xml"]
    assert "<object>" not in texts["labels/v.mp4_1_label1.xml"]
    assert "<xmin>20</xmin>" in texts["labels/v.mp4_6_label1.xml"]


def test_coco_has_an_image_for_every_frame_and_annotations_by_job_alone() -> None:
    response = {"0": FRAME, "4": {**FRAME, "ROTATION_JOB": {"rotation": 90}}, "assetLevel": {}}
    ids = IdAllocator()
    split = converted(response, options("coco", Layout.SPLIT))
    images = entries(split, "BOXES/labels.json:image", ids)
    assert [image["file_name"] for image in images] == ["data/v.mp4_1.jpg", "data/v.mp4_5.jpg"]
    annotations = entries(split, "BOXES/labels.json:annotation", ids)
    assert [one["image_id"] for one in annotations] == [image["id"] for image in images]
    assert [one["bbox"] for one in annotations] == [[10, 10, 50, 30]] * 2
    assert len({one["id"] for one in annotations}) == 2
    assert not entries(split, "MASKS/labels.json:annotation", ids)
    merged = converted(response, options("coco"))
    assert len(entries(merged, "labels.json:image", ids)) == 2
    assert not entries(merged, "labels.json:annotation", ids)


def test_40_images_of_several_videos_have_numbers_of_their_own() -> None:
    ids = IdAllocator()
    two_labels = converted({"0": FRAME, "1": FRAME}, options("coco"), {"0": FRAME})
    images = entries(two_labels, "image", ids) + entries(two_labels, "image", ids, "as_2")
    assert len({image["id"] for image in images}) == len(images) == 6
    assert images[2]["file_name"] == "data/v.mp4_label2_1.jpg"


@pytest.mark.parametrize("format_name", ["coco", "pascal_voc"])
def test_a_video_without_frames_or_answers_makes_nothing(format_name: str) -> None:
    without_frames = converted({"0": FRAME}, options(format_name), media=())
    assert not without_frames.members
    assert not without_frames.fragments
    assert [loss.reason for loss in without_frames.losses] == [
        "the video has no frames, so the asset is left out"
    ]
    without_answers = converted({}, options(format_name))
    assert not without_answers.members
    assert not without_answers.fragments
