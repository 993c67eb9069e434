"""Takes the project's lease and freezes what a run works from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kili_export.contracts.notifications import FAILED, ExportFailed
from kili_export.contracts.rebuild_session import SessionStep
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
from kili_export.domain.lease import run_id_of
from kili_export.domain.marks import CHECK, REBUILD, RECONCILE, asset_subject, labels_to_await
from kili_export.domain.project import Project
from kili_export.ports import (
    ChangeStore,
    Clock,
    EventPublisher,
    KiliApi,
    Lease,
    Meter,
    ObjectStore,
    RandomSource,
    RemovalStore,
)
from kili_export.usecases.announcements import Announcer
from kili_export.usecases.compare_listing import compare_listing
from kili_export.usecases.follow_up import FollowUp
from kili_export.usecases.followed_exports import FollowedStore
from kili_export.usecases.known_media import ItemInOrder, MediaLedger, with_known_media
from kili_export.usecases.plan_session import SessionPlanner, plan_step
from kili_export.usecases.project_lease import ProjectLease
from kili_export.usecases.published_exports import DeclaredExport, read_declared
from kili_export.usecases.rebuild_sessions import Listing, StoredSession
from kili_export.usecases.receive_event import MarkWriter
from kili_export.usecases.registrations import load_registration
from kili_export.usecases.run_marks import RunMarks, select_marks
from kili_export.usecases.spending import Unmetered
from kili_export.usecases.work_list import write_work_list

_VIDEO_BATCH = 10
"""Kili answers ten videos at most in one page."""
_MEDIA_BATCH = 10
"""A batch must be done within a minute, downloads included; a video's are its frames."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How much one run takes on.

    Assets in a batch, batches at once, changed assets, and assets of a full export.
    """

    batch_size: int
    max_concurrency: int
    marks_per_run: int
    slice_assets: int


@dataclass(slots=True)
class _Run:
    """A run in the making, for whoever holds the lease."""

    lease: Lease
    run_id: str
    started_at: datetime
    project: Project
    marks: RunMarks
    stored: StoredSession
    exports: Sequence[DeclaredExport] = ()
    plans: list[ExportPlan] = field(default_factory=list)
    listing: Listing | None = None
    step: SessionStep | None = None

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
    announcer: Announcer
    clock: Clock
    random: RandomSource
    lease: ProjectLease
    follow_up: FollowUp
    limits: RunLimits
    meter: Meter = field(default_factory=Unmetered)

    def __call__(self, request: PlanRequest) -> PlanAnswer:
        """Plans a run. Asking again for the same execution plans it anew, under the same lease.

        Raises AccessDenied when Kili does not show the project, TransientError when something
        does not answer. The lease is held then; finish_export gives it back.
        """
        lease = self.lease.acquire(request.project_id, request.execution_arn)
        if lease is None:
            return PlanAnswer(status="busy", project_id=request.project_id)
        stored = self._sessions.store.read(request.project_id)
        marks = self._marks(request.project_id, stored)
        registration = load_registration(self.objects, request.project_id)
        if registration is None:
            FollowedStore(self.objects).leave_out(request.project_id, FollowedExports())
            self._sessions.store.close(request.project_id, stored)
            return self._idle(request, registered=False)
        if not any(marks.all()) and stored.session is None:
            return self._idle(request, registered=True)
        self._recover_predecessor(request.project_id)
        run = self._prepare(lease, registration, marks, stored)
        if not run.plans:
            # Nothing is left to be done for these marks: their exports are as they should be,
            # or are left out and will be made anew.
            self.changes.clear(run.marks.all())
            return self._idle(request, registered=True)
        return self._write(run, request)

    @property
    def _sessions(self) -> SessionPlanner:
        return SessionPlanner(self.objects, self.kili, self._writer, self.limits.slice_assets)

    @property
    def _writer(self) -> MarkWriter:
        return MarkWriter(self.changes, self.clock, self.random)

    def _marks(self, project_id: str, stored: StoredSession) -> RunMarks:
        return select_marks(
            self.changes.marks(project_id),
            most=self.limits.marks_per_run,
            now=self.clock.now(),
            session=stored.session,
        )

    def _idle(self, request: PlanRequest, *, registered: bool) -> PlanAnswer:
        """Ends quietly. Who came meanwhile found the lease taken, so marks are looked for again."""
        lease = self.lease.held_by(request.project_id, request.execution_arn)
        if lease is None:
            return PlanAnswer(status="idle", project_id=request.project_id)
        told = self.announcer.catch_up(lease)
        if self.lease.release(lease, told=told) and registered:
            self.follow_up.look(request.project_id, lease.token)
        return PlanAnswer(status="idle", project_id=request.project_id)

    def _recover_predecessor(self, project_id: str) -> None:
        """Ends the uploads of runs that died. Nobody else publishes while the lease is held."""
        for prefix in (f"exports/{project_id}/", f"state/{project_id}/"):
            self.objects.abort_uploads(prefix)

    def _prepare(
        self,
        lease: Lease,
        registration: ProjectRegistration,
        marks: RunMarks,
        stored: StoredSession,
    ) -> _Run:
        run = _Run(
            lease=lease,
            run_id=run_id_of(lease.token, self.random.token()[:8]),
            started_at=self.clock.now(),
            project=self.kili.project(lease.project_id),
            marks=marks,
            stored=stored,
        )
        run.exports = tuple(read_declared(self.objects, run.project, registration))
        possible = self._leave_out(run)
        self._choose_modes(run, possible)
        if RECONCILE in run.marks.project:
            self._compare(run, possible)
        if run.stored.session is None and any(plan.mode == "rebuild" for plan in run.plans):
            self._list(run)
        session = run.stored.session
        rebuilt = {plan.name for plan in run.plans if plan.mode == "rebuild"}
        rebuilt |= session.names if session else frozenset()
        run.plans = [
            plan for plan in run.plans if plan.name in rebuilt or run.marks.assets or plan.rewrite
        ]
        if session is not None:
            run.plans, run.step = plan_step(run.stored, run.plans, run.marks)
        return run

    def _choose_modes(self, run: _Run, exports: Sequence[DeclaredExport]) -> None:
        """Which exports are made anew. Goes on with those that are, unless there are others."""
        followed = FollowedStore(self.objects).read(run.project_id).names
        session = run.stored.session
        run.plans = [_plan(export, run, followed=export.name in followed) for export in exports]
        if session is not None and not self._sessions.fits(run.project_id, session, run.plans):
            run.stored = self._sessions.store.close(run.project_id, run.stored)
            run.marks = self._marks(run.project_id, run.stored)
            run.plans = [_plan(export, run, followed=export.name in followed) for export in exports]

    def _list(self, run: _Run) -> None:
        """Lists every asset that Kili has: for this run or, in slices, for many."""
        run.listing = self._sessions.list_assets(run.project_id, run.run_id)
        if run.listing.slices > 1:
            run.stored, check = self._sessions.open(
                run.project_id, run.listing, run.plans, run.marks, run.stored, self.changes
            )
            run.marks = RunMarks({**run.marks.project, CHECK: check}, run.marks.assets)

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
        """Somebody said that assets changed, not which: finds them, so that this run has them.

        What is made anew needs none of it.
        """
        session = run.stored.session
        if session and session.compared_mark == run.marks.project[RECONCILE].version:
            return
        going_along = {plan.name for plan in run.plans if plan.mode == "incremental"}
        compared = [export for export in exports if export.name in going_along]
        if not compared:
            return
        found = compare_listing(self.objects, self.kili, run.project_id, compared, thorough=True)
        for asset_id in sorted(found.all() - run.marks.assets.keys()):
            self._writer.mark(run.project_id, asset_subject(asset_id))
        again = self._marks(run.project_id, run.stored)
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
            first_event_at=_first_event_at(run),
            project=ProjectDocument.of(run.project),
            exports=tuple(run.plans),
            listed_assets=_listed(run),
            confirmed_removals=self.removals.confirmed(project_id),
            session=run.step,
            spent=self.meter.spent(),
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
            exports=tuple(ExportName(name=plan.name) for plan in run.plans if plan.mode != "slice"),
            results_prefix=results_prefix(project_id, run_id),
        )

    def _batch_size(self, run: _Run) -> int:
        batch = self.limits.batch_size
        if run.project.input_type == "VIDEO":
            batch = min(batch, _VIDEO_BATCH)
        if any(plan.options.with_assets for plan in run.plans):
            batch = min(batch, 1 if run.project.input_type == "VIDEO" else _MEDIA_BATCH)
        return batch

    def _media_ledgers(self, run: _Run) -> list[MediaLedger]:
        rebuilt = {plan.name: plan.mode != "incremental" for plan in run.plans}
        return [
            MediaLedger.open(
                self.objects, export.name, export.manifest, rebuilt=rebuilt[export.name]
            )
            for export in run.exports
            if export.name in rebuilt and export.options.with_assets and export.manifest
        ]

    def _items(self, run: _Run) -> Iterator[ItemInOrder]:
        """What changed and, when an export is made anew, all that Kili has, or a slice of it."""
        for asset_id, mark in run.marks.assets.items():
            awaited = labels_to_await(
                mark.label_ids,
                attempts=mark.attempts,
                last_event_at=mark.last_event_at,
                now=run.started_at,
            )
            yield WorkItem(asset_id=asset_id, label_ids=awaited), None
        if run.step is None:
            yield from run.listing.items if run.listing else ()
        elif run.step.taken is not None:
            store = self._sessions.store
            yield from store.items(run.project_id, run.step.session_id, run.step.taken)


def _first_event_at(run: _Run) -> datetime | None:
    """When the oldest change happened that this run publishes: a full export comes at its end."""
    if run.step is not None and not run.step.final:
        return RunMarks(assets=run.marks.assets).first_event_at()
    return run.marks.first_event_at()


def _listed(run: _Run) -> int | None:
    if run.stored.session is not None:
        return run.stored.session.listed
    return run.listing.count if run.listing else None


def _plan(export: DeclaredExport, run: _Run, *, followed: bool) -> ExportPlan:
    reason = rebuild_reason(
        export.published,
        export.definition,
        # What is made anew in slices was asked for already; what of it is published is done.
        asked=REBUILD in run.marks.project and run.stored.session is None,
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
        pseudonym_key=export.pseudonym_key,
        rewrite=_is_to_be_rewritten(export, run),
    )


def _is_to_be_rewritten(export: DeclaredExport, run: _Run) -> bool:
    """Whether somebody asked for an archive without deltas after it. A session asks itself."""
    followed = export.manifest is not None and bool(export.manifest.deltas)
    return followed and CHECK in run.marks.project and run.stored.session is None
