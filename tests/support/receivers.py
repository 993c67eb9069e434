"""Endpoints for tests: one that plays a script and checks every request with the judge."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from standardwebhooks import Webhook

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CUT_OFF: Final = 0
"""In place of a status: the connection ends without an answer."""


@dataclass
class Receiver:
    """Answers by its script, 204 after its end. `verified` are bodies that the judge accepted."""

    port: int = 0
    script: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    verified: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: bytes = b""
    signed: bool = True

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/events"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Checks a request. Answers what to answer."""
        if self.signed:
            self.verified.append(Webhook(SECRET).verify(body, headers))
        self.ids.append(headers.get("webhook-id", ""))
        self.bodies.append(body)
        self.paths.append(path)
        self.headers.append(headers)
        return self.script.pop(0) if self.script else 204


@contextmanager
def receiving(**options: Any) -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver(**options)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(self.path, headers, body)
            if status == CUT_OFF:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
