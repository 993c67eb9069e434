"""Callers that say nothing, or the wrong thing, keep nobody out who knows the address."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from io import BytesIO
from urllib.parse import urlsplit

import pytest

from kili_export.viewing.server import Answer, Asked, ViewServer

MANY = 100


class Hello:
    """Answers everything alike."""

    def answer(self, place: str, asked: Asked) -> Answer:
        return HTTPStatus.OK, "text/plain", BytesIO(f"{place} {dict(asked)}".encode())


@pytest.fixture
def server() -> Iterator[ViewServer]:
    made = ViewServer(Hello())
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.stop()
    thread.join()


def test_who_knows_the_address_gets_in_and_stays_in(server: ViewServer) -> None:
    url = urlsplit(server.url)
    reader = http.client.HTTPConnection(url.netloc)
    with ExitStack() as opened:
        opened.callback(reader.close)
        for turn in range(3):
            for number in range(MANY):
                caller = socket.create_connection((str(url.hostname), url.port or 0))
                opened.enter_context(caller)
                if number % 2:
                    caller.sendall(b"GET /wrong/ HT")
            reader.request("GET", f"{url.path}{turn}")
            assert reader.getresponse().read() == f"{turn} {{}}".encode()
            # The second and third round are asked on the connection that was known before.
            assert reader.sock is not None


def test_callers_who_went_away_leave_their_room(server: ViewServer) -> None:
    url = urlsplit(server.url)
    for number in range(MANY):
        reader = http.client.HTTPConnection(url.netloc)
        reader.request("GET", f"{url.path}{number}")
        assert reader.getresponse().status == HTTPStatus.OK
        reader.close()


def test_who_does_not_know_it_may_not_stay(server: ViewServer) -> None:
    url = urlsplit(server.url)
    with socket.create_connection((str(url.hostname), url.port or 0)) as caller:
        caller.sendall(b"GET /wrong/ HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b"".join(iter(lambda: caller.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 403 ")
