"""Where Kili's webhook calls arrive: one route in front of the webhook function.

The function answers 202 only after the change mark is on disk: a `kill -9` or a power cut before
that took nothing that anybody was told was kept, and one after it takes nothing.
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

from kili_export.core.errors import InvalidConfiguration
from local.workflow.errors import FunctionFailed

WEBHOOK_PATH = "/webhooks/kili"
MAX_BODY_BYTES = 6 * 1024 * 1024
_CONCURRENT_CALLS = 32
_CLIENT_PATIENCE_SECONDS = 30

Response = dict[str, Any]
WebhookFunction = Callable[[dict[str, Any]], Response]


class PortUnavailable(InvalidConfiguration):
    """The front door's address cannot be taken."""


class WebhookGate:
    """Calls the webhook function, a bounded number of times at once."""

    def __init__(self, function: WebhookFunction) -> None:
        self._function = function
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
            return response


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
