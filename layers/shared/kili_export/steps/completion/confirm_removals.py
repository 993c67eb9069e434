"""Confirms the removals that wait, and starts a run that makes them."""

from dataclasses import dataclass

from kili_export.changes.events.request_run import RequestRun
from kili_export.core.errors import InvalidConfiguration
from kili_export.runs.held_removals import RemovalStore


@dataclass(frozen=True, slots=True)
class ConfirmRemovals:
    """The use case, with what it needs of the outside."""

    removals: RemovalStore
    request_run: RequestRun

    def __call__(self, project_id: str) -> tuple[int, str]:
        """Allows the removals that wait. Answers how many, and the name of the run that is to.

        Raises InvalidConfiguration when none wait.
        """
        held = self.removals.held(project_id)
        if held is None:
            raise InvalidConfiguration(f"no removals of project {project_id} wait for confirmation")
        self.removals.confirm(project_id, held.count)
        return held.count, self.request_run(project_id)
