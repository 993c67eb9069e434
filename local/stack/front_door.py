"""Where Kili's webhook calls arrive: one route in front of the webhook function.

A call is answered in this order: the function stores the change mark and says 202; the event goes
to the journal and is on disk; only then Kili gets its 202. The marks live in memory on one machine,
so a `kill -9`
- before the function answered: nobody was told anything, and nothing is kept;
- between the function and the journal: the mark is lost, and nobody was told that it was kept;
- between the journal and the answer: the event is replayed on the next start. If the sender tries
  again it arrives twice, which does no harm: an event only says which asset to look at;
- after the answer: the event is replayed.
Writing to the journal first would put on disk what strangers send, before the secret was checked.
"""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kili_export.changes.events.webhook_body import parse_webhook
from kili_export.core.errors import InvalidConfiguration
from local.stack.journal import Entry, Journal
from local.workflow.errors import FunctionFailed

WEBHOOK_PATH = "/webhooks/kili"
MAX_BODY_BYTES = 6 * 1024 * 1024
_CONCURRENT_CALLS = 32
_CLIENT_PATIENCE_SECONDS = 30

Response = dict[str, Any]
WebhookFunction = Callable[[dict[str, Any]], Response]


class PortUnavailable(InvalidConfiguration):
    """The front door's address cannot be taken."""


class ReplayRefused(Exception):
    """An event of the journal was not taken, for a reason that may pass."""


class WebhookGate:
    """Calls the webhook function and journals what it accepted."""

    def __init__(self, function: WebhookFunction, journal: Journal) -> None:
        self._function = function
        self._journal = journal
        self._room = threading.BoundedSemaphore(_CONCURRENT_CALLS)

    def receive(self, body: bytes, headers: dict[str, str], source: str) -> Response:
        """The answer to one call, as an HTTP API response: statusCode, headers, body."""
        with self._room:
            try:
                response = self._function(http_api_event(body, headers, source))
            except FunctionFailed:
                # What API Gateway answers when the function failed; its log has the reason.
                return _message(500, "Internal Server Error")
            if not isinstance(response, dict) or "statusCode" not in response:
                return _message(500, "Internal Server Error")
            if response["statusCode"] != 202 or not _accepted(response):
                return response
            try:
                for entry in journal_entries(body):
                    self._journal.append(entry)
            except OSError as error:
                return _message(503, f"The journal cannot be written: {error.strerror}")
            return response

    def replay(self, authorization: str) -> int:
        """Hands the journalled events to the function again. Answers how many it took.

        Raises FunctionFailed or ReplayRefused: then nothing may be trimmed from the journal.
        """
        events = [entry for entry in self._journal.entries() if entry.kind == "webhook"]
        for entry in events:
            body = entry.body.encode()
            headers = {"authorization": authorization, "content-type": "application/json"}
            response = self._function(http_api_event(body, headers, "127.0.0.1"))
            if response["statusCode"] >= 500 or response["statusCode"] == 401:
                raise ReplayRefused(f"A journalled event was not taken: {response.get('body')}")
        return len(events)


def journal_entries(body: bytes) -> list[Entry]:
    """What the journal keeps of an accepted body: ids, never the label that came with them."""
    events = parse_webhook(body)
    return [
        Entry(event.project_id, "webhook", json.dumps(_reduced(json.loads(body))))
        for event in events[:1]
        if event.project_id
    ]


def _reduced(value: Any) -> Any:
    """The body without the contents of its label: the event is told by its ids."""
    if isinstance(value, dict):
        return {
            key: _reduced(item)
            for key, item in value.items()
            if key not in {"jsonResponse", "search"}
        }
    return value


def http_api_event(body: bytes, headers: dict[str, str], source: str) -> dict[str, Any]:
    """A call as an HTTP API of payload format 2.0 hands it to a function.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    now = datetime.now(UTC)
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    return {
        "version": "2.0",
        "routeKey": f"POST {WEBHOOK_PATH}",
        "rawPath": WEBHOOK_PATH,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": "POST",
                "path": WEBHOOK_PATH,
                "protocol": "HTTP/1.1",
                "sourceIp": source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": f"POST {WEBHOOK_PATH}",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(time.time() * 1000),
        },
        "body": text,
        "isBase64Encoded": encoded,
    }


def _accepted(response: Response) -> bool:
    return bool(json.loads(response.get("body") or "{}").get("accepted"))


def _message(status: int, message: str) -> Response:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": message}),
    }


class FrontDoor:
    """The HTTP server that Kili calls."""

    def __init__(self, gate: WebhookGate, host: str, port: int) -> None:
        """Takes the port, 0 for a free one. Raises PortUnavailable when it is taken."""
        handler = type("Handler", (_Handler,), {"gate": gate})
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            raise PortUnavailable(
                f"{host}:{port} cannot be listened on ({error.strerror}); "
                "give another --host or --port, 0 for any free one."
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="front-door")

    @property
    def url(self) -> str:
        """Where Kili sends its events, as seen from this machine."""
        host, port = self._server.server_address[:2]
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 it is compared
        return f"http://{shown!s}:{port}{WEBHOOK_PATH}"

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no more calls; those that are under way may still be answered."""
        self._server.shutdown()
        self._thread.join()

    def close(self) -> None:
        """Gives the port back."""
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    gate: WebhookGate
    protocol_version = "HTTP/1.1"
    timeout = _CLIENT_PATIENCE_SECONDS

    def do_POST(self) -> None:
        """A webhook call."""
        if self.path.partition("?")[0] != WEBHOOK_PATH:
            self._answer(_message(404, "Not Found"), keep=False)
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._answer(_message(411, "Content-Length is required"), keep=False)
        elif int(length) > MAX_BODY_BYTES:
            self._answer(_message(413, "Request Entity Too Large"), keep=False)
        else:
            self._receive(self.rfile.read(int(length)), int(length))

    def do_GET(self) -> None:
        """Whether the front door is open."""
        known = self.path == "/health"
        self._answer(_message(200, "ok") if known else _message(404, "Not Found"), keep=True)

    def _receive(self, body: bytes, length: int) -> None:
        if len(body) < length:  # the sender hung up
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(self.gate.receive(body, headers, self.client_address[0]), keep=True)

    def _answer(self, response: Response, *, keep: bool) -> None:
        body = str(response.get("body") or "").encode()
        self.send_response(int(response["statusCode"]))
        for name, value in response.get("headers", {}).items():
            if name.lower() != "content-length":
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(body)))
        if not keep:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        """Says nothing: the function logs each event, and standard error is for people."""
