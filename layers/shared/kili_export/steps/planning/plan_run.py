"""Takes the project's lease and freezes what a run works from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from kili_export.changes.comparison.compare_assets import compare_listing
from kili_export.changes.comparison.comparison_listing import ComparisonListing
from kili_export.changes.comparison.declared_exports import ExportState, read_declared
from kili_export.changes.comparison.kili_listing import KiliListing
from kili_export.changes.comparison.listing_slices import Listing
from kili_export.changes.events.follow_up import FollowUpRuns
from kili_export.changes.events.pending_changes import (
    CHECK,
    RECONCILE,
    PendingChangeRecorder,
    PendingChangeStore,
    asset_subject,
)
from kili_export.core.bucket_layout import runs_prefix
from kili_export.core.clock import Clock, RandomSource, TimeLeft
from kili_export.core.errors import ConflictError
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.announcements import Announcer, EventPublisher
from kili_export.runs.failed_run_checkpoint import FailedRunCheckpoints
from kili_export.runs.full_export_session import StoredSession
from kili_export.runs.held_removals import RemovalStore
from kili_export.runs.lease import Lease, ProjectLease, run_id_of
from kili_export.runs.messages import PlanAnswer, PlanRequest, ResumeToken
from kili_export.runs.metering import Meter, NoMeter, ResumedMeter
from kili_export.runs.plan import ExportPlan
from kili_export.runs.tracked_exports import TrackedExports, TrackedExportsStore
from kili_export.steps.planning.fence_predecessor import fence_out_predecessor
from kili_export.steps.planning.leave_out_exports import LeaveOut
from kili_export.steps.planning.plan_full_export import SessionPlanner, plan_step
from kili_export.steps.planning.run_draft import RunDraft, RunLimits, plan_of
from kili_export.steps.planning.select_changes import ChosenChanges, select_marks
from kili_export.steps.planning.write_plan import PlanWriter
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class PlanExport:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    changes: PendingChangeStore
    removals: RemovalStore
    kili: KiliListing
    publisher: EventPublisher
    announcer: Announcer
    clock: Clock
    random: RandomSource
    lease: ProjectLease
    follow_up: FollowUpRuns
    limits: RunLimits
    meter: Meter = field(default_factory=NoMeter)

    def __call__(self, request: PlanRequest, time_left: TimeLeft | None = None) -> PlanAnswer:
        """Plans a run. Asking again for the same execution plans it again, under the same lease.

        When the time is up before all assets are listed it answers `continue`: the next call
        goes on with the listing.

        Raises AccessDenied when Kili does not show the project, TransientError when something
        does not answer. The lease is held then; finish_export gives it back.
        """
        meter = ResumedMeter(self.meter, (request.resume or ResumeToken()).spent)
        lease = self.lease.acquire(request.project_id, request.execution_arn)
        if lease is None:
            return PlanAnswer(status="busy", project_id=request.project_id)
        # What a mark asks for was declared before: marks are read first.
        marks = self._marks(request.project_id, StoredSession())
        registration = load_registration(self.objects, request.project_id)
        stored = self._session(request.project_id, registration, marks)
        if stored.session is not None:
            # It waits for its own marks.
            marks = self._marks(request.project_id, stored)
            registration = load_registration(self.objects, request.project_id)
        if registration is None:
            TrackedExportsStore(self.objects, None).leave_out(request.project_id, TrackedExports())
            self._sessions.store.close(request.project_id, stored)
            return self._idle(request, registered=False)
        if not any(marks.all()) and stored.session is None:
            return self._idle(request, registered=True)
        if not (request.whole and lease.follows_in_order and not marks.were_tried):
            self._recover_predecessor(request.project_id)
        fence_out_predecessor(self.objects, lease, (one.name for one in registration.exports))
        run = self._prepare(lease, registration, marks, stored, time_left)
        if not run.is_listed:
            return PlanAnswer(
                status="continue",
                project_id=request.project_id,
                resume=ResumeToken(spent=meter.spent()),
            )
        if not run.plans:
            # Nothing is left to be done for these marks: their exports are as they should be,
            # or are left out and will be made again.
            self.changes.clear(run.marks.all())
            return self._idle(request, registered=True)
        return PlanWriter(self.objects, self.removals, self.limits, meter).write(run, request)

    def _session(
        self, project_id: str, registration: ProjectRegistration | None, marks: ChosenChanges
    ) -> StoredSession:
        """The session, if there may be one.

        While one is open there is a mark that keeps it going, and its exports are not tracked:
        without either it is not asked for.
        """
        if registration is not None and not marks.project:
            tracked = TrackedExportsStore(self.objects, registration.incarnation)
            names = tracked.read(project_id).names
            if all(one.name in names for one in registration.exports):
                return StoredSession()
        return self._sessions.store.read(project_id)

    @property
    def _sessions(self) -> SessionPlanner:
        return SessionPlanner(self.objects, self.kili, self._writer, self.limits.slice_assets)

    @property
    def _writer(self) -> PendingChangeRecorder:
        return PendingChangeRecorder(self.changes, self.clock, self.random)

    def _marks(self, project_id: str, stored: StoredSession) -> ChosenChanges:
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
        announced = self.announcer.catch_up(lease)
        if self.lease.release(lease, announced=announced) and registered:
            self.follow_up.look(request.project_id, lease.token)
        return PlanAnswer(status="idle", project_id=request.project_id)

    def _recover_predecessor(self, project_id: str) -> None:
        """Ends the uploads of runs that died. Nobody else publishes while the lease is held.

        A first attempt after a run that came to its end and settled everything need not ask.
        """
        for prefix in (f"exports/{project_id}/", f"state/{project_id}/", runs_prefix(project_id)):
            self.objects.abort_uploads(prefix)

    def _prepare(
        self,
        lease: Lease,
        registration: ProjectRegistration,
        marks: ChosenChanges,
        stored: StoredSession,
        time_left: TimeLeft | None,
    ) -> RunDraft:
        run = RunDraft(
            lease=lease,
            registration=registration.incarnation,
            run_id=run_id_of(lease.token, self.random.token()[:8]),
            started_at=self.clock.now(),
            project=self.kili.project(lease.project_id),
            marks=marks,
            stored=stored,
        )
        run.exports = tuple(read_declared(self.objects, run.project, registration))
        self._require_current(run, registration)
        possible = LeaveOut(self.objects, self.removals, self.publisher)(run)
        self._choose_modes(run, possible)
        if run.stored.session is None and any(plan.mode == "rebuild" for plan in run.plans):
            # Before anything else that takes long: it alone can be continued.
            self._list(run, time_left)
            if not run.is_listed:
                return run
        if RECONCILE in run.marks.project:
            self._compare(run, possible, time_left)
            if not run.is_listed:
                return run
        if run.listing is not None and run.listing.slices > 1:
            self._open_session(run, run.listing)
        session = run.stored.session
        rebuilt = {plan.name for plan in run.plans if plan.mode == "rebuild"}
        rebuilt |= session.names if session else frozenset()
        due = {
            export.name
            for export in possible
            if export.are_gates_due(run.started_at) or run.may_be_half_published(export)
        }
        # A tree may be behind, and nothing else is to be done.
        checked = CHECK in run.marks.project and session is None
        run.plans = [
            plan
            for plan in run.plans
            if plan.name in rebuilt | due
            or run.marks.assets
            or plan.rewrite
            or (plan.tree and checked)
        ]
        if session is not None:
            run.plans, run.step = plan_step(run.stored, run.plans, run.marks)
        else:
            run.taken_over = FailedRunCheckpoints(self.objects, run.registration).take_over(
                run.project_id,
                run.plans,
                {one.name: one.manifest.run_id for one in run.exports if one.manifest},
                {asset: (mark.subject, mark.version) for asset, mark in run.marks.assets.items()},
            )
            run.plans = run.taken_over.applied_to(run.plans)
        return run

    def _require_current(self, run: RunDraft, registration: ProjectRegistration) -> None:
        """Raises ConflictError when an export ended after its registration was read.

        The run would publish it as one that goes on.
        """
        has_ended = any(one.manifest and one.manifest.ended_at for one in run.exports)
        if has_ended and load_registration(self.objects, run.project_id) != registration:
            raise ConflictError(f"project {run.project_id} was registered otherwise meanwhile")

    def _choose_modes(self, run: RunDraft, exports: Sequence[ExportState]) -> None:
        """Which exports are made again. Goes on with those that are, unless there are others."""
        followed = TrackedExportsStore(self.objects, run.registration).read(run.project_id).names

        def plans() -> list[ExportPlan]:
            return [plan_of(export, run, followed=export.name in followed) for export in exports]

        run.plans = plans()
        if run.stored.etag is None and any(plan.mode == "rebuild" for plan in run.plans):
            # It may not have been asked for yet, and its ETag is needed now.
            run.stored = self._sessions.store.read(run.project_id)
        session = run.stored.session
        if session is not None and not self._sessions.fits(
            run.project_id, session, run.plans, run.registration
        ):
            run.stored = self._sessions.store.close(run.project_id, run.stored)
            run.marks = self._marks(run.project_id, run.stored)
            run.plans = plans()

    def _list(self, run: RunDraft, time_left: TimeLeft | None) -> None:
        """Lists every asset that Kili has: for this run or, in slices, for many."""
        rebuilt = {plan.name for plan in run.plans if plan.mode == "rebuild"}
        known = [
            export.manifest for export in run.exports if export.manifest and export.name in rebuilt
        ]
        run.listing = self._sessions.list_assets(
            run.project_id, run.run_id, run.stored, known, time_left
        )
        run.is_listed = run.listing is not None

    def _open_session(self, run: RunDraft, listing: Listing) -> None:
        run.stored, check = self._sessions.open(
            run.project_id,
            listing,
            run.plans,
            run.marks,
            run.stored,
            self.changes,
            run.registration,
        )
        run.marks = ChosenChanges({**run.marks.project, CHECK: check}, run.marks.assets)

    def _compare(
        self,
        run: RunDraft,
        exports: Iterable[ExportState],
        time_left: TimeLeft | None,
    ) -> None:
        """Somebody said that assets changed, not which: finds them, so that this run has them.

        What is made again needs none of it.
        """
        session, asked = run.stored.session, run.marks.project[RECONCILE]
        if session and session.compared_mark == asked.version:
            return
        going_along = {plan.name for plan in run.plans if plan.mode == "incremental"}
        compared = [export for export in exports if export.name in going_along]
        if not compared:
            return
        listing = ComparisonListing(
            self.objects, self.kili, self.clock, self.random, run.project_id, "run"
        )
        listed = listing.read(time_left, about=asked.version)
        if listed is None:
            run.is_listed = False
            return
        found = compare_listing(
            self.objects, self.kili, run.project_id, compared, listed=listed, thorough=True
        )
        for asset_id in sorted(found.all() - run.marks.assets.keys()):
            self._writer.mark(run.project_id, asset_subject(asset_id))
        listing.forget(listed)
        again = self._marks(run.project_id, run.stored)
        # Who asked after the listing was begun is not answered by it: that mark stays.
        answered = replace(asked, version=listed.about or asked.version)
        run.marks = ChosenChanges({**run.marks.project, RECONCILE: answered}, again.assets)
