"""Stores how far a run brought a full export in slices."""

from dataclasses import dataclass
from typing import Final

from kili_export.changes.comparison.listing_slices import ListingSlices
from kili_export.core.errors import ConflictError
from kili_export.runs.batch_results import AssetResults
from kili_export.runs.full_export_session import FullExportSession, SessionStep, SessionStore
from kili_export.runs.messages import ResultsLocation
from kili_export.runs.plan import RunPlan
from kili_export.steps.completion.run_verdict import ExportOutcomes, Progress
from kili_export.storage.object_store import ObjectStore

_MOST_FAILURES: Final = 3
"""So often publishing may fail after all was converted: then what was converted may be damaged."""


@dataclass(frozen=True, slots=True)
class FullExportCheckpoint:
    """The checkpoint. To be made before any mark is cleared; making it twice does no harm."""

    objects: ObjectStore

    def __call__(
        self,
        plan: RunPlan,
        results: ResultsLocation | None,
        assets: AssetResults,
        exports: ExportOutcomes,
    ) -> Progress:
        """Counts in what the run converted. Its slice counts if every asset of it has a result.

        Raises ConflictError when the session is not as it was when the run was planned.
        """
        step = plan.session
        if step is None:
            return Progress()
        store = SessionStore(self.objects)
        before = store.last_run(plan.project_id)
        if before is None:
            raise ConflictError("the full export in slices started again since")
        if before.last_run == plan.run_id:
            return _progress(step, before)
        advanced = self._is_complete(plan, step, assets)
        after = _after(before, plan, step, results, exports, advanced=advanced)
        store.write(plan.project_id, after, etag=step.etag)
        return _progress(step, after)

    def _is_complete(self, plan: RunPlan, step: SessionStep, assets: AssetResults) -> bool:
        """Whether every asset of the slice was converted, failed, or is confirmed to be gone."""
        if step.taken is None:
            return False
        listed = ListingSlices(self.objects, plan.project_id).read(step.session_id, step.taken)
        return all(assets.is_answered(asset_id) for asset_id, _ in listed)


def _after(
    before: FullExportSession,
    plan: RunPlan,
    step: SessionStep,
    results: ResultsLocation | None,
    exports: ExportOutcomes,
    *,
    advanced: bool,
) -> FullExportSession:
    done = exports.published | exports.held_rebuilds if step.final else frozenset()
    remaining = tuple(export for export in before.exports if export.name not in done)
    position = before.position + advanced
    failed = step.final and bool(remaining) and position == before.slices
    failures = before.failures + failed
    if not remaining or failures >= _MOST_FAILURES:
        return FullExportSession(session_id=before.session_id, last_run=plan.run_id)
    return before.model_copy(
        update={
            "exports": remaining,
            "position": position,
            "results": before.results if results is None else (*before.results, results),
            "compared_mark": step.compared_mark,
            "yielded": step.taken is None and not step.final,
            "failures": failures,
            "last_run": plan.run_id,
        }
    )


def _progress(step: SessionStep, after: FullExportSession) -> Progress:
    is_open = bool(after.exports)
    lost = step.taken is not None and after.position <= step.taken
    return Progress(sliced=True, is_open=is_open, stuck=is_open and (step.final or lost))
