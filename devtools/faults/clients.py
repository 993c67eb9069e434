"""The real client of boto3 and ours of Kili, cut off right above their sockets."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, Protocol
from unittest.mock import patch

import botocore
import botocore.endpoint
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.useragent import UserAgentString
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3 import exceptions as failures

from devtools.faults.injection import Failure, Overloaded, Process
from devtools.faults.own_file import OwnFile
from devtools.faults.wire import Answer, Request
from kili_export.aws.client import aws_client
from kili_export.kili.http.http_client import HttpClient
from kili_export.kili.http.watchdog import Watch, Watchdog

ENDPOINT: Final = "http://127.0.0.1:9"
"""Where nobody listens: whatever slipped through would be refused at once."""
KILI: Final = "kili"
_ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": ENDPOINT,
    "AWS_MAX_ATTEMPTS": "4",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "no_proxy": "127.0.0.1",
}
_OVERLOADED: Final[Mapping[str, Answer]] = {
    "s3": Answer(503, b"<Error><Code>SlowDown</Code></Error>", {"content-type": "application/xml"}),
}
_SLOW_SECONDS: Final[Mapping[str, float]] = {"s3": 60.0, KILI: 60.0}
_OTHER_SLOW_SECONDS: Final = 10.0


class World(Protocol):
    """What is at the other end of all clients."""

    process: Process

    def ask(self, service: str, operation: str, request: Request) -> Answer:
        """The answer to a request, or what the injector makes of it."""

    def pass_time(self, seconds: float) -> None:
        """Somebody waits."""


class _Network:
    """The world that the clients of this process reach at present."""

    world: World | None = None


_NETWORK: Final = _Network()


@contextmanager
def connected(world: World) -> Iterator[None]:
    """Lets all clients of this process reach a world, and wait in its time."""
    pause = SimpleNamespace(sleep=world.pass_time)
    with (
        patch.dict(os.environ, _ENVIRONMENT),
        patch.object(botocore.endpoint, "time", pause),
        patch.object(UserAgentString, "to_string", lambda _: "faults"),
        patch.object(HttpClient, "send", _send),
        # Its thread would not live on in a branch, and no body trickles here.
        patch.object(Watchdog, "within", lambda *_: nullcontext(Watch(math.inf, _nothing))),
        patch.object(ThreadPoolExecutor, "submit", _at_once),
        patch("kili_export.steps.conversion.media_spool.TemporaryFile", OwnFile),
        patch.object(_NETWORK, "world", world),
    ):
        yield


@cache
def pooled_client(service: str, **options: Any) -> Any:
    """A client of boto3 as the application makes it. It is made once: that takes long.

    Nobody looks at signatures here, and they would take a fifth of the time.
    """
    client = aws_client(service, **options)
    client.meta.events.register_first("choose-signer", lambda **_: botocore.UNSIGNED)
    client.meta.events.register_first("before-send", _before_send)
    return client


def _at_once(
    _pool: ThreadPoolExecutor, function: Callable[..., Any], /, *given: Any, **named: Any
) -> Future[Any]:
    """Has a pool work in the thread of the caller: a process with others cannot branch.

    And calls come in the same order each time.
    """
    done: Future[Any] = Future()
    try:
        done.set_result(function(*given, **named))
    except BaseException as error:  # noqa: BLE001 as pools do: it is raised where it is asked for
        done.set_exception(error)
    return done


def _before_send(request: Any, event_name: str, **_: Any) -> Any:
    service, operation = event_name.split(".")[1:]
    name = _names(service)
    world = _world()
    try:
        answer = world.ask(name, operation, Request.of(request))
    except Overloaded:
        answer = _OVERLOADED.get(name) or _json_error(503, "ServiceUnavailable")
    except Failure as failure:
        if failure.slow:
            world.pass_time(_SLOW_SECONDS.get(name, _OTHER_SLOW_SECONDS))
            raise ReadTimeoutError(endpoint_url=request.url) from None
        raise ConnectionClosedError(endpoint_url=request.url) from None
    return answer.to_botocore(request.url)


def _names(service_id: str) -> str:
    """The name that a client is made by, of what botocore calls its service in events."""
    known = {"eventbridge": "events", "secrets-manager": "secretsmanager", "sfn": "stepfunctions"}
    return known.get(service_id, service_id)


def _nothing() -> None:
    """Nothing is cut off."""


def _send(
    _client: HttpClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    timeouts: tuple[float, float],
    body: bytes | None = None,
) -> HTTPResponse:
    del timeouts
    world = _world()
    asked = Request.of(SimpleNamespace(method=method, url=url, headers=headers, body=body))
    try:
        answer = world.ask(KILI, _operation(asked), asked)
    except Overloaded:
        answer = Answer(503, b"no healthy upstream", {})
    except Failure as failure:
        if failure.slow:
            world.pass_time(_SLOW_SECONDS[KILI])
            raise failures.ReadTimeoutError(HTTPConnectionPool("kili"), url, "slow") from None
        raise failures.ProtocolError("cut off") from None
    return HTTPResponse(
        body=answer.to_botocore("").raw,
        headers=answer.headers,
        status=answer.status,
        preload_content=False,
    )


def _operation(request: Request) -> str:
    """What is asked of Kili: the root field of a query, or what an address leads to."""
    if request.method != "POST":
        return "media" if "/media/" in request.url else "content"
    _, _, root = str(json.loads(request.body)["query"]).partition("data:")
    return root.partition("(")[0].strip()


def _json_error(status: int, code: str) -> Answer:
    return Answer(status, json.dumps({"__type": code}).encode(), {"content-type": "json"})


def _world() -> World:
    if _NETWORK.world is None:
        raise RuntimeError("a client was used while it reaches no world")
    return _NETWORK.world
