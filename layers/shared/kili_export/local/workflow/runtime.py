"""What a running execution reaches, and the thread of control that its states run on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from kili_export.local.workflow.clock import Clock, Interrupt
from kili_export.local.workflow.errors import Aborted, StateFailed, TimedOut

Invoke = Callable[[str, dict[str, Any]], Any]
"""A function's name or ARN and its payload to its answer. Raises FunctionFailed."""


class Objects(Protocol):
    """The part of S3 that a Distributed Map uses."""

    def get(self, bucket: str, key: str) -> bytes:
        """An object's bytes. Raises OSError if it is not there or cannot be read."""

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Writes an object. Raises OSError if it cannot be written."""


@dataclass(frozen=True)
class WorkflowEvent:
    """Something that happened in an execution.

    `kind` is one of ExecutionStarted, ExecutionEnded, StateEntered, StateRetried, StateCaught,
    TaskAttempted, MapRunStarted, ChildStarted, ChildEnded, MapRunEnded. `path` names the states
    from the outermost one inwards, with the index of an iteration after its map.
    """

    at: datetime
    execution_arn: str
    kind: str
    path: tuple[str | int, ...]
    detail: Mapping[str, Any]


Observe = Callable[[WorkflowEvent], None]


@dataclass(frozen=True)
class Surroundings:
    """What all the states of an execution share. `random` yields numbers of [0, 1)."""

    invoke: Invoke
    objects: Objects
    clock: Clock
    random: Callable[[], float]
    observe: Observe


class Scope:
    """The workflow's variables as one block of states sees them.

    An iteration of an inline map reads those around it and assigns its own. A child of a
    Distributed Map has only its own.
    """

    def __init__(self, outer: "Scope | None" = None) -> None:
        self._outer = outer
        self._values: dict[str, Any] = {}

    def values(self) -> dict[str, Any]:
        """All the variables that can be read."""
        outer = self._outer.values() if self._outer else {}
        return {**outer, **self._values}

    def assign(self, values: Mapping[str, Any]) -> None:
        """Sets variables, all at once."""
        self._values.update(values)


@dataclass(frozen=True)
class Activity:
    """One thread of control: an execution, an iteration of a map, or a child execution.

    `context` is the Context object without its State; `deadline` when its own time is over.
    """

    surroundings: Surroundings
    execution_arn: str
    context: Mapping[str, Any]
    interrupt: Interrupt
    deadline: datetime | None = None
    scope: Scope = field(default_factory=Scope)
    path: tuple[str | int, ...] = ()

    def inside(self, *names: str | int, **changes: Any) -> "Activity":
        """The same activity, one level further in."""
        return replace(self, path=(*self.path, *names), **changes)

    def report(self, kind: str, **detail: Any) -> None:
        """Tells the observer what happened."""
        self.surroundings.observe(
            WorkflowEvent(
                self.surroundings.clock.now(), self.execution_arn, kind, self.path, detail
            )
        )

    def check(self) -> None:
        """Raises Aborted or TimedOut if the activity must not go on."""
        if self.interrupt.is_set():
            raise Aborted
        if self._remaining() <= 0:
            raise TimedOut

    def sleep(self, seconds: float) -> None:
        """Lets time pass. Raises Aborted, or TimedOut when its own time ends first."""
        self.surroundings.clock.sleep(min(seconds, self._remaining()), self.interrupt)
        self.check()

    def call(self, function: Callable[[], Any], seconds: float) -> Any:
        """The function's answer within so many seconds.

        Raises StateFailed `States.Timeout`, Aborted, TimedOut, and what the function raises.
        """
        self.check()
        limit = min(seconds, self._remaining())
        try:
            return self.surroundings.clock.call(function, limit, self.interrupt)
        except TimeoutError:
            self.check()
            raise StateFailed("States.Timeout", f"There was no answer in {limit:g} s.") from None

    def _remaining(self) -> float:
        if self.deadline is None:
            return float("inf")
        return (self.deadline - self.surroundings.clock.now()).total_seconds()


def earliest(deadline: datetime | None, now: datetime, seconds: float) -> datetime:
    """The end of a period that begins now, or an earlier deadline."""
    end = now + timedelta(seconds=seconds)
    return end if deadline is None else min(deadline, end)


def timestamp(moment: datetime) -> str:
    """A moment as the service writes it: UTC, milliseconds, Z."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
