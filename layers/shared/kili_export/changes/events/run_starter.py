"""Starts executions of the workflow, each under a name that tells what it is for."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from kili_export.changes.events.debounce_window import DebounceWindow, execution_name
from kili_export.core.clock import Clock
from kili_export.core.document import Document

_RECORD_KEPT: Final = timedelta(days=1)
_REMEMBERED_WINDOWS: Final = 1000
_TOLERANCE: Final = timedelta(seconds=5)
"""Clocks that are so close are taken for equal."""


class WindowStore(Protocol):
    """Which windows of a project have an execution."""

    def is_started(self, project_id: str, window: int) -> bool:
        """Whether it was recorded that the window's execution was started."""

    def record_started(self, project_id: str, window: int, *, expires: datetime) -> None:
        """Records it, until `expires` at least."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Starts an execution. False when that name was already used (running or ended)."""


class Runs(Protocol):
    """The runs of projects."""

    def last_began(self, project_id: str) -> tuple[int, datetime] | None:
        """The token under which a run last took the project, and when; None before the first."""


@dataclass(slots=True)
class RunStarter:
    """Starts the executions of projects.

    A clock that is set back shows windows whose runs have looked already. Such a window is known by
    the last run, which began later than that of the window may: it gets another run.
    """

    workflow: Workflow
    windows: WindowStore
    clock: Clock
    rules: DebounceWindow
    runs: Runs
    _started: dict[tuple[str, int], None] = field(default_factory=dict)
    elapsed: Callable[[], float] = time.monotonic
    """Seconds of a clock that nobody sets, from any moment on."""
    _seen: tuple[datetime, float] | None = None

    def after_change(self, project_id: str) -> int:
        """Makes sure that a run looks at a mark which was stored before this call.

        The clock is read only now: a run of the window that it shows looks at the marks after
        that window, and so after the mark was stored. Near the window's end, and when the name
        was used by an execution that nobody recorded, somebody's clock may differ; then the next
        window gets a run too. Answers the window.
        """
        now = self.clock.now()
        self._heed_setting(now)
        windows = self.rules.of_project(project_id).windows_for(now)
        for window in windows:
            if not self._ensure(project_id, window) and len(windows) == 1:
                self._ensure(project_id, window + 1)
        return windows[0]

    def at_once(self, project_id: str, suffix: str) -> str | None:
        """Starts a run that does not wait. Answers its name, None if that was used before."""
        return self.at(project_id, self.clock.now(), suffix)

    def at(self, project_id: str, moment: datetime, suffix: str) -> str | None:
        """Starts a run that begins at `moment` or soon after. Answers its name, or None."""
        now = self.clock.now()
        rules = self.rules.of_project(project_id)
        window = rules.first_ready(moment) if moment > now else rules.last_ready(now)
        name = execution_name(project_id, window, suffix)
        return name if self._start(project_id, window, name) else None

    def _heed_setting(self, now: datetime) -> None:
        """Forgets what was started when the clock was set back: those runs may be over."""
        elapsed = self.elapsed()
        if self._seen is not None:
            passed = timedelta(seconds=elapsed - self._seen[1])
            if now < self._seen[0] + passed - _TOLERANCE:
                self._started.clear()
        self._seen = (now, elapsed)

    def _ensure(self, project_id: str, window: int) -> bool:
        """False when the window's name was used and nobody had recorded it."""
        key = (project_id, window)
        if key in self._started:
            return True
        if self.windows.is_started(project_id, window):
            self._start_again_if_over(project_id, window)
            self._remember(key)
            return True
        started = self._start(project_id, window, execution_name(project_id, window))
        if not started:
            started = self._start_again_if_over(project_id, window)
        expires = self.rules.of_project(project_id).ready_at(window) + _RECORD_KEPT
        self.windows.record_started(project_id, window, expires=expires)
        self._remember(key)
        return started

    def _start_again_if_over(self, project_id: str, window: int) -> bool:
        """Gives a window another run if its own has looked already. Answers whether it has.

        The name bears the token of the last run, so that every event of this window starts the
        same one. If that name is used, its run has not taken the project yet, and looks.
        """
        last = self.runs.last_began(project_id)
        ready = self.rules.of_project(project_id).ready_at(window)
        if last is None or last[1] < ready:
            return False
        token, _ = last
        self._start(project_id, window, execution_name(project_id, window, f"b{token}"))
        return True

    def _start(self, project_id: str, window: int, name: str) -> bool:
        not_before = self.rules.of_project(project_id).ready_at(window)
        given = ExecutionInput(project_id=project_id, window=str(window), not_before=not_before)
        return self.workflow.start(name, given.model_dump(mode="json"))

    def _remember(self, key: tuple[str, int]) -> None:
        while len(self._started) >= _REMEMBERED_WINDOWS:
            self._started.pop(next(iter(self._started)))
        self._started[key] = None


class ExecutionInput(Document):
    """What an execution begins with. It depends on the execution's name alone."""

    project_id: str
    window: str
    not_before: datetime
