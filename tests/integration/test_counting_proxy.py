"""The door before a server: what passes is counted; a server that is not there is told."""

import socket
import threading

import pytest

from devtools.bench.against_sdk.counting_proxy import CountingProxy


def test_bytes_are_counted_each_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        answering = threading.Thread(target=_answer, args=(server,), daemon=True)
        answering.start()
        with CountingProxy(lambda: port) as door:
            with socket.create_connection(("127.0.0.1", door.port), timeout=10) as client:
                client.sendall(b"x" * 70_000)
                got = 0
                while got < 200_000:
                    block = client.recv(1 << 16)
                    assert block, f"the answer ended after {got} bytes"
                    got += len(block)
            answering.join(10)
            assert door.snapshot() == (70_000, 200_000)


@pytest.mark.parametrize("reason", ["no port yet", "nobody listens"])
def test_a_server_that_is_not_there_is_told_at_once_and_the_door_stays_open(reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = int(closed.getsockname()[1])

    def target() -> int:
        if reason == "no port yet":
            raise FileNotFoundError("ports.json")
        return port

    with CountingProxy(target) as door:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", door.port), timeout=10) as client:
                assert client.recv(1) == b"", "the connection is closed without an answer"
        assert door.snapshot() == (0, 0)


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        got = 0
        while got < 70_000:
            got += len(connection.recv(1 << 16))
        connection.sendall(b"y" * 200_000)
