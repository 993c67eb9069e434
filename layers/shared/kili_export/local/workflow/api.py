"""The workflow service behind the wire protocol of AWS Step Functions, on loopback.

Its address holds a token of this endpoint alone: who does not know it, and a browser's page even if
it does, gets nothing.

AWS JSON 1.0: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
"""

import hmac
import ipaddress
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from kili_export.local.workflow.executions import Execution
from kili_export.local.workflow.limits import encode
from kili_export.local.workflow.service import (
    InvalidExecutionInput,
    WorkflowRefusal,
    WorkflowService,
)

_LOGGER = logging.getLogger(__name__)
_TARGET_PREFIX = "AWSStepFunctions."
_CONTENT_TYPE = "application/x-amz-json-1.0"
_LARGEST_BODY = 2 * 1024 * 1024
_PAGE = 100
_PATIENCE_SECONDS = 60
_LARGEST_PAGE = 1000


class StateMachineDoesNotExist(WorkflowRefusal):
    """The service runs another state machine than the one asked for."""


class ValidationException(WorkflowRefusal):
    """A request without a member that it needs, or with one of the wrong type."""


class InvalidToken(WorkflowRefusal):
    """A nextToken that this service did not give."""


class UnknownOperationException(WorkflowRefusal):
    """An operation that is not implemented."""


@dataclass
class StepFunctionsEndpoint:
    """A running endpoint.

    `url` is what to give a client as its endpoint_url: a secret. `address` is the part of it that
    everybody may see.
    """

    url: str
    address: str
    _server: ThreadingHTTPServer
    _thread: threading.Thread

    def close(self) -> None:
        """Answers what was asked so far, then stops."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serve_stepfunctions(
    service: WorkflowService, host: str = "127.0.0.1", port: int = 0
) -> StepFunctionsEndpoint:
    """Serves the API on loopback; port 0 takes a free one.

    Nothing is encrypted, so any other host is refused with ValueError.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address")
    operations = _Operations(service)

    secret = secrets.token_urlsafe(32)

    class Handler(_Handler):
        answer = staticmethod(operations.answer)
        token = secret

    server = ThreadingHTTPServer((host, port), Handler)
    Handler.host = f"{host}:{server.server_address[1]}"
    address = f"http://{Handler.host}"
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="stepfunctions"
    )
    thread.start()
    return StepFunctionsEndpoint(f"{address}/{secret}", address, server, thread)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave together: apart, each answer waits for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = _PATIENCE_SECONDS
    answer: Callable[[str, bytes], dict[str, Any]]
    token: str
    host: str

    def do_POST(self) -> None:
        """Answers one operation."""
        if not self._is_ours():
            # Its body is not read: nothing that follows may be taken for a request.
            self.close_connection = True
            self._send(403, {"__type": "AccessDeniedException", "message": "Access denied."})
            return
        try:
            target = self.headers.get("X-Amz-Target", "")
            self._send(200, type(self).answer(target, self._body()))
        except WorkflowRefusal as refusal:
            self._send(400, {"__type": type(refusal).__name__, "message": str(refusal)})
        except Exception:
            _LOGGER.exception("The workflow service failed")
            self._send(500, {"__type": "InternalServerError", "message": "See the log."})

    def _is_ours(self) -> bool:
        """Whether the caller knows the token, and no page in a browser sends it.

        A page that has its own name lead here sends that name as the host.
        """
        given = self.path.strip("/").encode()
        return (
            hmac.compare_digest(given, self.token.encode())
            and self.headers.get_all("Host") == [self.host]
            and "Origin" not in self.headers
        )

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            raise ValidationException("The request is too large.")
        return self.rfile.read(int(length))

    def _send(self, status: int, document: Mapping[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", _CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", str(uuid4()))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Requests are not worth a line each."""
        _LOGGER.debug(format, *args)


class _Operations:
    """The operations, from the members of their requests to those of their answers."""

    def __init__(self, service: WorkflowService) -> None:
        self._service = service
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "StartExecution": self._start,
            "DescribeExecution": self._describe,
            "ListExecutions": self._list,
            "StopExecution": self._stop,
        }

    def answer(self, target: str, body: bytes) -> dict[str, Any]:
        """Answers a request. Raises WorkflowRefusal."""
        operation = self._operations.get(target.removeprefix(_TARGET_PREFIX))
        if operation is None or not target.startswith(_TARGET_PREFIX):
            raise UnknownOperationException(f"{target} is not implemented.")
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            raise ValidationException("The request is not JSON.") from None
        if not isinstance(request, dict):
            raise ValidationException("The request is not an object.")
        return operation(request)

    def _start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check_machine(_text(request, "stateMachineArn"))
        try:
            value = json.loads(_text(request, "input", "{}"))
        except ValueError:
            raise InvalidExecutionInput("The input is not JSON.") from None
        execution = self._service.start(_text(request, "name", str(uuid4())), value)
        return {"executionArn": execution.arn, "startDate": _epoch(execution.started)}

    def _describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._service.describe(_text(request, "executionArn"))
        answer = {
            **self._summary(execution),
            "input": encode(execution.input),
            "inputDetails": {"included": True},
            "error": execution.error,
            "cause": execution.cause,
        }
        if execution.status == "SUCCEEDED":
            answer |= {"output": encode(execution.output), "outputDetails": {"included": True}}
        return {name: value for name, value in answer.items() if value is not None}

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._check_machine(_text(request, "stateMachineArn"))
        chosen = self._service.list(request.get("statusFilter"))
        first = _whole(request.get("nextToken", "0"))
        size = request.get("maxResults") or _PAGE
        if not isinstance(size, int) or not 0 < size <= _LARGEST_PAGE:
            raise ValidationException("maxResults is not a number from 0 to 1000.")
        page = chosen[first : first + size]
        answer: dict[str, Any] = {"executions": [self._summary(item) for item in page]}
        if first + size < len(chosen):
            answer["nextToken"] = str(first + size)
        return answer

    def _stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        execution = self._service.stop(
            _text(request, "executionArn"), _text(request, "error", ""), _text(request, "cause", "")
        )
        return {"stopDate": _epoch(execution.stopped or execution.started)}

    def _summary(self, execution: Execution) -> dict[str, Any]:
        summary = {
            "executionArn": execution.arn,
            "name": execution.name,
            "startDate": _epoch(execution.started),
            "stateMachineArn": self._service.arn,
            "status": execution.status,
        }
        if execution.stopped is not None:
            summary["stopDate"] = _epoch(execution.stopped)
        return summary

    def _check_machine(self, arn: str) -> None:
        if arn != self._service.arn:
            raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")


def _text(request: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = request.get(name, default)
    if not isinstance(value, str):
        raise ValidationException(f"{name} is missing or is not a string.")
    return value


def _whole(token: Any) -> int:
    if not isinstance(token, str) or not token.isdecimal():
        raise InvalidToken(f"Invalid Token: '{token}'")
    return int(token)


def _epoch(moment: datetime) -> float:
    return moment.timestamp()
