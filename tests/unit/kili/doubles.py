"""A network that answers from a script, in place of the HTTP client."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

from kili_export.kili.client import KiliClient
from kili_export.kili.http.downloads import ATTEMPTS, JsonDownloads
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.http_client import HttpClient
from kili_export.kili.http.retrying import RetryPolicy
from kili_export.kili.http.traffic import KiliTraffic
from kili_export.kili.http.transport import GraphQLTransport
from tests.support.fakes import ManualClock

ENDPOINT = "https://kili.example/api/label/v2/graphql"
KEY = "the-secret-key"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer of the network."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def told(answer: object, status: int = 200, **headers: str) -> Told:
    """An answer in JSON."""
    return Told(status, json.dumps(answer).encode(), headers)


def data(value: object) -> Told:
    """A GraphQL answer."""
    return told({"data": {"data": value}})


def errors(message: str, code: str = "", status: int = 200) -> Told:
    """A GraphQL refusal."""
    return told({"errors": [{"message": message, "extensions": {"code": code}}]}, status)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the network got."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


Answer = Told | Exception
Respond = Callable[[Asked], Answer]


class Network(HttpClient):
    """Answers every request by `respond`, and remembers them all."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[Asked] = []

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeouts: tuple[float, float],
        body: bytes | None = None,
    ) -> urllib3.HTTPResponse:
        del timeouts
        request = Asked(method, url, headers, body)
        self.requests.append(request)
        answer = self.respond(request)
        if isinstance(answer, Exception):
            raise answer
        return urllib3.HTTPResponse(
            io.BytesIO(answer.body), answer.headers, answer.status, preload_content=False
        )

    def bodies(self) -> list[dict[str, Any]]:
        """The GraphQL requests that were sent."""
        return [json.loads(one.body or b"{}") for one in self.requests]


def in_turn(*answers: Answer) -> Respond:
    """The answers one after another, the last one for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@dataclass(slots=True)
class Unlimited:
    """A budget that never makes anybody wait."""

    taken: int = 0
    pauses: list[float | None] = field(default_factory=list)

    def acquire(self) -> None:
        self.taken += 1

    def slow_down(self, seconds: float | None) -> None:
        self.pauses.append(seconds)


class Line:
    """A client on a scripted network, where time passes only in sleep."""

    def __init__(self, respond: Respond, *, patience: float = 60.0, largest: int = 10_000) -> None:
        self.network = Network(respond)
        self.clock = ManualClock()
        self.began = self.clock.now()
        self.traffic = KiliTraffic()
        self.budget = Unlimited()
        endpoint = KiliEndpoint(ENDPOINT, KEY)
        self.transport = GraphQLTransport(
            endpoint,
            self.network,
            self.budget,
            RetryPolicy(self.clock, patience, jitter=lambda: 0.5),
            self.traffic,
        )
        self.downloads = JsonDownloads(
            endpoint,
            self.network,
            RetryPolicy(self.clock, patience, jitter=lambda: 0.5, most_attempts=ATTEMPTS),
            self.traffic,
            largest,
        )
        self.client = KiliClient(self.transport, self.downloads, self.clock, self.traffic)

    @property
    def waited(self) -> float:
        return (self.clock.now() - self.began).total_seconds()
