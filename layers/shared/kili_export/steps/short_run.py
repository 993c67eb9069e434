"""Makes a small run whole in the invocation that plans it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from kili_export.core.bucket_layout import (
    followed_key,
    is_immutable,
    is_manifest,
    is_rewritten,
    resumption_key,
    runs_prefix,
)
from kili_export.core.clock import TimeLeft
from kili_export.runs.messages import PlanAnswer, PlanRequest
from kili_export.steps.whole_run import WholeRun
from kili_export.storage.held_objects import HeldObjects
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.recent_objects import RecentObjects

_log = logging.getLogger(__name__)


def held_for_run(behind: ObjectStore, project_id: str, recent: RecentObjects) -> HeldObjects:
    """What the steps of one small run of a project work on, in front of the bucket.

    Each manifest is read once: a commit depends on the one that was read. So are the two documents
    of the project that the holder of its lease alone writes. What never changes is taken from
    `recent`, as far as this process knows it from a run before.
    """
    of_holder = {followed_key(project_id), resumption_key(project_id)}
    return HeldObjects(
        behind,
        runs_prefix(project_id),
        remembers=lambda key: key in of_holder or is_manifest(key, project_id),
        recent=recent,
        is_immutable=is_immutable,
        rewrites=is_rewritten,
    )


@dataclass(frozen=True, slots=True)
class ShortRun:
    """The use case of planning, which goes on with the other steps where the run is small.

    All of them work on `held`: what they hand to each other stays in memory, and is stored if the
    workflow goes on with the run.
    """

    held: HeldObjects
    plan: Callable[[PlanRequest], PlanAnswer]
    rest: WholeRun
    time_left: TimeLeft

    def __call__(self, request: PlanRequest) -> PlanAnswer:
        """Plans a run. Answers `done` if it made it whole, else what planning answered.

        Whatever goes wrong before all is published, the workflow goes on: it tries again, finds
        the asset that breaks a worker, and keeps exports apart. Raises what planning and ending a
        run raise; asking again for the same execution is right then, and after a crash.
        """
        planned = self.plan(request)
        if planned.status != "run" or not planned.small or self.time_left.is_up():
            self.held.store()
            return planned
        try:
            results = self.rest.converted(planned)
            answers = self.rest.published(planned, results)
        except Exception as error:  # noqa: BLE001 the workflow's steps sort out what it is
            # Its name alone: it may quote a label.
            _log.warning("the workflow goes on with the run: %s", type(error).__name__)
            self.held.forget()
            self.held.store()
            return planned
        finished = self.rest.finished(planned, request.execution_arn, results, answers)
        return planned.model_copy(update={"status": "done", "finished": finished})
