"""What the runner reaches, made of memory and of time that passes when told to."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from kili_export.local.workflow.clock import Interrupt
from kili_export.local.workflow.errors import Aborted
from kili_export.local.workflow.executions import Execution
from kili_export.local.workflow.runtime import WorkflowEvent
from kili_export.local.workflow.service import WorkflowService

T = TypeVar("T")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """Time that passes only while somebody sleeps, or when a function says how long it took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = EPOCH
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += timedelta(seconds=seconds)

    def sleep(self, seconds: float, interrupt: Interrupt) -> None:
        if interrupt.is_set():
            raise Aborted
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))

    def call(self, function: Callable[[], T], seconds: float, interrupt: Interrupt) -> T:
        begun = self._now
        try:
            answer = function()
        finally:
            late = (self._now - begun).total_seconds() > seconds
        if late:
            self._now = begun + timedelta(seconds=seconds)
            raise TimeoutError
        if interrupt.is_set():
            raise Aborted
        return answer


class MemoryObjects:
    """A bucket store in memory."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], bytes] = {}
        self.read_only = False

    def get(self, bucket: str, key: str) -> bytes:
        if (bucket, key) not in self.stored:
            raise FileNotFoundError(key)
        return self.stored[bucket, key]

    def put(self, bucket: str, key: str, data: bytes) -> None:
        if self.read_only:
            raise PermissionError(key)
        self.stored[bucket, key] = data


Function = Callable[[dict[str, Any]], Any]


class Functions:
    """Functions by name, and the payloads that they were called with."""

    def __init__(self, **functions: Function) -> None:
        self._functions = functions
        self._lock = threading.Lock()
        self.calls: list[tuple[str, Any]] = []

    def __call__(self, name: str, payload: dict[str, Any]) -> Any:
        with self._lock:
            self.calls.append((name, payload))
        return self._functions[name](payload)

    def payloads(self, name: str) -> list[Any]:
        return [payload for called, payload in self.calls if called == name]


@dataclass
class Bench:
    """A service over doubles."""

    folder: Path
    functions: Functions = field(default_factory=Functions)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    clock: VirtualClock = field(default_factory=VirtualClock)
    events: list[WorkflowEvent] = field(default_factory=list)
    random: Callable[[], float] = lambda: 1.0

    def service(
        self, definition: Mapping[str, Any], substitutions: Mapping[str, str] | None = None
    ) -> WorkflowService:
        return WorkflowService(
            definition,
            substitutions or {},
            self.functions,
            self.objects,
            self.folder,
            clock=self.clock,
            random_source=self.random,
            observe=self.events.append,
        )

    def run(
        self,
        definition: Mapping[str, Any],
        value: Any = None,
        substitutions: Mapping[str, str] | None = None,
        *,
        name: str = "run",
    ) -> Execution:
        service = self.service(definition, substitutions)
        execution = service.start(name, {} if value is None else value)
        return service.join(execution.arn)

    def kinds(self, kind: str) -> list[WorkflowEvent]:
        return [event for event in self.events if event.kind == kind]


def machine(**states: Mapping[str, Any]) -> dict[str, Any]:
    """A definition of these states, which begins with the first."""
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": dict(states)}


def task(name: str = "work", payload: Any = "{% $states.input %}", **more: Any) -> dict[str, Any]:
    """A Task that calls a function, answers what it answered, and ends."""
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": name, "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **more,
    }
    return state if "Next" in state else {**state, "End": True}


def pass_state(output: Any, **more: Any) -> dict[str, Any]:
    """A Pass that yields an output, and ends."""
    return {
        "Type": "Pass",
        "Output": output,
        **({"End": True} if "Next" not in more else {}),
        **more,
    }
