"""What a person asks for: a run at once, or that assets may vanish."""

from dataclasses import dataclass

from kili_export.domain.errors import InvalidConfiguration
from kili_export.domain.marks import CHECK, REBUILD
from kili_export.ports import ObjectStore, RandomSource, RemovalStore
from kili_export.usecases.receive_event import MarkWriter
from kili_export.usecases.registrations import load_registration
from kili_export.usecases.run_starting import RunStarter


@dataclass(frozen=True, slots=True)
class RequestRun:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    marks: MarkWriter
    random: RandomSource
    starter: RunStarter

    def __call__(self, project_id: str, *, full: bool = False) -> str:
        """Starts a run that waits for nothing; with `full` it makes every export anew.

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
