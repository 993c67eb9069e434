"""The list of all exports, and the pages of each below its name."""

from http import HTTPStatus
from urllib.parse import unquote

import pytest

from kili_export.archives.purged_export import leave_tombstone
from kili_export.core.bucket_layout import export_prefix, manifest_key
from kili_export.core.errors import Unavailable
from kili_export.viewing.all_exports import AllExports
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import bench_of, put
from tests.unit.viewing.test_server import Page


@pytest.fixture
def bench() -> Workbench:
    made = bench_of("raw", "voc")
    put(made, 0, "a.png")
    made.rebuild()
    return made


def shown(viewer: AllExports, place: str, **asked: str) -> tuple[HTTPStatus, Page]:
    status, kind, contents = viewer.answer(place, asked)
    assert kind == "text/html; charset=utf-8"
    with contents:
        return status, Page(contents.read())


def test_every_export_is_listed_with_the_way_to_its_pages_and_back(bench: Workbench) -> None:
    viewer = AllExports(bench.objects)
    status, page = shown(viewer, "")
    assert status == HTTPStatus.OK
    places = [one for one in page.leads_to if one.endswith("/overview")]
    assert places == ["proj1/raw/overview", "proj1/voc/overview"]
    for place in places:
        status, page = shown(viewer, place)
        assert status == HTTPStatus.OK
        assert f"{place.split('/')[1]}, generation 1" in page.text
        assert "../../" in page.leads_to
    picture = viewer.answer("proj1/voc/picture", {"path": "images/a.png"})
    assert picture[:2] == (HTTPStatus.OK, "image/png")
    assert viewer.answer("proj1/voc/style.css", {})[1] == "text/css; charset=utf-8"
    assert viewer.answer("style.css", {})[1] == "text/css; charset=utf-8"


@pytest.mark.parametrize("place", ["q{:03}/voc", "q/voc_{:03}", "q/a-{:03}"])
def test_many_exports_are_listed_page_by_page(bench: Workbench, place: str) -> None:
    stored = bench.objects.get(manifest_key("proj1", "voc"))
    assert stored is not None
    for number in range(230):
        bench.objects.put(manifest_key(*place.format(number).split("/")), stored[0])
    viewer, start, found = AllExports(bench.objects), "", list[str]()
    for count in (100, 100, 32):
        page = shown(viewer, "", start=start)[1]
        listed = [one for one in page.leads_to if one.endswith("/overview")]
        assert len(listed) == count
        found += listed
        after = (one.partition("start=")[2] for one in page.leads_to if "start=" in one)
        start = unquote(next(after, ""))
    assert not start
    assert len(set(found)) == len(found) == 232


@pytest.mark.parametrize(
    "place",
    [
        "proj1/voc",
        "proj1//overview",
        "proj1/none/overview",
        "none/voc/overview",
        "../../overview",
        "proj1/%2e%2e/overview",
        "<script>/voc/overview",
        "proj1/voc/../raw/overview",
        "overview",
    ],
)
def test_what_is_no_export_is_not_there(bench: Workbench, place: str) -> None:
    assert shown(AllExports(bench.objects), place)[0] == HTTPStatus.NOT_FOUND


def test_a_manifest_that_cannot_be_read_hides_no_other_export(bench: Workbench) -> None:
    bench.objects.put(manifest_key("proj1", "raw"), b"{")
    viewer = AllExports(bench.objects)
    page = shown(viewer, "")[1]
    assert "Its manifest cannot be read." in page.text
    assert "proj1/voc/overview" in page.leads_to
    assert shown(viewer, "proj1/raw/overview")[0] == HTTPStatus.NOT_FOUND


def test_an_empty_bucket_says_so() -> None:
    status, page = shown(AllExports(bench_of("voc").objects), "")
    assert (status, "Nothing is published yet." in page.text) == (HTTPStatus.OK, True)


def test_a_bucket_that_does_not_answer_is_said(bench: Workbench) -> None:
    def fail() -> None:
        raise Unavailable("S3 cannot be reached")

    bench.objects.interleaving.before("get", fail)
    status, page = shown(AllExports(bench.objects), "proj1/voc/overview")
    assert (status, "S3 cannot be reached" in page.text) == (HTTPStatus.SERVICE_UNAVAILABLE, True)


def test_of_what_was_purged_nothing_is_shown_any_more() -> None:
    made = bench_of("coco")
    put(made, 0, "a.png")
    made.rebuild()
    viewer = AllExports(made.objects)
    status, page = shown(viewer, "proj1/coco/pictures")
    assert (status, "a.png" in page.text) == (HTTPStatus.OK, True)
    prefix = export_prefix("proj1", "coco")
    made.objects.delete([one for one in made.objects.stored if one.startswith(prefix)])
    leave_tombstone(made.objects, "proj1", "coco", made.clock.now())
    status, page = shown(viewer, "proj1/coco/pictures")
    assert (status, "a.png" in page.text) == (HTTPStatus.NOT_FOUND, False)


def test_each_export_is_opened_again_after_many_others(bench: Workbench) -> None:
    stored = bench.objects.get(manifest_key("proj1", "voc"))
    assert stored is not None
    viewer = AllExports(bench.objects)
    names = [f"voc{number}" for number in range(20)]
    for name in names:
        bench.objects.put(manifest_key("proj1", name), stored[0])
        assert shown(viewer, f"proj1/{name}/problems")[0] == HTTPStatus.OK
    bench.objects.delete([manifest_key("proj1", names[0]), manifest_key("proj1", names[-1])])
    assert shown(viewer, f"proj1/{names[0]}/problems")[0] == HTTPStatus.NOT_FOUND
    assert shown(viewer, f"proj1/{names[-1]}/problems")[0] == HTTPStatus.OK, "it is still kept"
