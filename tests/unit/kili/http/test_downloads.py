"""Documents behind links: bounded, parsed exactly, and without the key."""

import math
import os
import signal
from threading import Barrier

import pytest
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, IncompleteRead, ReadTimeoutError

from kili_export.kili.http.downloads import THREADS, Document, Expired, Unreachable, Unreadable
from tests.unit.kili.doubles import ENDPOINT, KEY, Answer, Asked, Line, Told, in_turn, told

BUCKET = "https://bucket.example/label.json?sig=secret"
OWN = "https://kili.example/api/label/v2/files?id=1"


def _to(url: str, status: int = 302) -> Told:
    return Told(status, headers={"Location": url})


def test_a_document_is_parsed() -> None:
    assert Line(in_turn(told({"J": 1}))).downloads.one(BUCKET) == Document({"J": 1})


def test_numbers_stay_what_they_are() -> None:
    body = b"[1, 1.0, -0.0, 123456789012345678901234567890, 1e22, 0.1]"

    outcome = Line(in_turn(Told(200, body))).downloads.one(BUCKET)

    assert isinstance(outcome, Document)
    assert list(map(repr, outcome.value)) == [
        "1",
        "1.0",
        "-0.0",
        "123456789012345678901234567890",
        "1e+22",
        "0.1",
    ]
    assert math.copysign(1, outcome.value[2]) == -1


def test_foreign_hosts_never_see_the_key() -> None:
    line = Line(in_turn(told({})))

    line.downloads.one(BUCKET)
    line.downloads.one(OWN)

    foreign, own = line.network.requests
    assert "Authorization" not in foreign.headers
    assert KEY not in str(foreign.headers)
    assert own.headers["Authorization"] == f"X-API-Key: {KEY}"


def test_a_redirection_away_from_kili_loses_the_key() -> None:
    line = Line(in_turn(_to(BUCKET), told({})))

    assert line.downloads.one(OWN) == Document({})

    own, foreign = line.network.requests
    assert "Authorization" in own.headers
    assert foreign.url == BUCKET
    assert "Authorization" not in foreign.headers


def test_a_relative_redirection_is_followed() -> None:
    line = Line(in_turn(_to("/other.json", 307), told([1])))

    assert line.downloads.one(BUCKET) == Document([1])
    assert line.network.requests[1].url == "https://bucket.example/other.json"


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x.example/", "https://a:b@x.example/"]
)
def test_a_redirection_to_something_else_is_not_followed(target: str) -> None:
    line = Line(in_turn(_to(target), told({})))

    assert isinstance(line.downloads.one(BUCKET), Unreadable)
    assert len(line.network.requests) == 1


def test_redirections_in_a_circle_end() -> None:
    line = Line(in_turn(_to(BUCKET)))

    assert line.downloads.one(BUCKET) == Unreadable("its address redirects too often")
    assert len(line.network.requests) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_may_be_an_expired_link(status: int) -> None:
    line = Line(in_turn(Told(status)))

    assert isinstance(line.downloads.one(BUCKET), Expired)
    assert len(line.network.requests) == 1


@pytest.mark.parametrize(
    ("answer", "attempts"),
    [
        (Told(429), 3),
        (Told(503), 3),
        (Told(500), 1),
        (Told(200, b'{"cut'), 3),
        (Told(200, b"\xff\xfe\xff"), 3),
        (ConnectTimeoutError(HTTPConnection("bucket.example"), "late"), 3),
        (IncompleteRead(1, 2), 3),
        (ReadTimeoutError(HTTPConnectionPool("bucket.example"), "/?sig=secret", "late"), 2),
    ],
    # The address of an object is another one in each process.
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_a_storage_that_fails_is_asked_a_few_times(answer: Answer, attempts: int) -> None:
    line = Line(in_turn(answer))

    outcome = line.downloads.one(BUCKET)

    assert isinstance(outcome, Unreachable)
    assert "secret" not in outcome.reason
    assert len(line.network.requests) == attempts


@pytest.mark.parametrize(
    "answer",
    [
        Told(204),
        Told(418),
        Told(200, b"1" * 5000),
        Told(200, b'"' + b"x" * 20_000 + b'"'),
        Told(302),
    ],
    ids=["no content", "teapot", "endless number", "too large", "redirect to nowhere"],
)
def test_an_answer_that_cannot_be_used_is_not_asked_for_again(answer: Answer) -> None:
    line = Line(in_turn(answer))

    assert isinstance(line.downloads.one(BUCKET), Unreadable)
    assert len(line.network.requests) == 1


def test_a_document_that_is_nested_without_end_is_not_asked_for_again() -> None:
    line = Line(in_turn(Told(200, b"[" * 200_000)), largest=1_000_000)

    assert line.downloads.one(BUCKET) == Unreadable("it is nested too deeply")
    assert len(line.network.requests) == 1


def test_a_link_that_several_share_is_read_once() -> None:
    line = Line(in_turn(told({"a": 1})))

    outcomes = line.downloads.all({1: BUCKET, 2: BUCKET, 3: OWN})

    assert outcomes == dict.fromkeys([1, 2, 3], Document({"a": 1}))
    assert len(line.network.requests) == 2


def test_each_gets_what_its_own_link_holds() -> None:
    line = Line(lambda request: told({"url": request.url}))
    urls = {number: f"https://bucket.example/{number}" for number in range(40)}

    outcomes = line.downloads.all(urls)

    assert outcomes == {number: Document({"url": url}) for number, url in urls.items()}


def test_a_slow_storage_is_asked_by_all_threads() -> None:
    together = Barrier(THREADS)

    def respond(_: Asked) -> Answer:
        # Nobody gets an answer before all have asked.
        together.wait(60)
        return told({})

    urls = {number: f"https://bucket.example/{number}" for number in range(2 * THREADS)}

    outcomes = Line(respond).downloads.all(urls)

    assert outcomes == dict.fromkeys(urls, Document({}))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_downloads_with_threads_of_its_own() -> None:
    together = Barrier(THREADS)

    def respond(asked: Asked) -> Answer:
        if not asked.url.endswith("/child"):
            together.wait(60)
        return told({})

    downloads = Line(respond).downloads
    downloads.all({number: f"https://bucket.example/{number}" for number in range(THREADS)})

    child = os.fork()
    if child == 0:
        # Where it waits for ever, it ends by the signal.
        signal.alarm(20)
        outcomes = downloads.all({"own": "https://bucket.example/child"})
        os._exit(outcomes != {"own": Document({})})

    assert os.waitpid(child, 0) == (child, 0)


def test_nothing_to_download_is_no_work() -> None:
    assert Line(in_turn(Told(500))).downloads.all({}) == {}


def test_a_storage_that_is_down_is_not_tried_for_everything() -> None:
    line = Line(in_turn(Told(500)))
    urls = {number: f"https://bucket.example/{number}" for number in range(100)}

    outcomes = line.downloads.all(urls)

    assert all(isinstance(outcome, Unreachable) for outcome in outcomes.values())
    assert len(outcomes) == 100
    assert len(line.network.requests) < 2 * THREADS


def test_a_storage_that_fails_for_some_is_tried_for_the_others() -> None:
    urls = {number: f"https://bucket.example/{number}" for number in range(100)}
    # No thread can come to a link that fails before one of these was read.
    fine = set(list(urls.values())[:THREADS])
    line = Line(lambda request: told({}) if request.url in fine else Told(500))

    outcomes = line.downloads.all(urls)

    assert len(line.network.requests) == 100
    assert sum(outcome == Document({}) for outcome in outcomes.values()) == THREADS


def test_downloads_are_counted_apart_and_not_budgeted() -> None:
    line = Line(in_turn(Told(200, b"[1]")))

    line.downloads.one(BUCKET)

    traffic = line.traffic.snapshot()
    assert (dict(traffic.requests), traffic.bytes_down) == ({"download": 1}, 3)
    assert line.budget.taken == 0


def test_calls_to_the_api_show_who_calls() -> None:
    line = Line(in_turn(told({"data": {"data": 1}})))

    line.client.count_assets("P")

    [request] = line.network.requests
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["apollographql-client-name"] == "kili-continuous-export"
