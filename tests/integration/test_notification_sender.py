"""What is sent to an endpoint over real connections, and where nothing is sent."""

import socket
import threading
from contextlib import suppress
from dataclasses import replace

import pytest

from kili_export.core.clock import SystemClock
from kili_export.kili.http import guarded_connections, notification_sender
from kili_export.kili.http.addresses import AddressRules, parse_networks
from kili_export.kili.http.guarded_connections import ConnectionGuard
from kili_export.kili.http.notification_sender import NotificationSender
from kili_export.notifications.notifier import DeliveryFailed
from tests.support.receivers import CUT_OFF, Receiver, receiving

NEVER_SHOWN = "T0KEN"


def sender(networks: str = "127.0.0.0/8") -> NotificationSender:
    return NotificationSender(SystemClock(), parse_networks(networks))


def post(to: Receiver, by: NotificationSender | None = None) -> int:
    return (by or sender()).send(to.url, {"Content-Type": "application/json"}, b"{}")


@pytest.mark.parametrize("status", [200, 204, 302, 410, 500])
def test_the_status_is_answered_and_redirections_are_not_followed(status: int) -> None:
    with receiving(script=[status], signed=False) as receiver:
        assert post(receiver) == status
    assert receiver.paths == ["/events"]


def test_the_request_is_what_was_asked_for() -> None:
    with receiving(signed=False) as receiver:
        sender().send(f"{receiver.url}?a=%2F", {"webhook-id": "msg_1"}, b'{"a": "\xc3\xbc"}')
    assert receiver.paths == ["/events?a=%2F"]
    assert receiver.bodies == [b'{"a": "\xc3\xbc"}']
    assert receiver.headers[0]["webhook-id"] == "msg_1"
    assert receiver.headers[0]["user-agent"].startswith("kili-continuous-export/")
    assert "authorization" not in receiver.headers[0]


def test_an_answer_without_an_end_is_read_to_a_limit() -> None:
    with receiving(signed=False, answer=b"x" * 1_000_000, script=[200, 200]) as receiver:
        by = sender()
        assert [post(receiver, by), post(receiver, by)] == [200, 200]


@pytest.mark.parametrize("networks", ["none", "10.0.0.0/8"])
def test_nothing_inside_is_reached_unless_it_is_named(networks: str) -> None:
    with receiving(signed=False) as receiver:
        with pytest.raises(DeliveryFailed, match="no address that may be connected to"):
            post(receiver, sender(networks))
        https = receiver.url.replace("http:", "https:")
        with pytest.raises(DeliveryFailed, match="no address that may be connected to"):
            sender(networks).send(https, {}, b"")
    assert receiver.paths == []


def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    guard = ConnectionGuard(AddressRules(), resolve=lambda *_: ["127.0.0.1"], encrypted=True)
    by = replace(sender("none"), guard=guard)
    with pytest.raises(DeliveryFailed, match="no address that may be connected to"):
        by.send("https://public.example/x", {}, b"")


def test_a_host_of_many_dead_addresses_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[float] = []

    def no_answer(_: object, timeout: float, **__: object) -> None:
        spent.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(guarded_connections, "create_connection", no_answer)
    monkeypatch.setattr(guarded_connections, "monotonic", lambda: sum(spent))
    many = [f"93.184.216.{number}" for number in range(1, 255)]
    guard = ConnectionGuard(AddressRules(), resolve=lambda *_: many, encrypted=True)
    with pytest.raises(DeliveryFailed, match="cannot connect to"):
        replace(sender("none"), guard=guard).send("https://public.example/x", {}, b"")
    assert sum(spent) <= 20


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 70 + ".example", "127.0.0.1:1"])
def test_no_failure_shows_an_address(host: str) -> None:
    for url in (f"http://{host}/{NEVER_SHOWN}?{NEVER_SHOWN}", f"https://{host}/{NEVER_SHOWN}"):
        with pytest.raises(DeliveryFailed) as failed:
            sender().send(url, {}, b"")
        assert NEVER_SHOWN not in str(failed.value)


def test_a_connection_that_ends_is_a_failure() -> None:
    with (
        receiving(script=[CUT_OFF], signed=False) as receiver,
        pytest.raises(DeliveryFailed, match=f"broke off with http://127.0.0.1:{receiver.port}"),
    ):
        post(receiver)


def test_a_head_that_cannot_be_read_brings_no_address_into_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 OK\r\nno header\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/{NEVER_SHOWN}"
        assert sender().send(url, {}, b"{}") == 204
        thread.join()
    assert NEVER_SHOWN not in caplog.text


def test_a_head_that_trickles_in_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification_sender, "_TIMEOUTS", (5.0, 0.3))
    ended = threading.Event()

    def trickle(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not ended.wait(0.05):
                connection.sendall(b"X-Slow: 1\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        # Without a limit, the hundred headers that one answer may have end this: by another error.
        with pytest.raises(DeliveryFailed, match="no answer in time"):
            sender().send(f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b"{}")
        ended.set()
        thread.join()
