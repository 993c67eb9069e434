"""Which failures are pursued, how often, how long, and what is raised in the end."""

import inspect
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import urllib3.exceptions

from kili_export.core.errors import (
    AccessDenied,
    ExportError,
    InvalidConfiguration,
    RequestRefused,
    Throttled,
    Unavailable,
)
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.failures import FAILURES, of_failure, retry_after
from kili_export.kili.http.retrying import RetryPolicy
from kili_export.kili.http.transport import GraphQLTransport, Operation
from tests.support.fakes import ManualClock
from tests.unit.kili.doubles import (
    ENDPOINT,
    KEY,
    Answer,
    Line,
    Told,
    data,
    errors,
    in_turn,
    told,
)

QUERY = Operation("ask", "query ask { data: ask }")
MUTATION = Operation("change", "mutation change { data: change }", mutation=True)

_POOL = urllib3.HTTPConnectionPool("kili.example", 443)
_CONNECTION = urllib3.connection.HTTPConnection("kili.example")


_REFUSED = urllib3.exceptions.NewConnectionError(_CONNECTION, "refused")
_UNKNOWN_HOST = urllib3.exceptions.NameResolutionError("kili.example", _CONNECTION, OSError())  # type: ignore[arg-type]
_LATE_CONNECTION = urllib3.exceptions.ConnectTimeoutError(_CONNECTION, "late")
_LATE_BYTES = urllib3.exceptions.ReadTimeoutError(_POOL, "/?sig=x", "late")
_RESET = urllib3.exceptions.ProtocolError("reset", ConnectionResetError())


UNTIL_PATIENCE_ENDS = None
ENVOY = b"upstream connect error or disconnect/reset before headers. reset reason: overflow"

# what happens, how often a query is sent, how often a mutation, what is raised
POLICY: dict[str, tuple[Answer, int | None, int | None, type[ExportError]]] = {
    "401": (told({}, 401), 3, 3, AccessDenied),
    "403": (told({}, 403), 1, 1, AccessDenied),
    "404": (told({}, 404), 1, 1, RequestRefused),
    "415": (Told(415, b"<html>"), 1, 1, RequestRefused),
    "302": (Told(302, headers={"Location": "https://elsewhere.example/"}), 1, 1, RequestRefused),
    "429": (told({}, 429), UNTIL_PATIENCE_ENDS, UNTIL_PATIENCE_ENDS, Throttled),
    "521": (Told(521), UNTIL_PATIENCE_ENDS, UNTIL_PATIENCE_ENDS, Unavailable),
    "connection refused": (
        _REFUSED,
        UNTIL_PATIENCE_ENDS,
        UNTIL_PATIENCE_ENDS,
        Unavailable,
    ),
    "no such host": (_UNKNOWN_HOST, UNTIL_PATIENCE_ENDS, UNTIL_PATIENCE_ENDS, Unavailable),
    "connect timeout": (
        _LATE_CONNECTION,
        UNTIL_PATIENCE_ENDS,
        UNTIL_PATIENCE_ENDS,
        Unavailable,
    ),
    "503 not processed": (
        Told(503, ENVOY),
        UNTIL_PATIENCE_ENDS,
        UNTIL_PATIENCE_ENDS,
        Unavailable,
    ),
    "503 retried upstream": (Told(503, ENVOY + b" (retried)"), 5, 1, Unavailable),
    "503": (Told(503), 5, 1, Unavailable),
    "502": (Told(502), 5, 1, Unavailable),
    "520": (Told(520), 5, 1, Unavailable),
    "connection reset": (_RESET, 5, 1, Unavailable),
    "truncated": (urllib3.exceptions.IncompleteRead(1, 2), 5, 1, Unavailable),
    "not JSON": (Told(200, b'{"data": {"da'), 5, 1, Unavailable),
    "no data": (told({"data": None}), 5, 1, Unavailable),
    "not an object": (told([1]), 5, 1, Unavailable),
    "nested without end": (Told(200, b"[" * 200_000), 5, 1, Unavailable),
    "read timeout": (_LATE_BYTES, 2, 1, Unavailable),
    "504": (Told(504), 2, 1, Unavailable),
    "524": (Told(524), 2, 1, Unavailable),
    "500": (Told(500), 1, 1, Unavailable),
    "GraphQL error": (errors("no such thing"), 1, 1, RequestRefused),
    "GraphQL error with 400": (errors("no such thing", status=400), 1, 1, RequestRefused),
    "GraphQL internal error": (errors("oops", "INTERNAL_SERVER_ERROR"), 1, 1, Unavailable),
    "GraphQL forbidden": (errors("no", "FORBIDDEN"), 1, 1, AccessDenied),
    "GraphQL unauthenticated": (errors("no", "UNAUTHENTICATED"), 3, 3, AccessDenied),
    "GraphQL known to pass": (errors("Failed to fetch data connection"), 5, 1, Unavailable),
    "certificate": (urllib3.exceptions.SSLError(), 2, 2, Unavailable),
    "unusable URL": (urllib3.exceptions.LocationParseError("?sig=x"), 1, 1, InvalidConfiguration),
}


@pytest.mark.parametrize("case", POLICY)
@pytest.mark.parametrize("operation", [QUERY, MUTATION], ids=["query", "mutation"])
def test_a_lasting_failure_is_pursued_as_the_table_says(case: str, operation: Operation) -> None:
    answer, of_query, of_mutation, error = POLICY[case]
    expected = of_mutation if operation.mutation else of_query
    line = Line(in_turn(answer))

    with pytest.raises(error) as caught:
        line.transport.execute(operation, {})

    assert type(caught.value) is error, "the state machine matches class names"
    assert "sig=" not in str(caught.value), "an address with its signature is in the message"
    if expected is UNTIL_PATIENCE_ENDS:
        assert 30 < line.waited <= 60
        assert len(line.network.requests) > 5
    else:
        assert len(line.network.requests) == expected


@pytest.mark.parametrize("case", [c for c in POLICY if POLICY[c][1] != 1])
def test_a_passing_failure_is_survived(case: str) -> None:
    line = Line(in_turn(POLICY[case][0], data(42)))

    assert line.transport.execute(QUERY, {}) == 42
    assert line.traffic.snapshot().requests == {"ask": 2}
    assert line.budget.taken == 2, "attempts count against the budget too"


def test_every_exception_of_urllib3_has_a_row() -> None:
    known = {
        kind
        for _, kind in inspect.getmembers(urllib3.exceptions, inspect.isclass)
        if kind.__module__ == urllib3.exceptions.__name__
        and issubclass(kind, Exception)
        and not issubclass(kind, Warning)
    }

    assert known - FAILURES.keys() == set(), "exceptions that nobody has thought about"


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.__name__)
def test_no_exception_of_urllib3_escapes(kind: type[Exception]) -> None:
    line = Line(in_turn(kind.__new__(kind)))

    with pytest.raises(ExportError):
        line.transport.execute(QUERY, {})


@pytest.mark.parametrize(
    "failure",
    [OSError("disk"), TimeoutError(), ConnectionResetError()],
    ids=lambda failure: type(failure).__name__,
)
def test_failures_below_urllib3_are_failed_attempts_too(failure: Exception) -> None:
    assert isinstance(of_failure(failure, "https://kili.example").error, Unavailable)


def test_retry_after_is_waited_for() -> None:
    line = Line(in_turn(told({}, 429, **{"Retry-After": "7"}), data(1)))

    line.transport.execute(QUERY, {})

    assert line.waited == 7


def test_retry_after_is_heeded_for_a_minute_at_most() -> None:
    line = Line(in_turn(told({}, 429, **{"Retry-After": "86400"}), data(1)), patience=100)

    line.transport.execute(QUERY, {})

    assert line.waited == 60


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        (" 2.5 ", 2.5),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-3", None),
        ("nan", None),
        ("1e99", None),
        ("٣", None),
        ("", None),
    ],
)
def test_only_plain_seconds_are_understood(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}) == seconds


def test_waits_double_and_are_drawn_from_their_whole_length() -> None:
    line = Line(in_turn(Told(502), Told(502), Told(502), Told(502), data(1)))

    line.transport.execute(QUERY, {})

    assert line.waited == 0.5 * (1 + 2 + 4 + 8)


def test_a_message_of_the_server_is_shortened_and_loses_signatures() -> None:
    text = "cannot read https://b.example/x?X-Amz-Signature=abc\n" + "long " * 1000
    line = Line(in_turn(errors(text)))

    with pytest.raises(RequestRefused) as caught:
        line.transport.execute(QUERY, {})

    assert "abc" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@dataclass(slots=True)
class HastyClock(ManualClock):
    """Forty seconds pass whenever somebody looks."""

    def now(self) -> datetime:
        self.time += timedelta(seconds=40)
        return self.time


def test_an_answer_that_trickles_in_is_cut_off() -> None:
    line = Line(in_turn(data("x" * 3_000_000)))
    hasty = RetryPolicy(HastyClock(), seconds=0)
    transport = GraphQLTransport(
        KiliEndpoint(ENDPOINT, KEY), line.network, line.budget, hasty, line.traffic
    )

    with pytest.raises(Unavailable, match="no answer in time"):
        transport.execute(QUERY, {})
