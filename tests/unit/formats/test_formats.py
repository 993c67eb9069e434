"""Formats as maps: what one asset gives, whatever the others are."""

import copy
import json
from datetime import datetime

import pytest

from kili_export.core.export_options import ExportOptions, Layout
from kili_export.formats.coco.coco import CocoFormat
from kili_export.formats.common.format import ExportContext, IdSlot
from kili_export.formats.common.readme import dated, readme
from kili_export.formats.registry import FORMATS, format_named
from tests.support.archive_of import DATED, IdAllocator, archive_of, conversion_of
from tests.support.kili_samples import Json, answers, asset, box, fetched, job, label, project

PROJECT = project({"BOXES": job(["CAR", "BUS"])})
BOX = box("CAR", 0.1, 0.2, 0.6, 0.8)


def keys(*annotations: Json, layout: Layout = Layout.MERGED) -> list[str]:
    context = ExportContext(PROJECT, ExportOptions("coco", layout=layout), DATED)
    answer = fetched(asset(1, "a.jpg", label(answers(BOXES=list(annotations)))))
    conversion = conversion_of(CocoFormat(), answer, context)
    assert conversion is not None
    return [
        piece.key
        for fragment in conversion.fragments
        if fragment.stream.endswith(":annotation")
        for piece in fragment.template
        if isinstance(piece, IdSlot) and piece.namespace.endswith(":annotation")
    ]


def test_an_annotation_keeps_its_key_when_another_goes() -> None:
    one, two = {**BOX, "mid": "a"}, {**BOX, "mid": "b"}
    assert keys(one, two)[1:] == keys(two)


def test_annotations_without_or_with_equal_mids_have_keys_of_their_own() -> None:
    bare = {name: value for name, value in BOX.items() if name != "mid"}
    twin = {**BOX, "mid": "a"}
    tricky = {**BOX, "mid": "a#2"}
    found = keys(bare, bare, tricky, twin, twin, twin)
    assert len(set(found)) == 6


def test_numbers_start_where_the_sdk_starts_them() -> None:
    answer = fetched(asset(1, "a.jpg", label(answers(BOXES=[BOX]))))
    document = json.loads(
        archive_of(PROJECT, [answer], ExportOptions("coco", Layout.MERGED))["labels.json"]
    )
    assert document["images"][0]["id"] == 0
    assert document["annotations"][0]["id"] == 1


def test_a_changed_asset_keeps_the_numbers_of_all_others() -> None:
    options, ids = ExportOptions("coco", Layout.MERGED), IdAllocator()
    answers_ = [
        fetched(asset(number, f"{number}.jpg", label(answers(BOXES=[{**BOX, "mid": "a"}]))))
        for number in range(3)
    ]
    before = json.loads(archive_of(PROJECT, answers_, options, ids)["labels.json"])
    more = label(answers(BOXES=[{**BOX, "mid": "new"}, {**BOX, "mid": "a"}]))
    answers_[0] = fetched(asset(0, "0.jpg", more))
    after = json.loads(archive_of(PROJECT, answers_, options, ids)["labels.json"])
    assert after["images"] == before["images"]
    assert [entry["id"] for entry in after["annotations"]] == [4, 1, 2, 3]


@pytest.mark.parametrize("format_name", FORMATS)
def test_converting_changes_nothing_of_its_input(format_name: str) -> None:
    response = {**answers(BOXES=[copy.deepcopy(BOX)]), "ROTATION_JOB": {"rotation": 90}}
    answer = fetched(asset(1, "a.jpg", label(response)))
    before = copy.deepcopy(answer)
    archive_of(PROJECT, [answer], ExportOptions(format_name, Layout.MERGED))
    assert answer == before


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_asset_gives_the_same_bytes(format_name: str) -> None:
    answer = asset(1, "a.jpg", label(answers(BOXES=[BOX])))
    options = ExportOptions(format_name, Layout.MERGED)
    assert archive_of(PROJECT, [fetched(answer)], options) == archive_of(
        PROJECT, [fetched(answer)], options
    )


@pytest.mark.parametrize(
    "moment", ["2026-11-22T16:00:00+01:00", "2026-11-22T15:00:00Z", "2026-11-22T15:00:00"]
)
def test_dates_are_utc_wherever_they_come_from(moment: str) -> None:
    context = ExportContext(PROJECT, ExportOptions("raw"), moment)
    assert dated(context) == datetime(2026, 11, 22, 15)  # noqa: DTZ001 - written without a zone
    assert b"- Export date: 20261122-150000\n- Exported format: raw\n" in readme(context).data


def test_formats_are_found_by_name() -> None:
    for name in FORMATS:
        assert format_named(name).version
