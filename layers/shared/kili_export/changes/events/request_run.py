"""Starts a run at once, because somebody asks for it."""

from dataclasses import dataclass

from kili_export.changes.events.pending_changes import CHECK, REBUILD, PendingChangeRecorder
from kili_export.changes.events.run_starter import RunStarter
from kili_export.core.clock import RandomSource
from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.stored_registrations import load_registration
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class RequestRun:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    marks: PendingChangeRecorder
    random: RandomSource
    starter: RunStarter

    def __call__(self, project_id: str, *, full: bool = False) -> str:
        """Starts a run that waits for nothing; with `full` it makes every export again.

        Answers the name of the execution. If another run is at work, the run after it does what
        was asked. Raises InvalidConfiguration when the project is not registered.
        """
        if load_registration(self.objects, project_id) is None:
            raise InvalidConfiguration(
                f"project {project_id} has no exports; register some before asking for a run"
            )
        self.marks.mark(project_id, REBUILD if full else CHECK)
        name = self.starter.at_once(project_id, f"m{self.random.token()}")
        if name is None:
            raise InvalidConfiguration(f"a run of project {project_id} was started twice at once")
        return name
