"""What may go wrong with a request to Kili, and whether it is worth another attempt.

The policy follows what Kili's own client does for queries: what was not processed is pursued for
a time, what broke off on the way a few times, what the server failed at hardly.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from urllib3 import exceptions as failures

from kili_export.core.errors import (
    AccessDenied,
    ExportError,
    InvalidConfiguration,
    RequestRefused,
    Throttled,
    Unavailable,
)

ATTEMPTS_WITH_REFUSED_KEY = 3
ATTEMPTS_WHEN_CUT_OFF = 5
ATTEMPTS_WHEN_SLOW = 2
KEY_REFUSED = "401"
_LONGEST_MESSAGE = 300
_ADDRESS = re.compile(r"[^\s@\"'<>(),;:=]+@[^\s@\"'<>(),;:]+")
_QUERY_STRING = re.compile(r"\?[^\s\"'<>]+")
_ENVOY_NOT_PROCESSED = re.compile(
    r"no healthy upstream|reset reason: (overflow|connection failure)", re.IGNORECASE
)
_RESENT_MESSAGES = ("Failed to fetch data connection", "Invalid request made to Flagsmith API")
_FORBIDDEN = re.compile(
    r"not authori[sz]ed|unauthori[sz]ed|forbidden|access denied|permission", re.IGNORECASE
)
_UNKNOWN_FIELD = re.compile(
    r"cannot query field|doesn'?t exist on type|unknown field", re.IGNORECASE
)


class UnknownField(RequestRefused):
    """The server's schema lacks a field that was asked for. The message names it."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """A failed attempt. `attempts` bounds those of this `kind`, None leaves it to the policy.

    `error` is what to raise when there is no further attempt; `retry_after` is in seconds.
    """

    kind: str
    error: ExportError
    attempts: int | None = 1
    may_have_been_processed: bool = True
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: str
    sentence: str
    attempts: int | None
    may_have_been_processed: bool
    error: type[ExportError] = Unavailable

    def failed_attempt(self, origin: str) -> FailedAttempt:
        return FailedAttempt(
            self.kind,
            self.error(f"{self.sentence} {origin}"),
            self.attempts,
            self.may_have_been_processed,
        )


_NOT_REACHED = _Rule("not reached", "cannot connect to", None, may_have_been_processed=False)
_CUT_OFF = _Rule(
    "cut off", "the connection broke off with", ATTEMPTS_WHEN_CUT_OFF, may_have_been_processed=True
)
_SLOW = _Rule("slow", "no answer in time from", ATTEMPTS_WHEN_SLOW, may_have_been_processed=True)
_TLS = _Rule("tls", "no secure connection with", ATTEMPTS_WHEN_SLOW, may_have_been_processed=False)
_UNUSABLE = _Rule("unusable", "unusable address of", 1, False, InvalidConfiguration)
_ASTRAY = _Rule("astray", "too many redirections from", 1, True, RequestRefused)
FAILURES: Mapping[type[Exception], _Rule] = MappingProxyType(
    {
        failures.HTTPError: _CUT_OFF,
        failures.PoolError: _CUT_OFF,
        failures.RequestError: _CUT_OFF,
        failures.MaxRetryError: _CUT_OFF,
        failures.EmptyPoolError: _NOT_REACHED,
        failures.FullPoolError: _NOT_REACHED,
        failures.ClosedPoolError: _NOT_REACHED,
        failures.NewConnectionError: _NOT_REACHED,
        failures.NameResolutionError: _NOT_REACHED,
        failures.ConnectTimeoutError: _NOT_REACHED,
        failures.ProxyError: _NOT_REACHED,
        failures.SSLError: _TLS,
        failures.TimeoutError: _SLOW,
        failures.TimeoutStateError: _SLOW,
        failures.ReadTimeoutError: _SLOW,
        failures.HostChangedError: _ASTRAY,
        failures.LocationValueError: _UNUSABLE,
        failures.LocationParseError: _UNUSABLE,
        failures.URLSchemeUnknown: _UNUSABLE,
        failures.InvalidHeader: _UNUSABLE,
        failures.ProxySchemeUnknown: _UNUSABLE,
        failures.ProxySchemeUnsupported: _UNUSABLE,
        failures.ProtocolError: _CUT_OFF,
        failures.DecodeError: _CUT_OFF,
        failures.ResponseError: _CUT_OFF,
        failures.ResponseNotChunked: _CUT_OFF,
        failures.BodyNotHttplibCompatible: _CUT_OFF,
        failures.IncompleteRead: _CUT_OFF,
        failures.InvalidChunkLength: _CUT_OFF,
        failures.HeaderParsingError: _CUT_OFF,
        failures.UnrewindableBodyError: _CUT_OFF,
    }
)
"""Every class of urllib3.exceptions, and what it says of the request."""
NETWORK_ERRORS = (failures.HTTPError, failures.ProxySchemeUnsupported, OSError)
"""Whatever a request, or reading its answer, may raise."""


def of_failure(failure: Exception, origin: str) -> FailedAttempt:
    """The failed attempt of a request that got no whole answer.

    The failure's own text is left out: it holds the URL with its signature.
    """
    return _rule(failure).failed_attempt(origin)


def of_slowness(origin: str) -> FailedAttempt:
    """The failed attempt of a request whose answer took too long."""
    return _SLOW.failed_attempt(origin)


def of_status(status: int, headers: Mapping[str, str], text: str, origin: str) -> FailedAttempt:
    """The failed attempt of an answer that is no success. `text` is the beginning of its body."""
    answered = f"{origin} answered HTTP {status}"
    if status == 401:
        refused = AccessDenied(f"the API key is refused by {origin}")
        return FailedAttempt(
            KEY_REFUSED, refused, ATTEMPTS_WITH_REFUSED_KEY, may_have_been_processed=False
        )
    if status == 403:
        return FailedAttempt("403", AccessDenied(f"{origin} forbids this request"))
    if status == 429:
        pause = retry_after(headers)
        error = Throttled(f"{origin} asks to slow down", retry_after=pause)
        return FailedAttempt("429", error, None, may_have_been_processed=False, retry_after=pause)
    if status >= 500:
        return _of_server_error(status, headers, text, Unavailable(answered))
    return FailedAttempt("refused", RequestRefused(answered))


def of_answer_errors(
    errors: object, origin: str, without_key: Callable[[str], str]
) -> FailedAttempt:
    """The failed attempt of a GraphQL answer that holds errors instead of data.

    What the server says is passed on, without e-mail addresses, signatures of links, and our key.
    """
    listed = errors if isinstance(errors, list) else []
    errors = [error for error in listed if isinstance(error, dict)]
    messages = [str(error.get("message") or "") for error in errors]
    codes = {_code(error) for error in errors}
    passed_on = without_key("; ".join(filter(None, messages)))
    message = _readable(passed_on or "an error without a message")
    if "UNAUTHENTICATED" in codes:
        return of_status(401, {}, "", origin)
    if any(_UNKNOWN_FIELD.search(text) for text in messages):
        return FailedAttempt("unknown field", UnknownField(message))
    if any(known in text for known in _RESENT_MESSAGES for text in messages):
        return FailedAttempt(
            "resent", Unavailable(f"Kili failed: {message}"), ATTEMPTS_WHEN_CUT_OFF
        )
    if "FORBIDDEN" in codes or any(_FORBIDDEN.search(text) for text in messages):
        return FailedAttempt("forbidden", AccessDenied(f"Kili denies access: {message}"))
    if "INTERNAL_SERVER_ERROR" in codes:
        # Not pursued here, as in Kili's client: also what a resolver objects to bears this code.
        return FailedAttempt("failed", Unavailable(f"Kili failed: {message}"))
    return FailedAttempt("refused", RequestRefused(f"Kili refused: {message}"))


def of_unreadable(problem: str, origin: str) -> FailedAttempt:
    """The failed attempt of an answer that cannot be read: truncated, not JSON, not GraphQL."""
    return FailedAttempt("unreadable", Unavailable(f"{origin} {problem}"), ATTEMPTS_WHEN_CUT_OFF)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the other side asks to wait. Dates are not heeded, as in Kili's client."""
    value = headers.get("Retry-After", "").strip()
    return float(value) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value, re.ASCII) else None


def _of_server_error(
    status: int, headers: Mapping[str, str], text: str, error: Unavailable
) -> FailedAttempt:
    pause = retry_after(headers)
    not_processed = status == 503 and _ENVOY_NOT_PROCESSED.search(text) and "retried" not in text
    if status == 521 or not_processed:
        return FailedAttempt(
            str(status), error, None, may_have_been_processed=False, retry_after=pause
        )
    attempts = ATTEMPTS_WHEN_CUT_OFF if status in (502, 503) or 520 <= status <= 529 else 1
    if status in (504, 524):
        attempts = ATTEMPTS_WHEN_SLOW
    return FailedAttempt(str(status), error, attempts, retry_after=pause)


def _rule(failure: Exception) -> _Rule:
    for kind in type(failure).__mro__:
        if kind in FAILURES:
            return FAILURES[kind]
    return _SLOW if isinstance(failure, TimeoutError) else _CUT_OFF


def _code(error: Mapping[str, Any]) -> str:
    extensions = error.get("extensions")
    return str(extensions.get("code") or "") if isinstance(extensions, Mapping) else ""


def _readable(message: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in message)
    unsigned = _QUERY_STRING.sub("?…", printable)
    return _ADDRESS.sub("(an address)", unsigned)[:_LONGEST_MESSAGE]
