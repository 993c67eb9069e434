"""Serves a world over HTTP on the loopback interface, a thread per connection.

Paths
- `POST /api/label/v2/graphql` and `GET /api/label/v2/version`; the former is a websocket too.
- `GET|HEAD /api/label/v2/files?id={asset}`: media of a project with `media_behind_key`; these
  need the key, like every address below `/api/label/v2`.
- `GET|HEAD /bucket/...`: what the signed links point at. As with S3, a request that is signed and
  also carries an Authorization header is refused (400), so a client that leaks its key to the
  bucket is found out; a forged or expired link gets 403.
- `POST|GET /control/...`: see `control`.

Faults are applied here to whole answers: see `faults`.
"""

import gzip
import hmac
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import orjson

from kili_export.local.kili_standin.api.graphql_api import GraphQLApi
from kili_export.local.kili_standin.changes.world import KiliWorld
from kili_export.local.kili_standin.http.bucket import Bucket
from kili_export.local.kili_standin.http.control import Control
from kili_export.local.kili_standin.http.subscriptions import Subscriptions
from kili_export.local.kili_standin.state.faults import Fault

GRAPHQL_PATH = "/api/label/v2/graphql"
VERSION_PATH = "/api/label/v2/version"
FILES_PATH = "/api/label/v2/files"
SERVER_VERSION = "2.400.0-standin"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Reply:
    """An answer before it is written. `cut` closes the connection in the middle of the body."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def json_reply(status: int, body: Any) -> Reply:
    """A JSON answer."""
    return Reply(status, orjson.dumps(body))


def _refusal(status: int, message: str, code: str) -> Reply:
    error = {"message": message, "extensions": {"code": code, "context": {}}}
    return json_reply(status, {"errors": [error], "data": None})


class Site:
    """Answers requests; knows nothing of sockets."""

    def __init__(self, world: KiliWorld) -> None:
        self.world = world
        self._api = GraphQLApi(world)
        self._bucket = Bucket(world)
        self._control = Control(world)

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[str, Reply]:
        """The kind of request (as counters name it) and the answer to it."""
        path = urlsplit(target).path
        if path.startswith("/control/"):
            status, answer = self._control.answer(path.removeprefix("/control/"), body)
            return "control", json_reply(status, answer)
        if path.startswith("/bucket/"):
            kind = "media" if path.startswith("/bucket/media/") else "content"
            return kind, self._spoil([kind], lambda: self._object(target, headers))
        if path == FILES_PATH:
            return "media", self._spoil(["media"], lambda: self._file(target, headers))
        if path == VERSION_PATH:
            return "version", json_reply(200, {"version": SERVER_VERSION})
        if path == GRAPHQL_PATH and method == "POST":
            return "graphql", self._graphql(headers, body)
        return "other", json_reply(404, {"message": "Not found"})

    def subscriptions(self, connection: Any) -> Subscriptions:
        """What serves a connection that was upgraded to a websocket."""
        return Subscriptions(self.world, self._api, connection)

    def _graphql(self, headers: Any, body: bytes) -> Reply:
        if not self._has_key(headers):
            return _refusal(401, "Unauthorized: the API key is not valid", "UNAUTHENTICATED")
        try:
            request = orjson.loads(body)
            query, variables = request["query"], request.get("variables") or {}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _refusal(400, "The body is not a GraphQL request", "BAD_REQUEST")
        if not isinstance(query, str) or not isinstance(variables, dict):
            return _refusal(400, "The body is not a GraphQL request", "BAD_REQUEST")
        roots = self._api.root_fields(query)
        for root in roots or ["invalid"]:
            self.world.counters.operation(root)
        return self._spoil(
            ["graphql", *roots], lambda: json_reply(200, self._api.execute(query, variables))
        )

    def _has_key(self, headers: Any) -> bool:
        expected = f"X-API-Key: {self.world.api_key}"
        given = headers.get("Authorization") or ""
        return hmac.compare_digest(given.encode(), expected.encode())

    def _file(self, target: str, headers: Any) -> Reply:
        if not self._has_key(headers):
            return _refusal(401, "Unauthorized: the API key is not valid", "UNAUTHENTICATED")
        asset_id = parse_qs(urlsplit(target).query).get("id", [""])[0]
        found = self._bucket.media(asset_id)
        return Reply(found.status, found.body, found.content_type)

    def _object(self, target: str, headers: Any) -> Reply:
        found = self._bucket.get(target, authorized=headers.get("Authorization") is not None)
        return Reply(found.status, found.body, found.content_type)

    def _spoil(self, targets: list[str], answer: Any) -> Reply:
        faults = self.world.faults.on_call(targets)
        for fault in faults:
            if fault.kind == "latency":
                time.sleep(fault.seconds)
            elif (refused := _instead(fault)) is not None:
                return refused
        reply = cast("Reply", answer())
        for fault in faults:
            _damage(reply, fault)
        return reply


def _instead(fault: Fault) -> Reply | None:
    """The answer that a fault gives in place of the true one, if it does."""
    if fault.kind == "throttled":
        reply = _refusal(429, "Too many requests", "TOO_MANY_REQUESTS")
        if fault.retry_after is not None:
            reply.headers["Retry-After"] = str(fault.retry_after)
        return reply
    refusals = {
        "internal_error": (500, fault.message, "INTERNAL_SERVER_ERROR"),
        "bad_gateway": (502, "Bad gateway", "BAD_GATEWAY"),
        "unavailable": (503, "Service unavailable", "SERVICE_UNAVAILABLE"),
        "wrong_key": (401, "Unauthorized: the API key is not valid", "UNAUTHENTICATED"),
        "expired": (403, "Request has expired", "AccessDenied"),
        "graphql_error": (200, fault.message, "INTERNAL_SERVER_ERROR"),
    }
    return _refusal(*refusals[fault.kind]) if fault.kind in refusals else None


def _damage(reply: Reply, fault: Fault) -> None:
    if fault.kind == "dropped":
        reply.cut = True
    elif fault.kind == "truncated":
        reply.body = reply.body[: len(reply.body) // 2]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def do_GET(self) -> None:
        is_socket = (self.headers.get("Upgrade") or "").lower() == "websocket"
        if is_socket and urlsplit(self.path).path == GRAPHQL_PATH:
            self._subscribe()
        else:
            self._serve()

    def _subscribe(self) -> None:
        server = cast("_Server", self.server)
        head = f"{self.requestline}\r\n".encode() + self.headers.as_bytes().replace(b"\n", b"\r\n")
        self.close_connection = True
        server.site.subscriptions(self.connection).serve(head, lambda: server.is_serving)

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Says nothing: counters tell what was asked."""

    def _serve(self) -> None:
        site = cast("_Server", self.server).site
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        kind, reply = site.answer(self.command, self.path, self.headers, body)
        if kind != "control":
            site.world.counters.answered(kind, reply.status, len(reply.body))
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.cut:
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], site: Site) -> None:
        self.site = site
        self.is_serving = True
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class StandIn:
    """A running stand-in. `endpoint` is for clients, `control_url` for tests that direct it."""

    def __init__(self, world: KiliWorld, host: str, port: int) -> None:
        if host not in _LOOPBACK:
            raise ValueError(f"the stand-in serves the loopback interface only, not {host!r}")
        self.world = world
        self._server = _Server((host, port), Site(world))
        world.courier.open()
        base = f"http://{host}:{self._server.server_port}"
        world.urls.base = base
        self.endpoint = base + GRAPHQL_PATH
        self.control_url = base + "/control"
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops serving, and the delivery of webhooks."""
        self._server.is_serving = False
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.world.close()


@contextmanager
def start_standin(world: KiliWorld, host: str = "127.0.0.1", port: int = 0) -> Iterator[StandIn]:
    """Serves a world while the block runs; port 0 takes a free one."""
    standin = StandIn(world, host, port)
    try:
        yield standin
    finally:
        standin.close()
