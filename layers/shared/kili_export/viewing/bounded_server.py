"""An HTTP server that no caller can fill: who knows its address always gets in."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import Any, Final

_CONNECTIONS: Final = 64


class BoundedServer(ThreadingHTTPServer):
    """Limits open connections. A new one closes the oldest that did not show the address."""

    daemon_threads = True
    request_queue_size = _CONNECTIONS

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        """Listens on a port of loopback, 0 for a free one. Raises OSError where it cannot."""
        self._lock = Lock()
        self._open: dict[socket, bool] = {}
        super().__init__(("127.0.0.1", port), handler)

    def trust(self, connection: socket) -> None:
        """Marks a connection whose caller knows the address: no new one closes it."""
        with self._lock:
            self._open[connection] = True

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers a caller in its own thread, or closes the connection when there is no room."""
        leaving = None
        with self._lock:
            if len(self._open) >= _CONNECTIONS:
                leaving = next((one for one, known in self._open.items() if not known), request)
                self._open.pop(leaving, None)
            if leaving is not request:
                self._open[request] = False
        if leaving is request:
            self.shutdown_request(request)
            return
        if leaving is not None:
            _end(leaving)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Closed connections are expected; every other error is reported."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _end(connection: socket) -> None:
    """Has the thread that waits for what comes read the end, and close it."""
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        return  # it is closed already
