"""Time that passes only while somebody waits, and randomness that is the same each time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from devtools.faults.injection import Process
from kili_export.local.workflow.clock import Interrupt
from kili_export.local.workflow.errors import Aborted

T = TypeVar("T")
NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class VirtualTime:
    """The present of everybody: functions, workflow, services and Kili."""

    moment: datetime = NOON
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        """The present."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        with self.lock:
            self.moment += timedelta(seconds=max(0.0, seconds))


@dataclass(frozen=True, slots=True)
class ProcessClock:
    """The clock of a function, which is ended by force when its time is over."""

    time: VirtualTime
    process: Process

    def now(self) -> datetime:
        """The present."""
        return self.time.now()

    def sleep(self, seconds: float) -> None:
        """Waits, if need be until the end."""
        self.time.advance(seconds)
        self.process.check(self.time.now())


@dataclass(frozen=True, slots=True)
class WorkflowClock:
    """The clock of the state machine."""

    time: VirtualTime

    def now(self) -> datetime:
        """The present."""
        return self.time.now()

    def sleep(self, seconds: float, interrupt: Interrupt) -> None:
        """Lets time pass. Raises Aborted when interrupted."""
        if interrupt.is_set():
            raise Aborted
        self.time.advance(seconds)

    def call(self, function: Callable[[], T], seconds: float, interrupt: Interrupt) -> T:
        """The function's answer; TimeoutError if too much time passed until it was there."""
        begun = self.time.now()
        answer = function()
        if self.time.now() - begun > timedelta(seconds=seconds):
            raise TimeoutError
        if interrupt.is_set():
            raise Aborted
        return answer


@dataclass(slots=True)
class Tokens:
    """Tokens that nobody else has, in an order that is the same each time."""

    issued: int = 0

    def token(self) -> str:
        """Sixteen hexadecimal digits."""
        self.issued += 1
        # Spread like real ones: shards and names must not depend on the order.
        return f"{self.issued * 0x9E3779B97F4A7C15 % (1 << 64):016x}"
