"""The gallery shows every asset once, page by page, with the picture that its labels are of."""

from collections import Counter
from dataclasses import replace

import pytest

from kili_export.core.errors import ChangesUnknown, NoSuchFile
from kili_export.reading.published_export import PublishedExport
from kili_export.viewing import gallery as gallery_module
from kili_export.viewing.gallery import Gallery, Wanted
from kili_export.viewing.pictures import Picture
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import OPTIONS, bench_of, put

SHOWN = ("raw", "yolo", "yolo_split", "coco", "voc")


@pytest.fixture(scope="module")
def bench() -> Workbench:
    made = bench_of(*SHOWN)
    for number in range(60):
        put(made, number, f"d{number % 2}/{number:02d}.png")
    made.rebuild()
    put(made, 3, "d1/03.png", left=0.6)
    made.run(["as_003"])
    return made


def gallery_of(bench: Workbench, name: str) -> Gallery:
    return Gallery(PublishedExport(bench.objects, bench.manifest(name)))


def all_pages(gallery: Gallery, wanted: Wanted) -> list[Picture]:
    found: list[Picture] = []
    start: str | None = ""
    while start is not None:
        page = gallery.page(wanted, start)
        found += page.pictures
        assert page.following is None or page.following > (start or "")
        start = page.following
    return found


@pytest.mark.parametrize("name", SHOWN)
def test_every_asset_is_shown_once_with_its_picture(bench: Workbench, name: str) -> None:
    gallery = gallery_of(bench, name)
    pictures = [one for one in all_pages(gallery, Wanted()) if one.shown.shapes]
    assert len(pictures) == 60
    for picture in pictures:
        assert picture.medium is not None
        number = int(picture.path.rpartition("/")[2][:2])
        data = gallery.export.open(picture.medium).read()
        assert data.startswith(f"picture {number} 0".encode())
        [shape] = picture.shown.shapes
        assert shape.label.endswith("BIG")
        assert min(x for line in shape.lines for x, _ in line) == pytest.approx(
            0.6 if number == 3 else 0.2
        )


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_reads_no_more_than_it_shows(bench: Workbench, name: str) -> None:
    gallery = gallery_of(bench, name)
    assert len(gallery.page(Wanted()).pictures) == 24


def test_filters(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = gallery_of(bench, "yolo")
    assert len(all_pages(gallery, Wanted(label="CARS/BIG"))) == 60
    assert all_pages(gallery, Wanted(label="SIGNS/STOP")) == []
    assert all_pages(gallery, Wanted(subset="val")) == []
    [changed] = all_pages(gallery, Wanted(since=1))
    assert changed.asset_id == "as_003"
    with pytest.raises(ChangesUnknown):
        gallery.page(Wanted(since=99))
    assert not gallery.tells_authors
    [changed] = all_pages(gallery_of(bench, "coco"), Wanted(since=1))
    assert changed.asset_id == "as_003"
    # One look ends after some files though nothing is found; the next goes on.
    monkeypatch.setattr(gallery_module, "_LOOKED_AT", 24)
    page = gallery.page(Wanted(label="SIGNS/STOP"))
    assert page.pictures == ()
    assert page.following is not None
    assert all_pages(gallery, Wanted(label="SIGNS/STOP")) == []


@pytest.mark.parametrize("name", SHOWN)
def test_counts(bench: Workbench, name: str) -> None:
    counts = gallery_of(bench, name).counts()
    assert sum(counts.shapes.values()) == 60
    assert {label.rpartition("/")[2] for _, label, _ in counts.shapes} == {"BIG"}
    assert {folder for folder, *_ in counts.shapes} == {"CARS" if name == "yolo_split" else ""}


def test_a_picture_that_is_not_in_the_export_comes_by_its_link() -> None:
    without_media = replace(OPTIONS["yolo"], with_assets=False)
    bench = Workbench(bench_of().project, {"yolo": without_media})
    put(bench, 1, "a.png")
    bench.rebuild()
    [picture] = all_pages(gallery_of(bench, "yolo"), Wanted())
    assert picture.medium is None
    assert picture.link == "https://storage.example/1-0?X-Signature=0"


def test_what_has_no_labels_is_no_picture(bench: Workbench) -> None:
    gallery = gallery_of(bench, "yolo")
    for path in ("data.yaml", "nothing", "images/d0/00.png"):
        with pytest.raises(NoSuchFile):
            gallery.picture(path)
    assert Counter(one.asset_id for one in all_pages(gallery, Wanted())).most_common(1)[0][1] == 1
