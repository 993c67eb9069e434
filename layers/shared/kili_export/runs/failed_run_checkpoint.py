"""Takes over what a run that failed had converted, so that nothing is fetched twice for it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import ValidationError

from kili_export.core.bucket_layout import resumption_key
from kili_export.core.document import Document
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.runs.batch_results import settled_by_results
from kili_export.runs.messages import ResultsLocation
from kili_export.runs.plan import ExportPlan, RunPlan, load_plan
from kili_export.runs.planned_changes import is_planned, read_planned_marks
from kili_export.storage.object_store import ObjectStore

_MOST_FAILURES: Final = 3
"""So often what was converted may fail to be published: then it is converted again."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReusedResults:
    """What need not be done again: results of former runs, and the assets that these settled."""

    results: tuple[ResultsLocation, ...] = ()
    assets: frozenset[str] = frozenset()
    dated: Mapping[str, str] = field(default_factory=dict)
    """By export, the date that was converted with."""

    def applied_to(self, plans: Iterable[ExportPlan]) -> list[ExportPlan]:
        """The plans, with what is taken over."""
        return [
            plan.model_copy(
                update={"earlier_results": self.results, "dated": self.dated[plan.name]}
            )
            if self.results
            else plan
            for plan in plans
        ]


class FailedRunCheckpoint(Document):
    """The plan of a run that did not publish everything, and what its batches converted.

    `results` are those of runs before it that it took over, oldest first, and its own. Without
    any there is nothing to be taken over. `failures` counts the runs in a row that published
    nothing of it: what was converted may be the reason.
    """

    schema_version: Literal[1] = 1
    plan_key: str = ""
    results: tuple[ResultsLocation, ...] = ()
    failures: int = 0


@dataclass(frozen=True, slots=True)
class FailedRunCheckpoints:
    """Remembers the last run that failed. Only the holder of the project's lease writes.

    `registration` is the incarnation of the registration that a run works for.
    """

    objects: ObjectStore
    registration: str | None

    def remember(
        self, plan: RunPlan, plan_key: str, results: ResultsLocation | None, *, failed: bool
    ) -> None:
        """To be called when a run ends: it leaves what it converted if it `failed`.

        A full export in slices keeps what it converted by itself.
        """
        before = self._read(plan.project_id)
        own = () if results is None else (results,)
        left = FailedRunCheckpoint()
        failures = before.failures + 1 if plan.resumed_results else 1
        if failed and plan.session is None and failures < _MOST_FAILURES:
            left = FailedRunCheckpoint(
                plan_key=plan_key, results=(*plan.resumed_results, *own), failures=failures
            )
        if left != before:
            self.objects.put(
                resumption_key(plan.project_id), left.to_bytes(), content_type="application/json"
            )

    def take_over(
        self,
        project_id: str,
        plans: Sequence[ExportPlan],
        published_by: Mapping[str, str],
        pending: Mapping[str, tuple[str, str]],
    ) -> ReusedResults:
        """What of the last run that failed is of use for these plans and pending changes.

        `published_by` is the run of each published export; `pending` are the subject and the
        version of each asset's pending change.

        Nothing, if anything that decides about an archive is otherwise than it was. Of assets
        those count that were converted, and that nobody marked since.
        """
        left = self._read(project_id)
        if not left.results:
            return ReusedResults()
        try:
            former = load_plan(self.objects, left.plan_key)
            if former.registration != self.registration:
                # Nobody marked what changed in between.
                return ReusedResults()
            if not all(_is_same_work(former, plan, published_by.get(plan.name)) for plan in plans):
                return ReusedResults()
            planned = read_planned_marks(self.objects, former)
            settled = settled_by_results(self.objects, left.results)
        except (ConflictError, IntegrityError):
            _log.warning("what a run left cannot be read; it is converted again", exc_info=True)
            return ReusedResults()
        changed = {asset for asset, change in pending.items() if not is_planned(planned, *change)}
        return ReusedResults(
            left.results,
            frozenset(settled.converted - settled.pending - settled.failed - changed),
            {export.name: export.dated for export in former.exports},
        )

    def _read(self, project_id: str) -> FailedRunCheckpoint:
        found = self.objects.get(resumption_key(project_id))
        if found is None:
            return FailedRunCheckpoint()
        try:
            return FailedRunCheckpoint.from_bytes(found[0])
        except (ValidationError, ValueError):
            return FailedRunCheckpoint()


def _is_same_work(former: RunPlan, plan: ExportPlan, published_by: str | None) -> bool:
    """Whether the export is to be made in the same way, out of what was current then.

    What the former run itself published holds already what it converted.
    """
    before = next((one for one in former.exports if one.name == plan.name), None)
    if before is None or before.definition != plan.definition or former.session is not None:
        return False
    if published_by == former.run_id:
        return True
    return (before.mode, before.manifest_etag) == (plan.mode, plan.manifest_etag)
