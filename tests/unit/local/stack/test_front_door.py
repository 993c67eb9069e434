"""The webhook's server lets clean requests of Kili in, and nobody else hold it up."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from kili_export.local.stack.front_door import FrontDoor, PortUnavailable, WebhookGate
from kili_export.local.stack.http_server import Limits

SECRET = "the secret"
BODY = b'{"event": "label.created"}'
PATIENCE = 30.0
LONG = 3600.0
LARGEST = 1024 * 1024


@dataclass
class Door:
    """A server whose function accepts everything."""

    door: FrontDoor
    bodies: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.door.url.split(":")[2].split("/")[0])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def send(self, *requests: bytes) -> bytes:
        """Everything that is answered until the server ends the connection."""
        with self.connect() as connection:
            for request in requests:
                connection.sendall(request)
            return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return answer


def request(
    method: str = "POST",
    target: str = "/webhooks/kili",
    *headers: str,
    secret: str | None = SECRET,
    body: bytes | None = BODY,
    close: bool = True,
    version: str = "1.1",
) -> bytes:
    """A request as it is sent."""
    lines = [f"{method} {target} HTTP/{version}", "Host: here", *headers]
    if secret is not None:
        lines.append(f"Authorization: {secret}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _door(limits: Limits) -> Door:
    bodies: list[str] = []

    def function(event: dict[str, Any]) -> dict[str, Any]:
        bodies.append(event["body"])
        return {
            "statusCode": 202,
            "headers": {"content-type": "application/json"},
            "body": json.dumps({"accepted": 1}),
        }

    gate = WebhookGate(function)
    door = FrontDoor(gate, lambda given: given == SECRET, "127.0.0.1", 0, limits)
    return Door(door, bodies)


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> Limits:
    """Limits that no test comes near, unless it says otherwise."""
    usual = Limits(body_bytes=LARGEST, header=LONG, request=LONG, idle=LONG)
    given: Limits = getattr(request, "param", usual)
    return given


@pytest.fixture
def door(limits: Limits) -> Iterator[Door]:
    made = _door(limits)
    made.door.start()
    yield made
    made.door.stop()
    made.door.close()


CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    "sent",
    [
        request(),
        request("POST", "/webhooks/kili", "Transfer-Encoding: chunked", body=None) + CHUNKED,
        request("POST", "/webhooks/kili/"),
        request("POST", "/webhooks/kili?source=kili"),
        request("POST", "http://here:8080/webhooks/kili"),
        request(secret=f"  {SECRET} \t"),
        request("POST", "/webhooks/kili", "content-type: application/json; charset=UTF-8"),
        request(version="1.0"),
    ],
    ids=["plain", "chunked", "slash", "query", "absolute", "padded secret", "charset", "1.0"],
)
def test_kili_is_let_in_by_whatever_proxy_it_comes(sent: bytes, door: Door) -> None:
    assert status(door.send(sent)) == 202
    assert door.bodies == [BODY.decode()]


def test_who_waits_to_be_asked_for_the_body_is_asked(door: Door) -> None:
    head = request("POST", "/webhooks/kili", "Expect: 100-continue").removesuffix(BODY)
    with door.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert status(_rest(connection)) == 202


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_a_health_check_is_answered(path: str, door: Door) -> None:
    assert status(door.send(request("GET", path, secret=None, body=None))) == 200
    answer = door.send(request("HEAD", path, secret=None, body=None))
    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (request(secret=None), 401),
        (request(secret="wrong"), 401),
        (request(secret=f"Bearer {SECRET}"), 401),
        (request("POST", "/webhooks/kili", f"Authorization: {SECRET}"), 401),
        (request("PUT"), 405),
        (request("OPTIONS", secret=None, body=None), 405),
        (request("POST", "/healthz"), 405),
        (request("POST", "/"), 404),
        (request("GET", "/healthz", secret=None), 400),
        (request("POST", "/webhooks/kili", "Transfer-Encoding: chunked"), 400),
        (request("POST", "/webhooks/kili", "Content-Length: 3"), 400),
        (request("POST", "/webhooks/kili", "Content-Length: -3", body=None), 400),
        (request("POST", "/webhooks/kili", "Content_Length: 3", body=None), 400),
        (request("POST", "/webhooks/kili", "Transfer-Encoding: gzip", body=None), 501),
        (request("POST", "/webhooks/kili", "Transfer-Encoding: chunked", version="1.0"), 400),
        (request("POST", "/webhooks/kili", "X: " + "x" * 20_000), 431),
        (request(body=b" " * (LARGEST + 1)), 413),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ],
)
def test_anything_but_a_clean_request_is_refused_and_ends_the_connection(
    sent: bytes, expected: int, door: Door
) -> None:
    """Two such requests on one connection: the second is never taken for another caller's."""
    kept = sent.replace(b"Connection: close\r\n", b"")
    answer = door.send(kept + request())
    assert status(answer) == expected
    assert answer.count(b"\r\nDate: ") == 1
    assert door.bodies == []


def test_bytes_that_a_stranger_leaves_are_not_the_next_callers_request(door: Door) -> None:
    left = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Swallow: "
    sent = request("GET", "/health", secret=None, body=left, close=False)
    answer = door.send(sent + request())
    assert b"200" not in answer.splitlines()[0]
    assert answer.count(b"\r\nDate: ") == 1


def test_of_a_stranger_no_body_is_waited_for(door: Door) -> None:
    whole = request(secret="wrong", body=b"x" * LARGEST)
    answer = door.send(whole[: whole.index(b"\r\n\r\n") + 4])
    assert status(answer) == 401


def test_a_stranger_who_sends_a_large_body_all_the_same_reads_the_refusal(door: Door) -> None:
    assert status(door.send(request(secret="wrong", body=b"x" * LARGEST))) == 401


def test_a_clean_request_keeps_the_connection_for_the_next(door: Door) -> None:
    answer = door.send(request(close=False), request())
    assert answer.count(b"HTTP/1.1 202") == 2
    assert len(door.bodies) == 2


SOON = Limits(header=0.1, request=0.1, idle=0.1)


@pytest.mark.parametrize("limits", [SOON], indirect=True)
@pytest.mark.parametrize(
    "sent", [b"", b"POST /webhooks", request()[:-1], request(close=False)], ids=len
)
def test_who_takes_too_long_is_cut_off(sent: bytes, door: Door) -> None:
    with door.connect() as connection:
        connection.sendall(sent)
        _rest(connection)  # it would wait for ever, and does until the test's time is up


@pytest.mark.parametrize("limits", [SOON], indirect=True)
def test_a_body_that_trickles_is_cut_off_though_something_always_comes(door: Door) -> None:
    head = request(body=b"x" * 100_000).split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    with door.connect() as connection:
        connection.sendall(head)
        connection.settimeout(0.05)
        for _ in range(int(PATIENCE / 0.05)):
            try:
                connection.sendall(b"x")
                if connection.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("it was never cut off")
    assert door.bodies == []


@pytest.mark.parametrize(
    "limits", [Limits(connections=10, header=LONG, request=LONG, idle=LONG)], indirect=True
)
def test_idle_connections_keep_nobody_out(door: Door) -> None:
    with ExitStack() as idle:
        for _ in range(50):
            idle.enter_context(door.connect())
        for _ in range(5):
            assert status(door.send(request())) == 202


def test_stopping_answers_what_is_under_way_and_takes_no_more() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def function(_: dict[str, Any]) -> dict[str, Any]:
        entered.set()
        assert go_on.wait(PATIENCE)
        return {"statusCode": 202, "body": "{}"}

    made = Door(FrontDoor(WebhookGate(function), lambda _: True, "127.0.0.1", 0, Limits(stop=LONG)))
    made.door.start()
    with made.connect() as connection:
        connection.sendall(request())
        assert entered.wait(PATIENCE)
        stopping = threading.Thread(target=made.door.stop)
        stopping.start()
        go_on.set()
        assert status(_rest(connection)) == 202
        stopping.join()
    made.door.close()
    with pytest.raises(ConnectionRefusedError):
        made.connect()


def test_a_port_that_is_taken_names_the_way_out(door: Door) -> None:
    with pytest.raises(PortUnavailable, match="give another --host or --port"):
        FrontDoor(WebhookGate(lambda _: {}), lambda _: True, "127.0.0.1", door.port)


def test_a_door_that_was_never_opened_gives_its_port_back() -> None:
    first = _door(Limits())
    port = first.port
    first.door.close()
    second = FrontDoor(WebhookGate(lambda _: {}), lambda _: True, "127.0.0.1", port)
    second.close()
