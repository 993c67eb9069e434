"""A door in front of a server on this machine that counts the bytes which pass it, both ways."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

_CHUNK = 1 << 16


@dataclass
class CountingProxy:
    """Passes connections on to a port; `up` goes to the server, `down` comes from it.

    `target` is asked at each connection: the server may choose its port after this is open.
    """

    target: Callable[[], int]
    up: int = 0
    down: int = 0
    _listener: socket.socket = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "CountingProxy":
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave the thread in `accept`.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def snapshot(self) -> tuple[int, int]:
        """Bytes up and down so far."""
        with self._lock:
            return self.up, self.down

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target()))
            except OSError:
                # As the server would refuse it: it does not serve yet, or no more.
                client.close()
                continue
            for end in (client, server):
                # A piece of a message must not wait until the one before it is acknowledged.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, name in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pass, args=(source, sink, name), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, name: str) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                with self._lock:
                    setattr(self, name, getattr(self, name) + len(data))
                sink.sendall(data)
        # The first side that ends, ends both: the other thread's `recv` returns then.
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
