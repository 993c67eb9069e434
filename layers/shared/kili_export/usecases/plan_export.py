"""Takes the project's lease and freezes what a run works from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kili_export.contracts.notifications import FAILED, ExportFailed
from kili_export.contracts.registration import ProjectRegistration
from kili_export.contracts.run_plan import (
    ExportPlan,
    FollowedExports,
    OptionsDocument,
    ProjectDocument,
    RunPlan,
)
from kili_export.contracts.workflow import (
    ExportName,
    PlanAnswer,
    PlanRequest,
    WorkItem,
    WorkList,
)
from kili_export.domain.definition import date_of, rebuild_reason
from kili_export.domain.keys import marks_key, plan_key, results_prefix, work_key
from kili_export.domain.marks import REBUILD, RECONCILE, asset_subject, labels_to_await
from kili_export.domain.project import Project
from kili_export.ports import (
    ChangeStore,
    Clock,
    EventPublisher,
    KiliApi,
    Lease,
    ObjectStore,
    RandomSource,
    RemovalStore,
)
from kili_export.usecases.compare_listing import compare_listing
from kili_export.usecases.follow_up import FollowUp
from kili_export.usecases.followed_exports import FollowedStore
from kili_export.usecases.known_media import ItemInOrder, MediaLedger, with_known_media
from kili_export.usecases.project_lease import ProjectLease
from kili_export.usecases.published_exports import DeclaredExport, read_declared
from kili_export.usecases.receive_event import MarkWriter
from kili_export.usecases.registrations import load_registration
from kili_export.usecases.run_marks import RunMarks, select_marks
from kili_export.usecases.work_list import write_work_list

_VIDEO_BATCH = 10
"""Kili answers ten videos at most in one page."""
_MEDIA_BATCH = 10
"""A batch must be done within five minutes, downloads included."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How much one run takes on: assets in a batch, batches at once, changed assets."""

    batch_size: int
    max_concurrency: int
    marks_per_run: int


@dataclass(slots=True)
class _Run:
    """A run in the making, for whoever holds the lease."""

    lease: Lease
    run_id: str
    started_at: datetime
    project: Project
    marks: RunMarks
    exports: Sequence[DeclaredExport] = ()
    plans: list[ExportPlan] = field(default_factory=list)
    listed: int | None = None

    @property
    def project_id(self) -> str:
        return self.lease.project_id


@dataclass(frozen=True, slots=True)
class PlanExport:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    changes: ChangeStore
    removals: RemovalStore
    kili: KiliApi
    publisher: EventPublisher
    clock: Clock
    random: RandomSource
    lease: ProjectLease
    follow_up: FollowUp
    limits: RunLimits

    def __call__(self, request: PlanRequest) -> PlanAnswer:
        """Plans a run. Asking again for the same execution plans it anew, under the same lease.

        Raises AccessDenied when Kili does not show the project, TransientError when something
        does not answer. The lease is held then; finish_export gives it back.
        """
        lease = self.lease.acquire(request.project_id, request.execution_arn)
        if lease is None:
            return PlanAnswer(status="busy", project_id=request.project_id)
        marks = self._marks(request.project_id)
        registration = load_registration(self.objects, request.project_id)
        if registration is None:
            FollowedStore(self.objects).leave_out(request.project_id, FollowedExports())
            return self._idle(request, registered=False)
        if not any(marks.all()):
            return self._idle(request, registered=True)
        self._recover_predecessor(request.project_id)
        run = self._prepare(lease, registration, marks)
        if not run.plans:
            # Nothing is left to be done for these marks: their exports are as they should be,
            # or are left out and will be made anew.
            self.changes.clear(run.marks.all())
            return self._idle(request, registered=True)
        return self._write(run, request)

    def _marks(self, project_id: str) -> RunMarks:
        return select_marks(
            self.changes.marks(project_id), most=self.limits.marks_per_run, now=self.clock.now()
        )

    def _idle(self, request: PlanRequest, *, registered: bool) -> PlanAnswer:
        """Ends quietly. Who came meanwhile found the lease taken, so marks are looked for again."""
        token = self.lease.release(request.project_id, request.execution_arn)
        if registered and token is not None:
            self.follow_up.look(request.project_id, token)
        return PlanAnswer(status="idle", project_id=request.project_id)

    def _recover_predecessor(self, project_id: str) -> None:
        """Ends the uploads of runs that died. Nobody else publishes while the lease is held."""
        for prefix in (f"exports/{project_id}/", f"state/{project_id}/"):
            self.objects.abort_uploads(prefix)

    def _prepare(self, lease: Lease, registration: ProjectRegistration, marks: RunMarks) -> _Run:
        run = _Run(
            lease=lease,
            run_id=f"{lease.token:08d}-{self.random.token()[:8]}",
            started_at=self.clock.now(),
            project=self.kili.project(lease.project_id),
            marks=marks,
        )
        run.exports = tuple(read_declared(self.objects, run.project, registration))
        possible = self._leave_out(run)
        if RECONCILE in marks.project:
            self._compare(run, possible)
        followed = FollowedStore(self.objects).read(run.project_id).names
        plans = [_plan(export, run, followed=export.name in followed) for export in possible]
        run.plans = [plan for plan in plans if plan.mode == "rebuild" or run.marks.assets]
        return run

    def _leave_out(self, run: _Run) -> list[DeclaredExport]:
        """The exports that can be made now; the others are not followed any more, from now on."""
        held = self.removals.held(run.project_id)
        waiting = held.exports if held else frozenset()
        reasons = {
            export.name: export.problem or "waits for removals to be confirmed"
            for export in run.exports
            if export.problem or export.name in waiting
        }
        followed = FollowedStore(self.objects)
        before = followed.read(run.project_id)
        declared = {export.name for export in run.exports}
        names = (before.names & declared) - reasons.keys()
        followed.leave_out(
            run.project_id, FollowedExports(names=frozenset(names), left_out=reasons)
        )
        for export in run.exports:
            if export.problem and before.left_out.get(export.name) != export.problem:
                self._tell_left_out(run, export)
        return [export for export in run.exports if export.name not in reasons]

    def _tell_left_out(self, run: _Run, export: DeclaredExport) -> None:
        failed = ExportFailed(
            project_id=run.project_id,
            export_name=export.name,
            run_id=run.run_id,
            execution_arn=run.lease.holder or "",
            error="IncompatibleProject",
            cause=export.problem,
        )
        self.publisher.publish(FAILED, failed.model_dump(mode="json"))

    def _compare(self, run: _Run, exports: Iterable[DeclaredExport]) -> None:
        """Somebody said that assets changed, not which: finds them, so that this run has them."""
        found = compare_listing(
            self.objects,
            self.kili,
            run.project_id,
            [export for export in exports if export.is_current],
            thorough=True,
        )
        writer = MarkWriter(self.changes, self.clock, self.random)
        for asset_id in sorted(found.all() - run.marks.assets.keys()):
            writer.mark(run.project_id, asset_subject(asset_id))
        again = self._marks(run.project_id)
        run.marks = RunMarks(run.marks.project, again.assets)

    def _write(self, run: _Run, request: PlanRequest) -> PlanAnswer:
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
            run_id=run_id,
            token=run.lease.token,
            execution_arn=request.execution_arn,
            started_at=run.started_at,
            first_event_at=run.marks.first_event_at(),
            project=ProjectDocument.of(run.project),
            exports=tuple(run.plans),
            listed_assets=run.listed,
            confirmed_removals=self.removals.confirmed(project_id),
        )
        self.objects.put(
            plan_key(project_id, run_id), plan.to_bytes(), content_type="application/json"
        )
        return PlanAnswer(
            status="run",
            project_id=project_id,
            run_id=run_id,
            plan_key=plan_key(project_id, run_id),
            work=WorkList(
                key=key,
                count=count,
                batch_size=self._batch_size(run),
                max_concurrency=self.limits.max_concurrency,
            ),
            exports=tuple(ExportName(name=plan.name) for plan in run.plans),
            results_prefix=results_prefix(project_id, run_id),
        )

    def _batch_size(self, run: _Run) -> int:
        batch = self.limits.batch_size
        if run.project.input_type == "VIDEO":
            batch = min(batch, _VIDEO_BATCH)
        if any(plan.options.with_assets for plan in run.plans):
            batch = min(batch, _MEDIA_BATCH)
        return batch

    def _media_ledgers(self, run: _Run) -> list[MediaLedger]:
        rebuilt = {plan.name: plan.mode == "rebuild" for plan in run.plans}
        return [
            MediaLedger.open(
                self.objects, export.name, export.manifest, rebuilt=rebuilt[export.name]
            )
            for export in run.exports
            if export.name in rebuilt and export.options.with_assets and export.manifest
        ]

    def _items(self, run: _Run) -> Iterator[ItemInOrder]:
        """What changed and, when an export is made anew, every asset that Kili has."""
        for asset_id, mark in run.marks.assets.items():
            awaited = labels_to_await(
                mark.label_ids,
                attempts=mark.attempts,
                last_event_at=mark.last_event_at,
                now=run.started_at,
            )
            yield WorkItem(asset_id=asset_id, label_ids=awaited), None
        if any(plan.mode == "rebuild" for plan in run.plans):
            run.listed = 0
            for asset in self.kili.list_asset_ids(run.project_id):
                run.listed += 1
                yield WorkItem(asset_id=asset.asset_id, marked=False), asset.order_key


def _plan(export: DeclaredExport, run: _Run, *, followed: bool) -> ExportPlan:
    reason = rebuild_reason(
        export.published,
        export.definition,
        asked=REBUILD in run.marks.project,
        followed=followed,
    )
    return ExportPlan(
        name=export.name,
        options=OptionsDocument.of(export.options),
        mode="rebuild" if reason else "incremental",
        reason=reason,
        manifest_etag=export.manifest_etag,
        generation=export.manifest.generation if export.manifest else 0,
        definition=export.definition,
        dated=date_of(export.published, export.definition, run.started_at),
    )
