"""Sends GraphQL operations to Kili and sees them through."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import requests

from kili_export.core.errors import Throttled
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.failures import (
    KEY_REFUSED,
    NETWORK_ERRORS,
    FailedAttempt,
    of_answer_errors,
    of_failure,
    of_status,
    of_unreadable,
)
from kili_export.kili.http.guarded_connections import ConnectionGuard, GuardedAdapter
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


def new_session(guard: ConnectionGuard) -> requests.Session:
    """A session that keeps no cookies, shows who calls, and connects to where it may."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = f"{CLIENT_NAME}/{client_version()}"
    adapter = GuardedAdapter(guard)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def authorized_by(header: str | None) -> Callable[[requests.PreparedRequest], Any]:
    """Sets this Authorization or none; without it `requests` would look into ~/.netrc."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        if header is not None:
            request.headers["Authorization"] = header
        return request

    return authorize


class GraphQLTransport:
    """Kili's GraphQL endpoint."""

    def __init__(
        self,
        endpoint: KiliEndpoint,
        session: requests.Session,
        budget: RateLimiter,
        policy: RetryPolicy,
        traffic: KiliTraffic,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._budget = budget
        self._policy = policy
        self._traffic = traffic

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
            authorization = self._endpoint.authorization()
            answer = self._attempt(body, authorization)
            if not isinstance(answer, FailedAttempt):
                return answer[0]
            _log.info("Kili: %s failed: %s", operation.name, answer.kind)
            if isinstance(answer.error, Throttled):
                self._budget.slow_down(answer.retry_after)
            if answer.kind == KEY_REFUSED and self._endpoint.replace_key(authorization):
                continue
            retry_loop.wait_or_give_up(answer, repeatable=not operation.mutation)

    def _attempt(self, body: bytes, authorization: str | None) -> tuple[Any] | FailedAttempt:
        name = self._endpoint.name
        try:
            with self._session.post(
                self._endpoint.url,
                data=body,
                headers={
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                    "apollographql-client-name": CLIENT_NAME,
                    "apollographql-client-version": client_version(),
                },
                auth=authorized_by(authorization),
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
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
            return of_failure(requests.ReadTimeout(), name)
        self._traffic.received(len(content))
        return _answer(response, content, self._endpoint)


def _answer(
    response: requests.Response, content: bytes, endpoint: KiliEndpoint
) -> tuple[Any] | FailedAttempt:
    name = endpoint.name
    parsed = _parsed(content)
    answer = parsed if isinstance(parsed, dict) else {}
    # Errors of a 401 or 429 come from a gateway and say less than the status.
    if answer.get("errors") and (response.ok or response.status_code in (400, 403, 422)):
        return of_answer_errors(answer["errors"], name, endpoint.without_key)
    if response.status_code != requests.codes.ok:
        text = content[:4096].decode("utf-8", "replace")
        return of_status(response.status_code, response.headers, text, name)
    if parsed is None:
        return of_unreadable("answered something that is not JSON", name)
    data = answer.get("data")
    if not isinstance(data, dict) or "data" not in data:
        return of_unreadable("answered no data", name)
    return (data["data"],)


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
