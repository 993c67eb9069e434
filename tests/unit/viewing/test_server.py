"""The page answers who knows its address, escapes every name, and lets nothing of others in."""

import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

import pytest

from kili_export.archives.manifest import LatestHold, Quarantined
from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import Unavailable
from kili_export.core.export_options import Authors
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.reading.published_export import PublishedExport
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.viewing.server import HEADERS, Viewer, ViewServer
from tests.support.fakes import InMemoryObjects
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import bench_of, put

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture
def bench() -> Workbench:
    made = bench_of("raw", "voc")
    for number in range(30):
        put(made, number, f"d{number % 2}/{number:02d}.png")
    put(made, 30, f"{HOSTILE}.png")
    made.rebuild()
    take_snapshot(made.objects, "proj1", "voc", "v1")
    put(made, 3, "d1/03.png", left=0.6)
    made.run(["as_003"])
    return made


@pytest.fixture
def server(bench: Workbench) -> Iterator[ViewServer]:
    export = PublishedExport(bench.objects, bench.manifest("voc"))
    made = ViewServer(Viewer(export))
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.stop()
    thread.join()


def ask(
    server: ViewServer, path: str, host: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and contents, at a path below the address."""
    url = urlsplit(urljoin(server.url, path))
    connection = http.client.HTTPConnection(url.netloc)
    whole = url.path + (f"?{url.query}" if url.query else "")
    connection.request("GET", whole, headers={"Host": host or url.netloc})
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


class Page(HTMLParser):
    """The elements of a page, and where it leads."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.leads_to: list[str] = []
        self.text = ""
        self.handlers: list[str] = []
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        for name, value in attrs:
            if name in {"href", "src", "action"} and value:
                self.leads_to.append(value)
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.text += data


PLACES = ("", "overview", "pictures", "pictures?since=1", "history", "problems", "style.css")


@pytest.mark.parametrize("place", PLACES)
def test_every_page_is_there_with_its_headers(server: ViewServer, place: str) -> None:
    status, headers, _ = ask(server, place)
    assert status == 200
    assert headers.items() >= HEADERS.items()
    assert "script-src" not in headers["Content-Security-Policy"], "default-src 'none' is enough"


def test_pages_lead_to_each_other_and_nowhere_else(server: ViewServer) -> None:
    seen: set[str] = set()
    waiting = ["overview"]
    while waiting and len(seen) < 80:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        status, headers, data = ask(server, place)
        assert status == 200, place
        if headers["Content-Type"].startswith("text/html"):
            page = Page(data)
            assert page.names.isdisjoint({"script", "iframe", "object", "embed", "base"})
            assert page.handlers == []
            assert not any(urlsplit(one).netloc for one in page.leads_to)
            waiting += page.leads_to
    assert any(place.startswith("asset?") and "before=v1" in place for place in seen)
    assert any(place.startswith("picture?") for place in seen)


def test_a_hostile_name_is_text(server: ViewServer) -> None:
    following = "pictures"
    texts = ""
    while following:
        page = Page(ask(server, following)[2])
        assert "script" not in page.names
        texts += page.text
        following = next((one for one in page.leads_to if "start=" in one), "")
    assert "<script>" in texts
    escaped = Page(ask(server, f"asset?path={quote(HOSTILE)}")[2])
    assert "script" not in escaped.names
    assert HOSTILE in escaped.text


def test_only_pictures_are_given_as_they_are(server: ViewServer, bench: Workbench) -> None:
    files = bench.files("voc")
    status, headers, data = ask(server, "picture?path=images/d0/00.png")
    assert (status, headers["Content-Type"], data) == (200, "image/png", files["images/d0/00.png"])
    for path in ("README.kili.txt", "labels/d0/00.png.xml", "../../etc/passwd.png", "none.png"):
        status, headers, _ = ask(server, f"picture?path={quote(path)}")
        assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_large_picture_is_read_some_at_a_time(bench: Workbench) -> None:
    large = b"picture" * (2 << 20)
    put(bench, 31, "large.png")
    bench.kili.files["/31-0"] = (large, "image/png")
    bench.run(["as_031"])
    objects = LargestRead(
        **{one.name: getattr(bench.objects, one.name) for one in fields(bench.objects)}
    )
    viewer = Viewer(PublishedExport(objects, bench.manifest("voc")))
    status, kind, contents = viewer.answer("picture", {"path": "images/large.png"})
    assert (status, kind) == (200, "image/png")
    with contents:
        assert b"".join(iter(lambda: contents.read(64 << 10), b"")) == large
    assert objects.largest <= 1 << 20


@dataclass(slots=True)
class LargestRead(InMemoryObjects):
    """Remembers how many bytes were read at once at most."""

    largest: int = 0

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        self.largest = max(self.largest, length)
        return InMemoryObjects.get_range(self, key, start, length, if_match=if_match)


def test_who_does_not_know_the_address_gets_nothing(server: ViewServer) -> None:
    url = urlsplit(server.url)
    for path, host in (
        ("/", None),
        ("/overview", None),
        ("/wrong/overview", None),
        ("/%C3%A9/overview", None),
        (f"{url.path}overview", "evil.example"),
        (f"{url.path}overview", f"evil.example:{url.port}"),
    ):
        status, _, data = ask(server, path, host)
        assert (status, data) == (403, b"Access denied.\n")


def test_so_does_who_asks_for_no_address(server: ViewServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    connection.putrequest("GET", "http://[/", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def test_a_page_says_how_many_problems_it_does_not_show(bench: Workbench) -> None:
    manifest = bench.manifest("voc")
    for count in (500, 501):
        held = tuple(
            Quarantined(
                asset_id=f"as_{number}", error="no picture", since=manifest.published_at, run_id="r"
            )
            for number in range(count)
        )
        changed = manifest.model_copy(update={"quarantined": held})
        viewer = Viewer(PublishedExport(bench.objects, changed))
        page = Page(viewer.answer("problems", {})[2].read())
        assert page.text.count("no picture") == 500
        assert ("These are the first 500 of 501 assets." in page.text) == (count == 501)


def test_what_is_not_there_is_said_with_the_way_on(server: ViewServer) -> None:
    for place, status in (("nothing", 404), ("asset?path=none", 404), ("pictures?since=99", 400)):
        found, _, data = ask(server, place)
        assert found == status
        assert "overview" in Page(data).leads_to


def test_one_asset_before_and_after(server: ViewServer) -> None:
    page = Page(ask(server, "asset?path=labels/d1/03.png.xml&before=v1")[2])
    assert page.text.count("BIG: 1") == 2
    new = Page(ask(server, "asset?path=labels/d1/03.png.xml")[2])
    assert new.text.count("BIG: 1") == 1


def test_the_overview_opens_what_is_current(server: ViewServer, bench: Workbench) -> None:
    put(bench, 4, "d0/04.png", left=0.7)
    bench.run(["as_004"])
    bench.rebuild()
    put(bench, 5, "d1/05.png", left=0.7)
    bench.run(["as_005"])
    bench.clock.advance(7200)
    none = timedelta(0)
    ApplyRetention(bench.objects, bench.clock, RetentionRules(0, none, none)).delete_expired(
        "proj1", "voc"
    )
    status, _, data = ask(server, "pictures")
    assert status == 404
    assert "is not kept any more" in Page(data).text
    assert f"generation {bench.manifest('voc').generation}" in Page(ask(server, "")[2]).text
    assert ask(server, "pictures")[0] == 200


def test_so_does_it_when_the_same_files_are_elsewhere(bench: Workbench) -> None:
    current = bench.manifest("voc")
    archive = current.archive.model_copy(update={"key": f"{current.archive.key}.gone"})
    former = current.model_copy(update={"archive": archive})
    assert former.files_version == current.files_version
    viewer = Viewer(PublishedExport(bench.objects, former))
    viewer.answer("overview", {})
    assert viewer.export.manifest == current
    assert viewer.answer("pictures", {})[0] == 200


def test_a_bucket_that_does_not_answer_is_said(bench: Workbench) -> None:
    viewer = Viewer(PublishedExport(bench.objects, bench.manifest("voc")))

    def fail() -> None:
        raise Unavailable("S3 cannot be reached")

    bench.objects.interleaving.before("get", fail)
    status, _, data = viewer.answer("overview", {})
    assert status == 503
    assert b"S3 cannot be reached" in data.read()


def test_who_labelled_is_asked_for_where_it_is_told(bench: Workbench) -> None:
    assert b'name="author"' not in page_of(bench, "voc", Authors.KEEP)
    assert b'name="author"' in page_of(bench, "raw", Authors.KEEP)
    assert b'name="author"' not in page_of(bench, "raw", Authors.OMIT)


def page_of(bench: Workbench, name: str, authors: Authors) -> bytes:
    """The gallery of an export that was declared so."""
    manifest = bench.manifest(name)
    options = manifest.options.model_copy(update={"authors": authors})
    export = PublishedExport(bench.objects, manifest.model_copy(update={"options": options}))
    return Viewer(export).answer("pictures", {})[2].read()


def test_what_is_held_back_is_said_with_the_reason(bench: Workbench) -> None:
    manifest = bench.manifest("voc")
    hold = LatestHold(generation=3, held=("classes_change",), since=bench.clock.now(), run_id="r")
    for latest, is_said in ((None, False), (hold, True)):
        stored = manifest.model_copy(update={"latest": latest})
        bench.objects.put(manifest_key("proj1", "voc"), stored.to_bytes())
        export = PublishedExport(bench.objects, stored)
        shown = Page(Viewer(export).answer("overview", {})[2].read()).text
        assert ("latest.zip is at generation 3, since" in shown) is is_said
        assert ("the classes changed" in shown) is is_said


def test_classes_are_counted_with_their_bars(server: ViewServer) -> None:
    page = Page(ask(server, "overview")[2])
    assert "BIG" in page.text
    assert "31" in page.text
    assert {"svg", "rect", "table"} <= page.names
