"""Stands between a function and AWS, and lets through what its policy allows."""

import http.client
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.artifacts.accesses import accesses_of, service_of
from tests.artifacts.policies import Access, Policy

# These belong to one connection and not to the request.
_OF_CONNECTION = {"connection", "expect", "keep-alive", "transfer-encoding", "content-length"}


class PermissionGate:
    """A proxy for one function. Use as a context."""

    def __init__(self, policy: Policy, upstreams: Mapping[str, str]) -> None:
        """`upstreams` gives the URL behind each service, `*` that of all the others."""
        self.refused: set[Access] = set()
        self.used: set[Access] = set()
        self._policy = policy
        self._upstreams = upstreams
        handler = type("Handler", (_Handler,), {"gate": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def never_used(self) -> set[str]:
        """Actions that the policy allows and that nobody asked for so far."""
        return self._policy.granted() - {access.action for access in self.used}

    @property
    def url(self) -> str:
        """Where the function is told that AWS is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "PermissionGate":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def admit(self, method: str, target: str, headers: Any, body: bytes) -> str | None:
        """The URL to pass a request on to, None when the policy does not allow it."""
        accesses = accesses_of(method, target, headers, body)
        forbidden = {one for one in accesses if self._policy.statement_for(one) is None}
        self.refused |= forbidden
        if forbidden:
            return None
        self.used.update(accesses)
        return self._upstreams.get(service_of(headers)) or self._upstreams["*"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: PermissionGate

    def _pass_on(self) -> None:
        body = self._body()
        upstream = self.gate.admit(self.command, self.path, self.headers, body)
        if upstream is None:
            self._answer(403, {"Content-Type": "application/json"}, _refusal())
            return
        behind = urlsplit(upstream)
        connection = http.client.HTTPConnection(behind.netloc, timeout=60)
        # The workflow's runner is known by its path and its own host; S3 checks the one signed.
        dropped = _OF_CONNECTION | ({"host"} if behind.path else set())
        try:
            connection.putrequest(
                self.command,
                behind.path + self.path,
                skip_host=not behind.path,
                skip_accept_encoding=True,
            )
            for name, value in self.headers.items():
                if name.lower() not in dropped:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    # Names that the base class looks for.
    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(chunks)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers.items():
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in _OF_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        """Says nothing: what was refused is asserted on."""


def _refusal() -> bytes:
    """What the services of JSON say; an S3 client goes by the status."""
    return b'{"__type": "AccessDeniedException", "message": "The policy does not allow this."}'
