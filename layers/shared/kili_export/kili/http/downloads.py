"""Downloads JSON documents that Kili points to, most of them from signed addresses elsewhere."""

import json
import logging
import os
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urljoin

from urllib3 import HTTPResponse

from kili_export.core.errors import ExportError, TransientError
from kili_export.kili.http.endpoint import KiliEndpoint, allowed_url, origin_name
from kili_export.kili.http.exact_json import parse_json
from kili_export.kili.http.failures import (
    NETWORK_ERRORS,
    FailedAttempt,
    of_failure,
    of_slowness,
    of_status,
    of_unreadable,
)
from kili_export.kili.http.guarded_connections import AddressRefused
from kili_export.kili.http.http_client import HttpClient
from kili_export.kili.http.response_bodies import TooLarge, TooSlow, read_body
from kili_export.kili.http.retrying import RetryPolicy
from kili_export.kili.http.traffic import KiliTraffic

OPERATION = "download"
TIMEOUTS = (10.0, 30.0)
LONGEST_SECONDS = 120.0
LARGEST_DOCUMENT = 256 * 1024 * 1024
FIRST_THREADS = 2
THREADS = 10
_QUICK = 0.01
"""Seconds that threads get before as many join them: where a storage answers at once, each more
only takes turns with the others."""
MOST_REDIRECTS = 3
ATTEMPTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Storages disagree about what an expired signature is.
_EXPIRED = frozenset({400, 401, 403, 404, 410})
_log = logging.getLogger(__name__)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Document:
    """What was downloaded, parsed."""

    value: Any


@dataclass(frozen=True, slots=True)
class Expired:
    """The address is not good (any more); Kili may give a fresh one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The storage did not answer properly, several times; it may later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The storage answered, and what it has cannot be used."""

    reason: str


Problem = Expired | Unreachable | Unreadable
Outcome = Document | Problem
Taken = TypeVar("Taken")
Take = Callable[[HTTPResponse, str], Taken | Problem | FailedAttempt]
"""Reads a successful answer of a host, given with its name."""

_REFUSED = "its address is not one that may be read"
_GIVEN_UP = Unreachable("its storage did not answer for others before")


class _Redirected(Exception):
    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target


class JsonDownloads:
    """Downloads with bounds on time, size and redirections, never giving the key away.

    The API key goes to files of Kili's own API alone, checked again at each redirection. At
    most ten downloads run at once, each with at most `largest` bytes in memory.
    """

    def __init__(
        self,
        endpoint: KiliEndpoint,
        http: HttpClient,
        policy: RetryPolicy,
        traffic: KiliTraffic,
        largest: int = LARGEST_DOCUMENT,
    ) -> None:
        self._endpoint = endpoint
        self._http = http
        self._policy = policy
        self._traffic = traffic
        self._largest = largest
        self._pool = ThreadPoolExecutor(THREADS, "download")
        self._process = os.getpid()

    def all(self, urls: Mapping[Key, str]) -> dict[Key, Outcome]:
        """What became of each download; an address that several share is read once.

        When as many as run at once could not be reached, and none could, the rest is not tried:
        each would cost all its attempts.
        """
        left = deque(dict.fromkeys(urls.values()))
        outcomes: dict[str, Outcome] = {}

        def work() -> None:
            while (url := _taken(left)) is not None:
                outcomes[url] = _GIVEN_UP if _is_down(list(outcomes.values())) else self.one(url)

        pool = self._threads()
        threads = [pool.submit(work) for _ in range(min(FIRST_THREADS, len(left)))]
        while left and len(threads) < THREADS and wait(threads, timeout=_QUICK).not_done:
            more = min(len(threads), THREADS - len(threads), len(left))
            threads += [pool.submit(work) for _ in range(more)]
        for done in threads:
            done.result()
        return {key: outcomes[url] for key, url in urls.items()}

    def _threads(self) -> ThreadPoolExecutor:
        """Those of this process: a fork has none of its parent's, and would wait for them."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(THREADS, "download")
        return self._pool

    def one(self, url: str) -> Outcome:
        """What became of one download."""
        return self.pursue(url, self._document, "application/json, */*")

    def pursue(self, url: str, take: Take[Taken], accept: str) -> Taken | Problem:
        """What `take` made of the answer, after as many attempts as the policy allows."""
        retry_loop = self._policy.retry_loop()
        while True:
            result = self._follow(url, take, accept)
            if not isinstance(result, FailedAttempt):
                return result
            _log.info("a download from %s failed: %s", origin_name(url), result.kind)
            try:
                retry_loop.wait_or_give_up(result, repeatable=True)
            except TransientError as error:
                return Unreachable(str(error))
            except ExportError as error:
                return Unreadable(str(error))

    def _follow(self, url: str, take: Take[Taken], accept: str) -> Taken | Problem | FailedAttempt:
        for _ in range(MOST_REDIRECTS + 1):
            if not allowed_url(url):
                return Unreadable(_REFUSED)
            try:
                return self._get(url, take, accept)
            except _Redirected as redirected:
                url = urljoin(url, redirected.target)
        return Unreadable("its address redirects too often")

    def _get(self, url: str, take: Take[Taken], accept: str) -> Taken | Problem | FailedAttempt:
        name = origin_name(url)
        self._traffic.sent(OPERATION, 0)
        try:
            with self._http.send(
                "GET", url, headers=self._headers(url, accept), timeouts=TIMEOUTS
            ) as response:
                return self._outcome(response, name, take)
        except AddressRefused:
            return Unreadable(_REFUSED)
        except NETWORK_ERRORS as failure:
            return of_failure(failure, name)
        except TooLarge as excess:
            return Unreadable(f"it is larger than {excess.args[0]} bytes")
        except TooSlow:
            return of_slowness(name)

    def _headers(self, url: str, accept: str) -> dict[str, str]:
        headers = {"Accept": accept}
        if accept == "*/*":
            # Files are asked for as they are, so that their length can be checked.
            headers["Accept-Encoding"] = "identity"
        authorization = self._endpoint.download_authorization(url)
        if authorization is not None:
            headers["Authorization"] = authorization
        return headers

    def _outcome(
        self, response: HTTPResponse, name: str, take: Take[Taken]
    ) -> Taken | Problem | FailedAttempt:
        status = response.status
        if status in _REDIRECTS and "Location" in response.headers:
            raise _Redirected(response.headers["Location"])
        if status in _EXPIRED:
            return Expired(f"{name} answered HTTP {status}")
        if status != HTTPStatus.OK:
            return of_status(status, response.headers, "", name)
        return take(response, name)

    def _document(self, response: HTTPResponse, name: str) -> Outcome | FailedAttempt:
        content = read_body(
            response, limit=self._largest, seconds=LONGEST_SECONDS, clock=self._policy.clock
        )
        self._traffic.received(len(content))
        return _parsed(content, name)


def _taken(left: deque[str]) -> str | None:
    try:
        return left.popleft()
    except IndexError:
        return None


def _is_down(outcomes: list[Outcome]) -> bool:
    return len(outcomes) >= THREADS and all(isinstance(one, Unreachable) for one in outcomes)


def _parsed(content: bytes, name: str) -> Document | Unreadable | FailedAttempt:
    try:
        return Document(parse_json(content))
    except RecursionError:
        return Unreadable("it is nested too deeply")
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            return of_unreadable("sent something that is not JSON", name)
        return Unreadable("it holds a number that is too long")
