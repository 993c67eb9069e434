"""Has Kili wake who follows its events, by a subscription to the labels of each project."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from kili_export.core.errors import ExportError
from kili_export.kili.http.label_subscription import LabelSubscription
from kili_export.wiring.application import Application


@dataclass(slots=True)
class Subscriptions:
    """One thread for each project. `tell` gets a line for people about what fails."""

    application: Application
    woken: Callable[[], None]
    tell: Callable[[str], None]
    _running: dict[str, LabelSubscription] = field(default_factory=dict)

    def follow(self, projects: Collection[str]) -> None:
        """Subscribes to just these projects from now on."""
        for project_id in self._running.keys() - projects:
            self._running.pop(project_id).stop()
        for project_id in projects:
            if project_id not in self._running:
                self._begin(project_id)

    def stop(self) -> None:
        """Ends all of them."""
        self.follow(())

    def _begin(self, project_id: str) -> None:
        try:
            endpoint = self.application.kili(project_id).endpoint
        except ExportError as error:
            self.tell(f"No subscription of project {project_id}: {error}")
            return
        made = LabelSubscription(endpoint, project_id, self.woken, self.tell)
        self._running[project_id] = made
        threading.Thread(target=made.run, name=f"subscribe {project_id}", daemon=True).start()
