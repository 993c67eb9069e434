"""Pictures out of documents of all labels, as our own converters write them."""

import json
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from kili_export.core.errors import ChangesUnknown, IntegrityError, InvalidConfiguration
from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.reading.published_export import PublishedExport
from kili_export.viewing import label_documents
from kili_export.viewing.gallery import Gallery, Wanted
from kili_export.viewing.label_documents import pictures_in_documents, read_coco
from kili_export.viewing.pictures import Label, Shape
from tests.support.kili_samples import answers, job, label, project, ring, shape
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import put

ANN, BOB = "ann@example.com", "bob@example.com"
CORNERS = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))
HOLE = ((0.3, 0.1), (0.4, 0.1), (0.4, 0.2))
MASK = shape("semantic", "BIG", ring(*CORNERS), ring(*HOLE))
MARKER = {**shape("marker", "BIG"), "point": {"x": 0.25, "y": 0.75}}
COCO = ExportOptions("coco", layout=Layout.MERGED, with_assets=True)
JSONL = ExportOptions("jsonl", export_type=ExportType.NORMAL, with_assets=True)
ONE_FILE = ExportOptions("raw", export_type=ExportType.NORMAL, single_file=True, with_assets=True)


def made(who: str, *drawn: Any) -> Any:
    return label(answers(CARS=list(drawn)), author={"email": who})


def bench_of(options: ExportOptions) -> Workbench:
    """Two pictures: one with a label of Ann's and a later one of Bob's, one with Ann's alone."""
    interface = project({"CARS": job(["BIG"], ["semantic", "marker"])})
    bench = Workbench(interface, {"made": options})
    label_assets(bench, {0: [made(ANN, MASK), made(BOB, MASK, MARKER)], 1: [made(ANN)]})
    bench.rebuild()
    return bench


def label_assets(bench: Workbench, labels: dict[int, list[Any]]) -> None:
    for number, held in labels.items():
        key = put(bench, number, f"d/{number}.png")
        bench.kili.assets[key] = replace(
            bench.kili.assets[key],
            latest_label=held[-1],
            labels=tuple({**one, "id": f"{key}-{which}"} for which, one in enumerate(held)),
            fingerprint=json.dumps(held),
        )


def export_of(bench: Workbench) -> PublishedExport:
    return PublishedExport(bench.objects, bench.manifest("made"))


def with_hole(name: str) -> Shape:
    return Shape(name, (CORNERS, HOLE))


@pytest.mark.parametrize("options", [JSONL, ONE_FILE], ids=lambda one: one.format)
def test_each_picture_has_the_labels_of_each_author(options: ExportOptions) -> None:
    first, second = pictures_in_documents(export_of(bench_of(options))).values()
    dot = Shape("BIG", (((0.25, 0.75),),), is_closed=False)
    assert first.labels == (
        Label((with_hole("BIG"),), ANN),
        Label((with_hole("BIG"), dot), BOB),
    )
    assert second.labels == (Label((), ANN),)
    assert (first.asset_id, second.asset_id) == ("as_000", "as_001")
    assert (first.name or first.path, second.name or second.path) == ("d/0.png", "d/1.png")


@pytest.mark.parametrize("options", [COCO, JSONL, ONE_FILE], ids=lambda one: one.format)
def test_pictures_are_those_that_the_export_has(options: ExportOptions) -> None:
    bench = bench_of(options)
    pictures = Gallery(export_of(bench)).page(Wanted()).pictures
    files = bench.files("made")
    assert [files[one.medium or ""] for one in pictures] == [
        bench.kili.files[f"/{number}-0"][0] for number in (0, 1)
    ]


def test_masks_of_coco_are_drawn_with_their_holes() -> None:
    first, second = pictures_in_documents(export_of(bench_of(COCO))).values()
    [drawn] = first.shown.shapes
    assert drawn.label == "CARS/BIG"
    outline, hole = drawn.lines
    for line, corners in ((outline, CORNERS), (hole, HOLE)):
        assert [*chain(*line)] == pytest.approx([*chain(*corners)], abs=0.002)
    assert second.shown.shapes == ()


@pytest.mark.parametrize("options", [COCO, JSONL, ONE_FILE], ids=lambda one: one.format)
def test_changed_assets_are_known_by_the_documents_or_their_media(options: ExportOptions) -> None:
    bench = bench_of(options)
    label_assets(bench, {1: [made(ANN, MASK)]})
    bench.run(["as_001"])
    gallery = Gallery(export_of(bench))
    assert [one.asset_id for one in gallery.page(Wanted(since=1)).pictures] == ["as_001"]
    assert gallery.page(Wanted(since=2)).pictures == ()


def test_coco_without_media_does_not_say_whose_labels_changed() -> None:
    gallery = Gallery(export_of(bench_of(replace(COCO, with_assets=False))))
    with pytest.raises(ChangesUnknown, match="With media"):
        gallery.page(Wanted(since=1))


@pytest.mark.parametrize("options", [JSONL, ONE_FILE], ids=lambda one: one.format)
def test_pictures_of_an_author_show_the_last_label_of_that_author(options: ExportOptions) -> None:
    gallery = Gallery(export_of(bench_of(options)))
    assert gallery.tells_authors
    [one] = gallery.page(Wanted(author=BOB)).pictures
    assert (one.asset_id, one.shown.author) == ("as_000", BOB)
    anns = gallery.page(Wanted(author=ANN)).pictures
    assert [one.shown.author for one in anns] == [ANN, ANN]
    assert gallery.page(Wanted(author="nobody")).pictures == ()


def test_frames_of_a_video_are_pictures_of_their_own() -> None:
    bench = Workbench(
        project({"CARS": job(["BIG"], ["semantic", "marker"])}, "VIDEO"),
        {"made": replace(JSONL, with_assets=False)},
    )
    frames = {
        str(number): {"CARS": {"isKeyFrame": True, "annotations": drawn}}
        for number, drawn in enumerate(([MASK], [], [MARKER]))
    }
    label_assets(bench, {0: [label(frames)]})
    bench.rebuild()
    found = pictures_in_documents(export_of(bench))
    assert [(one.name, len(one.shown.shapes)) for one in found.values()] == [
        ("d/0.png, frame 0", 1),
        ("d/0.png, frame 2", 1),
    ]


def test_a_document_that_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_documents, "LARGEST_DOCUMENT", 10)
    with pytest.raises(InvalidConfiguration, match=r"labels\.json has 0 MiB"):
        pictures_in_documents(export_of(bench_of(COCO)))


def test_a_document_that_is_damaged_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    export = export_of(bench_of(COCO))

    def damaged(_: bytes) -> Any:
        raise ValueError

    monkeypatch.setattr(label_documents, "read_coco", damaged)
    with pytest.raises(IntegrityError, match=r"labels\.json"):
        pictures_in_documents(export)


def test_a_picture_without_a_size_does_not_hide_the_others() -> None:
    document = {
        "categories": [{"id": 0, "name": "BIG"}],
        "images": [
            {"id": number, "file_name": f"{number}.jpg", "width": width, "height": 10}
            for number, width in ((0, 0), (1, 10))
        ],
        "annotations": [
            {"image_id": number, "category_id": 0, "bbox": [0, 0, 5, 5]} for number in (0, 1)
        ],
    }
    found = read_coco(json.dumps(document).encode())
    assert found["0.jpg"] == (Shape("BIG", ()),)
    assert found["1.jpg"] == (Shape("BIG", (((0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)),)),)


def test_a_document_that_is_not_coco_is_refused() -> None:
    for data in (b"{", b"{}", b'{"categories": [], "images": [{}], "annotations": []}'):
        with pytest.raises(ValueError, match=r".+"):
            read_coco(data)
