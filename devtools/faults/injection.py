"""What is broken, where and how; and the end of processes.

A point is a call: the service and operation, the function that makes it, and the how-manieth of
this kind it is. What comes after a point on the same way is part of the fault: a process that
crashed makes no other call, a service that is down stays down for as long as the kind says.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")
OUTAGE: Final = timedelta(minutes=20)
"""Longer than the workflow tries again: executions fail, and the schedule has to mend it."""


class Kind(StrEnum):
    """A way in which a call fails."""

    REFUSED = "refused"
    """The service is overloaded and does nothing; the next attempt succeeds."""
    LOST = "lost"
    """The service does it, and its answer is lost; the next attempt is answered."""
    TIMEOUT = "time-out"
    """The service does it, and too late for the caller that waits for the answer."""
    DOWN = "down"
    """This operation fails until the function ends, and is not done."""
    UNHEARD = "unheard"
    """It is done, its answer is lost, and this operation fails until the function ends."""
    OUTAGE = "outage"
    """The whole service fails for twenty minutes."""
    CRASH_BEFORE = "crash before"
    """The function's process ends before the call."""
    CRASH_AFTER = "crash after"
    """The function's process ends after the call."""
    HALT_BEFORE = "halt before"
    """The process ends before the call, and the execution with it: nothing of it goes on."""
    HALT_AFTER = "halt after"
    """The same after the call."""


DONE: Final = frozenset({Kind.LOST, Kind.TIMEOUT, Kind.UNHEARD, Kind.CRASH_AFTER, Kind.HALT_AFTER})
"""The kinds with which the service does what it is asked for."""
CRASHES: Final = frozenset({Kind.CRASH_BEFORE, Kind.CRASH_AFTER})
HALTS: Final = frozenset({Kind.HALT_BEFORE, Kind.HALT_AFTER})

READING: Final = frozenset(
    {
        "DescribeExecution",
        "GetItem",
        "GetObject",
        "GetSecretValue",
        "HeadObject",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjectsV2",
        "ListParts",
        "Query",
        "annotationFileUrl",
        "assets",
        "content",
        "countAssets",
        "events",
        "media",
        "projects",
    }
)
"""Operations that change nothing: whether they were done before they failed makes no difference."""


def kinds_of(operation: str) -> tuple[Kind, ...]:
    """The ways in which an operation may fail, as far as they differ."""
    same = DONE - {Kind.TIMEOUT} if operation in READING else frozenset[Kind]()
    return tuple(kind for kind in Kind if kind not in same)


class Point(NamedTuple):
    """One call that leaves a process."""

    service: str
    operation: str
    function: str
    number: int

    def __str__(self) -> str:
        return f"{self.service}.{self.operation}/{self.function}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Point":
        """Reads a point as it is written. Raises ValueError."""
        call, function, number = text.split("/")
        service, _, operation = call.partition(".")
        return cls(service, operation, function, int(number))


Decision = Callable[[Point], Kind | None]
"""How a call fails, if it does."""


class Crash(BaseException):
    """The process ended. No part of it can catch this, and none of it may make another call."""


class Halt(Crash):
    """The process ended, and so did the execution that it worked for."""


class Failure(Exception):
    """A call fails in a way that is not an answer. `slow`: nothing came in time."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__("injected")
        self.slow = slow


class Overloaded(Exception):
    """The service answers that it is overloaded."""


@dataclass(slots=True)
class Process:
    """One function's process, and the invocation that it is at."""

    function: str
    ends_at: datetime | None = None
    crashed: type[Crash] | None = None
    down: set[tuple[str, str]] = field(default_factory=set)
    """Operations that fail until the invocation ends."""

    def begin(self, ends_at: datetime) -> None:
        """Another invocation begins, to be ended by force at a moment."""
        self.ends_at = ends_at
        self.down.clear()

    def check(self, now: datetime) -> None:
        """Raises Crash in whatever is left of a process that ended."""
        if self.crashed is not None:
            raise self.crashed
        if self.ends_at is not None and now >= self.ends_at:
            self.end(Crash)

    def end(self, how: type[Crash]) -> None:
        """Ends it. Raises `how`."""
        self.crashed = how
        raise how


@dataclass(slots=True)
class Injector:
    """Counts the calls, and breaks those that it is told to."""

    now: Callable[[], datetime]
    decide: Decision = lambda _: None
    """Asked at each call how that one fails, if it does."""
    seen: list[Point] = field(default_factory=list)
    struck: int = 0
    """How many calls it broke."""
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    out: tuple[str, datetime] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def call(self, process: Process, service: str, operation: str, perform: Callable[[], T]) -> T:
        """Makes a call on behalf of a process, or fails as it was told to.

        Raises Failure and Overloaded for the client to make of it what it does with sockets, and
        Crash for nobody.
        """
        with self.lock:
            process.check(self.now())
            self._fail_on(process, service, operation)
            kind = self._struck_by(process, service, operation)
            if kind is None:
                return perform()
            return self._break(kind, process, service, operation, perform)

    def _fail_on(self, process: Process, service: str, operation: str) -> None:
        if self.out is not None and self.out[0] == service and self.now() < self.out[1]:
            raise Failure(slow=False)
        if (service, operation) in process.down:
            raise Failure(slow=False)

    def _struck_by(self, process: Process, service: str, operation: str) -> Kind | None:
        called = (service, operation, process.function)
        self.counts[called] += 1
        point = Point(*called, self.counts[called])
        self.seen.append(point)
        kind = self.decide(point)
        self.struck += kind is not None
        return kind

    def _break(
        self,
        kind: Kind,
        process: Process,
        service: str,
        operation: str,
        perform: Callable[[], T],
    ) -> T:
        if kind in DONE:
            perform()
        if kind in CRASHES:
            process.end(Crash)
        if kind in HALTS:
            process.end(Halt)
        if kind in {Kind.DOWN, Kind.UNHEARD}:
            process.down.add((service, operation))
        if kind is Kind.OUTAGE:
            self.out = (service, self.now() + OUTAGE)
        if kind is Kind.REFUSED:
            raise Overloaded
        raise Failure(slow=kind is Kind.TIMEOUT)
