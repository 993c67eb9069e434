"""The subscription to labels: it wakes, and no message of the other side does anything else."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import websocket

from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.label_subscription import LabelSubscription

ENDPOINT = KiliEndpoint("https://kili.example/api/label/v2/graphql", "secret-key")
DATA = {"type": "data", "id": "labels", "payload": {"data": {"data": {"id": "l1"}}}}
ACK = {"type": "connection_ack"}


@dataclass
class Connection:
    """Answers what it is given, then ends."""

    answers: Iterator[Any]
    sent: list[dict[str, Any]] = field(default_factory=list)
    is_closed: bool = False

    def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    def recv(self) -> str:
        answer = next(self.answers, websocket.WebSocketConnectionClosedException("gone"))
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, str) else json.dumps(answer)

    def ping(self) -> None:
        self.sent.append({"type": "ping"})

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Outside:
    """Connections one after another; after the last one it is over."""

    connections: list[Connection]
    woken: int = 0
    said: list[str] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def run(self, patch: pytest.MonkeyPatch) -> None:
        left = iter(self.connections)
        made = LabelSubscription(ENDPOINT, "p1", self.wake, self.said.append)

        def connect(url: str, **options: Any) -> Connection:
            self.asked.append((url, options["subprotocols"]))
            connection = next(left, None)
            if connection is None:
                made.stop()
                raise OSError("the test is over")
            return connection

        patch.setattr(websocket, "create_connection", connect)
        patch.setattr(threading.Event, "wait", _at_once)
        made.run()

    def wake(self) -> None:
        self.woken += 1


def _at_once(event: threading.Event, timeout: float | None = None) -> bool:
    del timeout
    return event.is_set()


def outside(*answers: list[Any]) -> Outside:
    return Outside([Connection(iter(one)) for one in answers])


def test_it_says_who_it_is_and_what_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    one = outside([ACK])
    one.run(monkeypatch)
    assert one.asked[0] == ("wss://kili.example/api/label/v2/graphql", ["graphql-ws"])
    init, start = one.connections[0].sent
    assert init["type"] == "connection_init"
    assert init["payload"]["Authorization"] == "X-API-Key: secret-key"
    assert init["payload"]["headers"]["Authorization"] == "X-API-Key: secret-key"
    assert (start["type"], start["payload"]["variables"]) == ("start", {"projectID": "p1"})


def test_labels_wake_and_keepalives_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet, busy = outside([ACK, {"type": "ka"}]), outside([ACK, {"type": "ka"}, DATA, DATA])
    quiet.run(monkeypatch)
    busy.run(monkeypatch)
    assert busy.woken == quiet.woken + 2


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "error", "payload": {"message": "no"}},
        {"type": "complete"},
        {"type": "connection_error"},
        "no JSON",
        "[1]",
        "[" * 100_000,
        "",
        websocket.WebSocketProtocolException("damaged"),
        ConnectionResetError("reset"),
    ],
    ids=lambda answer: str(answer)[:20],
)
def test_whatever_ends_it_it_connects_again_and_wakes(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = outside([ACK, answer], [ACK, DATA])
    one.run(monkeypatch)
    assert len(one.asked) == 3
    assert all(connection.is_closed for connection in one.connections)
    assert one.said[0].startswith("The subscription of project p1 ended: ")


def test_silence_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    one = outside([ACK, websocket.WebSocketTimeoutException("silence"), DATA])
    one.run(monkeypatch)
    assert {"type": "ping"} in one.connections[0].sent


def test_the_key_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    one = outside([OSError("refused X-API-Key: secret-key")])
    one.run(monkeypatch)
    assert one.said
    assert not any("secret-key" in line for line in one.said)


def test_failures_are_said_once_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    one = outside([OSError("down")], [OSError("down")], [OSError("down")])
    one.run(monkeypatch)
    assert len(one.said) == 1


def test_a_redirection_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
    ):
        elsewhere.settimeout(0)
        answer = (
            f"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{elsewhere.getsockname()[1]}/\r\n\r\n"
        )

        def redirect() -> None:
            connection = server.accept()[0]
            with connection:
                connection.recv(65536)
                connection.sendall(answer.encode())

        endpoint = KiliEndpoint(f"http://127.0.0.1:{server.getsockname()[1]}/graphql", "secret-key")
        said: list[str] = []

        def stop() -> None:
            made.stop()

        made = LabelSubscription(endpoint, "p1", stop, said.append)
        monkeypatch.setattr("kili_export.kili.http.label_subscription._TIMEOUT", 5.0)
        redirecting = threading.Thread(target=redirect)
        redirecting.start()
        made.run()
        redirecting.join()
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert said == ["The subscription of project p1 ended: Redirect limit exhausted"]
