"""A network that answers from a script, below a real session of requests."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3

from kili_export.kili.client import KiliClient
from kili_export.kili.http.addresses import AddressRules
from kili_export.kili.http.downloads import ATTEMPTS, JsonDownloads
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.guarded_connections import ConnectionGuard
from kili_export.kili.http.retrying import RetryPolicy
from kili_export.kili.http.traffic import KiliTraffic
from kili_export.kili.http.transport import GraphQLTransport, new_session
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


Answer = Told | Exception
Respond = Callable[[requests.PreparedRequest], Answer]


class Network(requests.adapters.BaseAdapter):
    """Answers every request by `respond`, and remembers them all."""

    def __init__(self, respond: Respond) -> None:
        super().__init__()
        self.respond = respond
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.requests.append(request)
        answer = self.respond(request)
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url = request.url or ""
        response.request = request
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(answer.body), answer.headers, answer.status, preload_content=False
        )
        return response

    def close(self) -> None:
        """Nothing is open."""

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
        self.session = session = new_session(ConnectionGuard(AddressRules()))
        session.mount("https://", self.network)
        session.mount("http://", self.network)
        endpoint = KiliEndpoint(ENDPOINT, KEY)
        self.transport = GraphQLTransport(
            endpoint,
            session,
            self.budget,
            RetryPolicy(self.clock, patience, jitter=lambda: 0.5),
            self.traffic,
        )
        self.downloads = JsonDownloads(
            endpoint,
            session,
            RetryPolicy(self.clock, patience, jitter=lambda: 0.5, most_attempts=ATTEMPTS),
            self.traffic,
            largest,
        )
        self.client = KiliClient(self.transport, self.downloads, self.clock, self.traffic)

    @property
    def waited(self) -> float:
        return (self.clock.now() - self.began).total_seconds()
