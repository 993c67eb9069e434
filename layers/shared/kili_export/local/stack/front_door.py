"""Where Kili's webhook calls arrive: one route in front of the webhook function.

The function answers 202 only after the change mark is on disk: a `kill -9` or a power cut before
that took nothing that was acknowledged, and one after it takes nothing.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from kili_export.core.errors import InvalidConfiguration
from kili_export.local.stack.http_server import Head, HttpServer, Limits, Refusal
from kili_export.local.stack.metrics import CONTENT_TYPE, METRICS_PATH, Metrics
from kili_export.local.workflow.errors import FunctionFailed

WEBHOOK_PATH = "/webhooks/kili"
HEALTH_PATHS = frozenset({"/healthz", "/health"})

Response = dict[str, Any]
WebhookFunction = Callable[[dict[str, Any]], Response]


class PortUnavailable(InvalidConfiguration):
    """The front door's address cannot be taken."""


class WebhookGate:
    """Calls the webhook function."""

    def __init__(self, function: WebhookFunction) -> None:
        self._function = function

    def receive(self, body: bytes, headers: dict[str, str], source: str) -> Response:
        """The answer to one call, as an HTTP API response: statusCode, headers, body."""
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
    return _response(status, "application/json", json.dumps({"message": message}))


def _response(status: int, content_type: str, body: str) -> Response:
    return {"statusCode": status, "headers": {"content-type": content_type}, "body": body}


class FrontDoor:
    """The HTTP server that Kili calls. `is_secret` says whether an Authorization is the right one.

    Strangers get a refusal by their headers; nothing that they send is kept.
    """

    def __init__(
        self,
        gate: WebhookGate,
        is_secret: Callable[[str], bool],
        host: str,
        port: int,
        limits: Limits = Limits(),  # noqa: B008 it is frozen
        *,
        metrics: Metrics | None = None,
    ) -> None:
        """Takes the port, 0 for a free one. Raises PortUnavailable when it is taken."""
        self._gate = gate
        self._is_secret = is_secret
        self._host = host
        self._metrics = metrics
        try:
            self._server = HttpServer(self._answer, self._judge, host, port, limits)
        except (OSError, ValueError) as error:
            raise PortUnavailable(
                f"{host}:{port} cannot be listened on ({_reason(error)}); "
                "give another --host or --port, 0 for any free one."
            ) from error

    @property
    def url(self) -> str:
        """Where Kili sends its events, as seen from this machine."""
        everywhere = {"0.0.0.0", "::"}  # noqa: S104 it is compared
        shown = "127.0.0.1" if self._host in everywhere else self._host
        shown = f"[{shown}]" if ":" in shown else shown
        return f"http://{shown}:{self._server.port}{WEBHOOK_PATH}"

    def start(self) -> None:
        """Begins to answer."""
        self._server.start()

    def stop(self) -> None:
        """Takes no more calls, and answers those that are under way."""
        self._server.stop()

    def close(self) -> None:
        """Gives the port back."""
        self._server.close()

    def _judge(self, head: Head) -> Refusal | None:
        """By method, path and secret, in this order; a body is read of Kili alone."""
        if head.path in HEALTH_PATHS:
            return _reading(head)
        if head.path == METRICS_PATH and self._metrics is not None:
            if not self._metrics.is_authorized(head.headers.get("AUTHORIZATION", "")):
                return _refusal(
                    401, "Authorization is missing or wrong", ("WWW-Authenticate", "Bearer")
                )
            return _reading(head)
        if head.path.rstrip("/") != WEBHOOK_PATH:
            return _refusal(404, "Not Found")
        if head.method != "POST":
            return _refusal(405, "Method Not Allowed", ("Allow", "POST"))
        if not self._is_secret(head.headers.get("AUTHORIZATION", "")):
            return _refusal(401, "Authorization is missing or wrong")
        return None

    def _answer(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]:
        """The answer to a request that was let in, as WSGI (PEP 3333) has it."""
        if self._metrics is not None and environ["PATH_INFO"] == METRICS_PATH:
            response = _response(200, CONTENT_TYPE, self._metrics.text())
        elif environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            response = _message(200, "ok")
        else:
            body = environ["wsgi.input"].read()
            response = self._gate.receive(body, _headers(environ), environ["REMOTE_ADDR"])
        status = int(response["statusCode"])
        answer = str(response.get("body") or "").encode()
        headers = [
            (name, str(value))
            for name, value in response.get("headers", {}).items()
            if name.lower() != "content-length"
        ]
        start_response(
            f"{status} {_phrase(status)}", [*headers, ("Content-Length", str(len(answer)))]
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer]


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request, by their names in small letters."""
    found = {
        name.removeprefix("HTTP_"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    return {name.lower().replace("_", "-"): value for name, value in found.items()}


def _reading(head: Head) -> Refusal | None:
    """The refusal of what does more than to read."""
    if head.method not in {"GET", "HEAD"}:
        return _refusal(405, "Method Not Allowed", ("Allow", "GET, HEAD"))
    return _refusal(400, "No body is expected") if head.has_body else None


def _refusal(status: int, message: str, *headers: tuple[str, str]) -> Refusal:
    return Refusal(status, _phrase(status), json.dumps({"message": message}), headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
