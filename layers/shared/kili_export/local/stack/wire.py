"""JSON messages over a stream socket: four bytes of length, then UTF-8."""

import json
import socket
from typing import Any

_LENGTH_BYTES = 4


class ConnectionEnded(Exception):
    """The other process closed its end, or died."""


def send_message(connection: socket.socket, message: Any) -> None:
    """Sends one message. Raises TypeError for what JSON cannot hold, ConnectionEnded."""
    body = json.dumps(message, separators=(",", ":")).encode()
    try:
        connection.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)
    except OSError as error:
        raise ConnectionEnded(str(error)) from error


def receive_message(connection: socket.socket) -> Any:
    """Waits for one message, for as long as the socket's time-out allows.

    Raises TimeoutError after the socket's time-out, ConnectionEnded when no whole message came.
    """
    length = int.from_bytes(_exactly(connection, _LENGTH_BYTES), "big")
    return json.loads(_exactly(connection, length))


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        try:
            block = connection.recv(min(count - len(received), 1 << 20))
        except TimeoutError:
            raise
        except OSError as error:
            raise ConnectionEnded(str(error)) from error
        if not block:
            raise ConnectionEnded("the connection was closed")
        received += block
    return bytes(received)
