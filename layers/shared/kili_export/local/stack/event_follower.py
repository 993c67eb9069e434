"""Follows all projects by Kili's list of events, every few seconds or when it is woken."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from kili_export.core.errors import ExportError
from kili_export.registration.stored_registrations import registered_projects
from kili_export.wiring.application import Application
from kili_export.wiring.following import follow_events

_SHORTEST: Final = 1.0
"""Seconds between two rounds, however often it is woken."""


@dataclass(slots=True)
class EventFollower:
    """One thread. `tell` gets a line for people about what fails, once until it changes."""

    application: Application
    every: float
    tell: Callable[[str], None]
    seen: Callable[[Collection[str]], None] = lambda _: None
    """Gets the projects of each round."""
    _woken: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _said: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Begins."""
        threading.Thread(target=self._run, name="follow events", daemon=True).start()

    def stop(self) -> None:
        """Begins no other round."""
        self._stopped.set()
        self._woken.set()

    def wake(self) -> None:
        """Something happened: the next round begins at once."""
        self._woken.set()

    def follow(self) -> None:
        """Makes one round."""
        projects = self._projects()
        self.seen(projects)
        for project_id in projects:
            try:
                follow_events(self.application, project_id)
            except ExportError as error:
                self._say(project_id, f"Events of project {project_id} are not followed: {error}")
            else:
                self._said.pop(project_id, None)

    def _projects(self) -> tuple[str, ...]:
        try:
            return tuple(registered_projects(self.application.objects))
        except ExportError as error:
            self._say("", f"Events are not followed: {error}")
            return ()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.follow()
            if self._stopped.wait(_SHORTEST):
                return
            self._woken.wait(max(0.0, self.every - _SHORTEST))
            self._woken.clear()

    def _say(self, about: str, line: str) -> None:
        if self._said.get(about) != line:
            self._said[about] = line
            self.tell(line)
