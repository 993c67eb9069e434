"""Writes what a run works from: its work list, its marks and its plan."""

from collections.abc import Iterator
from dataclasses import dataclass

from kili_export.changes.comparison.listing_slices import ListedLine, ListingSlices
from kili_export.changes.events.pending_changes import labels_to_await
from kili_export.core.bucket_layout import marks_key, plan_key, results_prefix, work_key
from kili_export.core.project import ProjectDocument
from kili_export.costs.run_cost import WHOLE_BATCHES
from kili_export.runs.held_removals import RemovalStore
from kili_export.runs.messages import ExportName, PlanAnswer, PlanRequest, WorkItem, WorkList
from kili_export.runs.metering import Meter
from kili_export.runs.plan import RunPlan
from kili_export.steps.planning.known_media import ItemInOrder, MediaLedger, with_known_media
from kili_export.steps.planning.run_draft import (
    RunDraft,
    RunLimits,
    first_event_at,
    listed_assets,
)
from kili_export.steps.planning.work_list import write_work_list
from kili_export.storage.object_store import ObjectStore

_VIDEO_BATCH = 10
"""Kili answers ten videos at most in one page."""
_MEDIA_BATCH = 10
"""A batch must be done within a minute, downloads included; a video's are its frames."""
_SMALL_BYTES = 256 << 20
"""Archive, deltas and ledger of an export, of which the function that plans may make the next."""


@dataclass(frozen=True, slots=True)
class PlanWriter:
    """Freezes a run. Nothing of it counts before the plan, which is stored last."""

    objects: ObjectStore
    removals: RemovalStore
    limits: RunLimits
    meter: Meter

    def write(self, run: RunDraft, request: PlanRequest) -> PlanAnswer:
        """Stores the work list, the marks and, last, the plan."""
        project_id, run_id = run.project_id, run.run_id
        key = work_key(project_id, run_id)
        items = with_known_media(self._items(run), self._media_ledgers(run))
        count = write_work_list(self.objects, key, items)
        self.objects.put(
            marks_key(project_id, run_id), run.marks.lines(), content_type="application/x-ndjson"
        )
        plan = RunPlan(
            project_id=project_id,
            registration=run.registration,
            run_id=run_id,
            token=run.lease.token,
            execution_arn=request.execution_arn,
            started_at=run.started_at,
            first_event_at=first_event_at(run),
            project=ProjectDocument.of(run.project),
            exports=tuple(run.plans),
            listed_assets=listed_assets(run),
            confirmed_removals=self.removals.confirmed(project_id),
            session=run.step,
            resumed_results=run.taken_over.results,
            spent=self.meter.spent(),
        )
        self.objects.put(
            plan_key(project_id, run_id), plan.to_bytes(), content_type="application/json"
        )
        work = WorkList(
            key=key,
            count=count,
            batch_size=self._batch_size(run),
            max_concurrency=self.limits.max_concurrency,
        )
        return PlanAnswer(
            status="run",
            project_id=project_id,
            run_id=run_id,
            plan_key=plan_key(project_id, run_id),
            work=work,
            exports=tuple(ExportName(name=plan.name) for plan in run.plans if plan.mode != "slice"),
            results_prefix=results_prefix(project_id, run_id),
            small=_is_small(run, work),
        )

    def _batch_size(self, run: RunDraft) -> int:
        batch = self.limits.batch_size
        if run.project.input_type == "VIDEO":
            batch = min(batch, _VIDEO_BATCH)
        if any(plan.options.with_assets for plan in run.plans):
            batch = min(batch, 1 if run.project.input_type == "VIDEO" else _MEDIA_BATCH)
        return batch

    def _media_ledgers(self, run: RunDraft) -> list[MediaLedger]:
        rebuilt = {plan.name: plan.mode != "incremental" for plan in run.plans}
        return [
            MediaLedger.open(
                self.objects, export.name, export.manifest, rebuilt=rebuilt[export.name]
            )
            for export in run.exports
            if export.name in rebuilt and export.options.with_assets and export.manifest
        ]

    def _items(self, run: RunDraft) -> Iterator[ItemInOrder]:
        """What this run converts: all of its assets but those that a run before it converted."""
        taken_over = run.taken_over.assets
        listed: set[str] = set()
        for item, order_key in self._all_items(run):
            if item.asset_id not in taken_over:
                yield item, order_key
            else:
                listed.add(item.asset_id)
        if run.listing is not None:
            # Converted by a run before, and Kili does not list them any more.
            for asset_id in sorted(taken_over - listed):
                yield WorkItem(asset_id=asset_id, marked=False), None

    def _all_items(self, run: RunDraft) -> Iterator[ItemInOrder]:
        """What changed and, when an export is made again, all that Kili has, or a slice of it."""
        for asset_id, mark in run.marks.assets.items():
            awaited = labels_to_await(
                mark.label_ids,
                attempts=mark.attempts,
                last_event_at=mark.last_event_at,
                now=run.started_at,
            )
            yield WorkItem(asset_id=asset_id, label_ids=awaited), None
        if run.step is None:
            yield from map(_unchanged, run.listing.items if run.listing else ())
        elif run.step.taken is not None:
            slices = ListingSlices(self.objects, run.project_id)
            yield from map(_unchanged, slices.read(run.step.session_id, run.step.taken))


def _is_small(run: RunDraft, work: WorkList) -> bool:
    """Whether one invocation has time, memory and disk for all of the run.

    Media may take any of them. What was tried before goes through single steps, which find the
    asset that breaks an invocation.
    """
    planned = {plan.name for plan in run.plans}
    published = [one.manifest for one in run.exports if one.name in planned and one.manifest]
    sizes = (
        one.archive.size
        + sum(table.size for table in one.tables)
        + sum(delta.size for delta in one.deltas)
        for one in published
    )
    return (
        work.count <= WHOLE_BATCHES * work.batch_size
        and run.step is None
        and not run.taken_over.results
        and not run.marks.were_tried
        and not any(plan.options.with_assets for plan in run.plans)
        and all(size <= _SMALL_BYTES for size in sizes)
    )


def _unchanged(listed: ListedLine) -> ItemInOrder:
    """The work item of an asset that only full exports need."""
    asset_id, order_key = listed
    return WorkItem(asset_id=asset_id, marked=False), order_key
