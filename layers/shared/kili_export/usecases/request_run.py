"""What a person asks for: a run at once, another try of some assets, or that assets may vanish."""

from collections.abc import Collection
from dataclasses import dataclass

from kili_export.domain.errors import InvalidConfiguration
from kili_export.domain.marks import CHECK, REBUILD, asset_subject
from kili_export.ports import ObjectStore, RandomSource, RemovalStore
from kili_export.usecases.published_exports import quarantined_assets
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
class RetryAssets:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    request_run: RequestRun

    def __call__(
        self, project_id: str, asset_ids: Collection[str] = ()
    ) -> tuple[tuple[str, ...], str | None]:
        """Lets a run try assets again that could not be exported; without `asset_ids` all of them.

        Answers which, and the name of the run, None when there are none. Raises
        InvalidConfiguration when the project is not registered, or an asset is not in quarantine.
        """
        registration = load_registration(self.objects, project_id)
        known = quarantined_assets(self.objects, registration) if registration else frozenset()
        strangers = sorted(set(asset_ids) - known)
        if strangers:
            raise InvalidConfiguration(
                f"asset {strangers[0]} of project {project_id} is not in quarantine. "
                f"See what is: kili-export status {project_id}"
            )
        chosen = tuple(sorted(asset_ids or known))
        for asset_id in chosen:
            self.request_run.marks.mark(project_id, asset_subject(asset_id))
        if registration is not None and not chosen:
            return (), None
        return chosen, self.request_run(project_id)


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
