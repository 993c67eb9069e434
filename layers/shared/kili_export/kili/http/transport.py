"""Sends GraphQL operations to Kili and sees them through."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from urllib3 import HTTPResponse

from kili_export.core.errors import Throttled
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.exact_json import parse_json
from kili_export.kili.http.failures import (
    KEY_REFUSED,
    NETWORK_ERRORS,
    FailedAttempt,
    of_answer_errors,
    of_failure,
    of_slowness,
    of_status,
    of_unreadable,
)
from kili_export.kili.http.guarded_connections import ConnectionGuard
from kili_export.kili.http.http_client import HttpClient
from kili_export.kili.http.response_bodies import TooLarge, TooSlow, read_body
from kili_export.kili.http.retrying import RateLimiter, RetryPolicy
from kili_export.kili.http.traffic import KiliTraffic

CLIENT_NAME = "kili-continuous-export"
TIMEOUTS = (10.0, 60.0)
"""Seconds to connect, and to wait for the next bytes."""
LONGEST_ANSWER_SECONDS = 120.0
LARGEST_ANSWER = 128 * 1024 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """A GraphQL document. `name` is for counts and logs; a mutation is never sent twice lightly."""

    name: str
    document: str
    mutation: bool = False


@cache
def client_version() -> str:
    """The version of this software, as it presents itself to Kili."""
    try:
        return version(CLIENT_NAME)
    except PackageNotFoundError:
        # In a Lambda layer the package lies there without its metadata.
        return "0"


def new_http_client(guard: ConnectionGuard) -> HttpClient:
    """A client that shows who calls, and connects to where it may."""
    return HttpClient(guard, f"{CLIENT_NAME}/{client_version()}")


class GraphQLTransport:
    """Kili's GraphQL endpoint."""

    def __init__(
        self,
        endpoint: KiliEndpoint,
        http: HttpClient,
        budget: RateLimiter,
        policy: RetryPolicy,
        traffic: KiliTraffic,
    ) -> None:
        self.endpoint = endpoint
        self._http = http
        self._budget = budget
        self._policy = policy
        self._traffic = traffic
        self.answered_at: str | None = None
        """The header `Date` of the latest answer."""

    def execute(self, operation: Operation, variables: Mapping[str, Any]) -> Any:
        """The value that the operation's root field, called `data`, has.

        Raises AccessDenied, Throttled, Unavailable, RequestRefused, InvalidConfiguration; and
        UnknownField, a RequestRefused, when the server's schema lacks a field.
        """
        body = json.dumps({"query": operation.document, "variables": variables}).encode()
        retry_loop = self._policy.retry_loop()
        while True:
            self._budget.acquire()
            self._traffic.sent(operation.name, len(body))
            authorization = self.endpoint.authorization()
            answer = self._attempt(body, authorization)
            if not isinstance(answer, FailedAttempt):
                return answer[0]
            _log.info("Kili: %s failed: %s", operation.name, answer.kind)
            if isinstance(answer.error, Throttled):
                self._budget.slow_down(answer.retry_after)
            if answer.kind == KEY_REFUSED and self.endpoint.replace_key(authorization):
                continue
            retry_loop.wait_or_give_up(answer, repeatable=not operation.mutation)

    def _attempt(self, body: bytes, authorization: str) -> tuple[Any] | FailedAttempt:
        name = self.endpoint.name
        try:
            with self._http.send(
                "POST",
                self.endpoint.url,
                body=body,
                headers={
                    "Authorization": authorization,
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                    "apollographql-client-name": CLIENT_NAME,
                    "apollographql-client-version": client_version(),
                },
                timeouts=TIMEOUTS,
            ) as response:
                content = read_body(
                    response,
                    limit=LARGEST_ANSWER,
                    seconds=LONGEST_ANSWER_SECONDS,
                    clock=self._policy.clock,
                )
        except NETWORK_ERRORS as failure:
            return of_failure(failure, name)
        except TooLarge:
            return of_unreadable("answered more than can be read", name)
        except TooSlow:
            return of_slowness(name)
        self._traffic.received(len(content))
        self.answered_at = response.headers.get("Date")
        return _answer(response, content, self.endpoint)


def _answer(
    response: HTTPResponse, content: bytes, endpoint: KiliEndpoint
) -> tuple[Any] | FailedAttempt:
    name, status = endpoint.name, response.status
    parsed = _parsed(content)
    answer = parsed if isinstance(parsed, dict) else {}
    # Errors of a 401 or 429 come from a gateway and say less than the status.
    if answer.get("errors") and (status < 400 or status in (400, 403, 422)):
        return of_answer_errors(answer["errors"], name, endpoint.without_key)
    if status != HTTPStatus.OK:
        text = content[:4096].decode("utf-8", "replace")
        return of_status(status, response.headers, text, name)
    if parsed is None:
        return of_unreadable("answered something that is not JSON", name)
    data = answer.get("data")
    if not isinstance(data, dict) or "data" not in data:
        return of_unreadable("answered no data", name)
    return (data["data"],)


def _parsed(content: bytes) -> object:
    try:
        return parse_json(content)
    except (ValueError, RecursionError):
        return None
