"""Ends a run: clears the marks of what was committed, gives the lease back, tells the consumers."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.follow_up import FollowUpRuns, Remaining
from kili_export.changes.events.pending_changes import (
    PendingChange,
    PendingChangeStore,
    retry_after,
)
from kili_export.core.clock import Clock
from kili_export.core.errors import ConflictError, ExportError
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.announcements import Announcer, freshness
from kili_export.runs.batch_results import (
    AssetResults,
    first_batch_failure,
    iter_batch_results,
    settled_by_results,
)
from kili_export.runs.failed_run_checkpoint import FailedRunCheckpoints
from kili_export.runs.held_removals import HeldRemovals, RemovalStore
from kili_export.runs.lease import Lease, ProjectLease
from kili_export.runs.messages import FinishAnswer, FinishRequest, WorkflowError
from kili_export.runs.metering import Meter, NoMeter, UsageTally
from kili_export.runs.plan import RunPlan, load_plan
from kili_export.runs.planned_changes import is_planned, read_planned_marks
from kili_export.runs.tracked_exports import TrackedExportsStore
from kili_export.steps.completion.full_export_checkpoint import FullExportCheckpoint
from kili_export.steps.completion.run_verdict import ExportOutcomes, RunVerdict, losses_of
from kili_export.storage.object_store import ObjectStore

_log = logging.getLogger(__name__)
_AWAITING_WORD: Final = timedelta(minutes=30)
"""To try removals that are held again sooner would ask a person for the same again."""


@dataclass(frozen=True, slots=True)
class _Announced:
    """What became of telling the consumers. `caught_up`: of what earlier runs could not tell."""

    freshness_seconds: float | None = None
    failure: ExportError | None = None
    caught_up: bool = True


@dataclass(frozen=True, slots=True)
class FinishExport:
    """The use case, with what it needs of the outside. Doing it twice does no harm."""

    objects: ObjectStore
    changes: PendingChangeStore
    removals: RemovalStore
    clock: Clock
    lease: ProjectLease
    follow_up: FollowUpRuns
    announcer: Announcer
    second_looks: DelayedRechecks
    meter: Meter = field(default_factory=NoMeter)

    def __call__(self, request: FinishRequest) -> FinishAnswer:
        """Ends a run that came to its end, or with `error` one that did not.

        Raises IntegrityError when what the run left cannot be read, ConflictError when another
        run went on with a full export in slices that this one had a part in, TransientError when
        something does not answer: to be asked again.
        """
        if request.error is not None or request.plan_key is None:
            error = request.error or WorkflowError(error="NoPlan", cause="the run has no plan")
            return self._after_failure(request, error)
        return self._after_success(request, load_plan(self.objects, request.plan_key))

    def _after_success(self, request: FinishRequest, plan: RunPlan) -> FinishAnswer:
        tally = UsageTally(self.meter)
        batches = iter_batch_results(self.objects, request.results)
        earlier = settled_by_results(self.objects, plan.resumed_results)
        assets = AssetResults.of(tally.over(batches)).over(earlier)
        planned = read_planned_marks(self.objects, plan)
        exports = ExportOutcomes.of(plan, request.exports)
        # Before anything else: who lost the session to another run must change nothing.
        progress = FullExportCheckpoint(self.objects)(plan, request.results, assets, exports)
        verdict = RunVerdict.of(planned, assets, request.exports, exports, progress)
        self._follow(plan, verdict)
        self._hold(plan, verdict)
        self._leave(plan, request, failed=bool(exports.failed))
        cleared = self._clear(plan.project_id, verdict, assets.recent)
        lease = self.lease.held_by(request.project_id, request.execution_arn)
        announced = self._announce(request, plan, verdict, lease)
        remaining = self._release(
            plan.project_id,
            plan.token,
            lease,
            announced=announced.failure is None and announced.caught_up,
            goes_on=progress.goes_on,
        )
        if announced.failure is not None:
            # Only now: a bus that is down must not hold up the project.
            raise announced.failure
        unanswered = verdict.unanswered()
        return FinishAnswer(
            project_id=plan.project_id,
            run_id=plan.run_id,
            cleared=cleared,
            remaining=remaining.marks,
            follow_up=remaining.started,
            exports=request.exports,
            converted=len(assets.converted),
            failed_assets=len(assets.failed),
            unanswered=unanswered,
            unanswered_cause=(
                first_batch_failure(self.objects, request.results) if unanswered else None
            ),
            freshness_seconds=announced.freshness_seconds,
            spending=tally.of_run(plan, (export.spent for export in request.exports)),
        )

    def _leave(self, plan: RunPlan, request: FinishRequest, *, failed: bool) -> None:
        """What was converted in vain is for the next run."""
        FailedRunCheckpoints(self.objects, plan.registration).remember(
            plan, request.plan_key or "", request.results, failed=failed
        )

    def _follow(self, plan: RunPlan, verdict: RunVerdict) -> None:
        """Exports made again are followed from now on; held ones are not, and that comes first.

        Only while they are declared: what happens after that nobody marks. A list that comes too
        late, after the project was unregistered, is that of an incarnation that is over.
        """

        def declared() -> frozenset[str]:
            registration = load_registration(self.objects, plan.project_id)
            if registration is None or registration.incarnation != plan.registration:
                return frozenset()
            return frozenset(export.name for export in registration.exports)

        TrackedExportsStore(self.objects, plan.registration).follow(
            plan.project_id,
            published=verdict.exports.published,
            stopped=verdict.exports.held_rebuilds | verdict.to_be_replaced(),
            declared=declared,
        )

    def _hold(self, plan: RunPlan, verdict: RunVerdict) -> None:
        """Stores what waits for a person, or forgets it and the permission that was used."""
        before = self.removals.held(plan.project_id)
        exports = verdict.exports
        waiting = before.exports - exports.published if before else frozenset()
        waiting |= exports.held_rebuilds
        most = exports.most_held
        if most.count:
            held = HeldRemovals(
                plan.project_id,
                plan.run_id,
                most.count,
                self.clock.now(),
                waiting,
                failed=most.failed,
                left=most.left,
            )
            self.removals.hold(held)
        if plan.session is not None and not plan.session.final:
            # The permission, if there is one, is for what is published in the end.
            return
        if most.count or exports.failed or verdict.unanswered():
            # What was held may be among what Kili could not be asked for.
            return
        if before is not None and not waiting:
            self.removals.drop(plan.project_id)
        if plan.confirmed_removals:
            self.removals.settle(plan.project_id, plan.confirmed_removals)

    def _clear(self, project_id: str, verdict: RunVerdict, recent: Iterable[str]) -> int:
        """Clears what was committed; what the run took on and did not settle rests a while."""
        done: list[PendingChange] = []
        held: list[PendingChange] = []
        kept: list[PendingChange] = []
        for mark in self.changes.marks(project_id):
            if verdict.clears(mark):
                done.append(mark)
            elif verdict.awaits_word(mark):
                held.append(mark)
            elif verdict.rests(mark):
                kept.append(mark)
        self._postpone(kept)
        self._postpone(held, least=_AWAITING_WORD)
        # First: if this ends in between, the marks are still there, and it is done again.
        self.second_looks.plan(project_id, done, recent)
        return self.changes.clear(done)

    def _postpone(self, marks: Iterable[PendingChange], least: timedelta = timedelta()) -> None:
        now = self.clock.now()
        self.changes.postpone(
            (mark, now + max(least, retry_after(mark.attempts + 1))) for mark in marks
        )

    def _release(
        self,
        project_id: str,
        token: int,
        lease: Lease | None,
        *,
        announced: bool,
        untried_only: bool = False,
        goes_on: bool = False,
    ) -> Remaining:
        """Gives the lease back, and only then looks for what is to be done next."""
        if lease is not None:
            self.lease.release(lease, announced=announced)
        if goes_on:
            return self.follow_up.go_on(project_id, token)
        return self.follow_up.look(project_id, token, untried_only=untried_only)

    def _announce(
        self, request: FinishRequest, plan: RunPlan, verdict: RunVerdict, lease: Lease | None
    ) -> _Announced:
        """Tells the consumers of this run, and of runs before it that could not.

        The lease notes whether that succeeded: if this ends before, a later run does it again.
        """
        caught_up = lease is None or self.announcer.catch_up(
            lease, until=plan.token, failed=verdict.exports.failed
        )
        try:
            return _Announced(self._tell(request, plan, verdict), caught_up=caught_up)
        except ExportError as error:
            return _Announced(failure=error, caught_up=caught_up)

    def _tell(self, request: FinishRequest, plan: RunPlan, verdict: RunVerdict) -> float | None:
        """Sends the events of this run. Answers how old the oldest change was when published."""
        ages: list[float] = []
        for answer in request.exports:
            if answer.export in verdict.exports.failed:
                error = WorkflowError(error=answer.error or "Unknown", cause=answer.cause or "")
                self.announcer.failed(request, error, answer.export)
                continue
            if answer.held_removals:
                cause = f"{losses_of(answer).summary()}; confirm that they may go"
                error = WorkflowError(error="RemovalsHeld", cause=cause)
                self.announcer.failed(request, error, answer.export)
            if answer.export in verdict.exports.published:
                published_at = self.announcer.published(plan, answer)
                age = None if published_at is None else freshness(plan.first_event_at, published_at)
                ages += [] if age is None else [age]
                self.announcer.quarantined(plan, answer)
        return max(ages, default=None)

    def _after_failure(self, request: FinishRequest, error: WorkflowError) -> FinishAnswer:
        """Keeps every mark. What the run took on rests; only what it never saw starts a run."""
        lease = self.lease.held_by(request.project_id, request.execution_arn)
        if lease is None:
            # It never held the project, or gave it back already: then all of this was done.
            remaining = Remaining(sum(1 for _ in self.changes.marks(request.project_id)))
        else:
            plan = self._plan_of_failed(request)
            if plan is not None:
                self._leave(plan, request, failed=True)
            self._postpone(self._taken_on(request, plan))
            # Some exports may have been published before it failed.
            announced = self.announcer.catch_up(lease)
            remaining = self._release(
                request.project_id, lease.token, lease, announced=announced, untried_only=True
            )
        self.announcer.failed(request, error)
        return FinishAnswer(
            project_id=request.project_id,
            run_id=request.run_id,
            remaining=remaining.marks,
            follow_up=remaining.started,
        )

    def _plan_of_failed(self, request: FinishRequest) -> RunPlan | None:
        """The plan, if there is one of this version: the lease is given back without it too."""
        if request.plan_key is None:
            return None
        try:
            return load_plan(self.objects, request.plan_key)
        except ConflictError:
            _log.warning("the plan of a run that failed is of another version", exc_info=True)
            return None

    def _taken_on(self, request: FinishRequest, plan: RunPlan | None) -> list[PendingChange]:
        """The marks that the run read and that nobody renewed; without a plan, all there are."""
        marks = self.changes.marks(request.project_id)
        if plan is None:
            return list(marks)
        planned = read_planned_marks(self.objects, plan)
        return [mark for mark in marks if is_planned(planned, mark.subject, mark.version)]
