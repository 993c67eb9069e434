"""Time as the runner sees it: read, waited for, and held against a running function."""

import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from kili_export.local.workflow.errors import Aborted

T = TypeVar("T")

_STOP_NOTICED_WITHIN = 0.1


class Interrupt:
    """A request to stop, which reaches all the parts that were derived from it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._parts: weakref.WeakSet[Interrupt] = weakref.WeakSet()

    def part(self) -> "Interrupt":
        """An interrupt of its own, which is set when this one is."""
        part = Interrupt()
        with self._lock:
            self._parts.add(part)
            if self._event.is_set():
                part.set()
        return part

    def set(self) -> None:
        """Asks to stop, once and for all."""
        with self._lock:
            self._event.set()
            parts = list(self._parts)
        for part in parts:
            part.set()

    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits until somebody asks to stop, at most so long. Answers whether somebody did."""
        return self._event.wait(seconds)


class Clock(Protocol):
    """Time, replaceable so that waits and back-off can be tested without waiting."""

    def now(self) -> datetime:
        """The time in UTC."""

    def sleep(self, seconds: float, interrupt: Interrupt) -> None:
        """Lets time pass. Raises Aborted when interrupted."""

    def call(self, function: Callable[[], T], seconds: float, interrupt: Interrupt) -> T:
        """The function's answer, if it comes within so many seconds.

        Raises TimeoutError if it does not, Aborted when interrupted, and what the function raises.
        A function that is given up on runs to its end, unheard, as a Lambda does.
        """


class WallClock:
    """Real time."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float, interrupt: Interrupt) -> None:
        """Lets time pass. Raises Aborted when interrupted."""
        if interrupt.wait(max(0.0, seconds)):
            raise Aborted

    def call(self, function: Callable[[], T], seconds: float, interrupt: Interrupt) -> T:
        """The function's answer, if it comes within so many seconds."""
        answer: Future[T] = Future()
        threading.Thread(target=_settle, args=(answer, function), daemon=True).start()
        end = time.monotonic() + seconds
        while not answer.done():
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            wait({answer}, timeout=min(remaining, _STOP_NOTICED_WITHIN))
            if interrupt.is_set():
                raise Aborted
        return answer.result()


def _settle(answer: Future[T], function: Callable[[], T]) -> None:
    try:
        answer.set_result(function())
    except BaseException as error:  # noqa: BLE001 it is raised again by the waiting caller
        answer.set_exception(error)
