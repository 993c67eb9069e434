"""Brings the exports of a project up to date in this process, on a folder of its own."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import BinaryIO, Final, TypeVar

from kili_export.archives.ended_exports import end_exports
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.pending_changes import CHECK, RECONCILE
from kili_export.changes.events.replay_events import mark_replayed
from kili_export.core.counted import counted
from kili_export.core.errors import ExportError, RemovalsHeld, TransientError, Unavailable
from kili_export.core.progress import Progress, Tell
from kili_export.reading.pull import pull_archive
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.register_exports import register_exports
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.full_export_session import SessionStore
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    FailedAsset,
    FinishRequest,
    PlanAnswer,
    PlanRequest,
    ResultsLocation,
    WorkflowError,
)
from kili_export.runs.tracked_exports import stored_list
from kili_export.steps.whole_run import Convert, WholeRun
from kili_export.wiring.completion import finish_export
from kili_export.wiring.conversion import convert_assets
from kili_export.wiring.folder_application import FolderApplication
from kili_export.wiring.following import follow_events
from kili_export.wiring.planning import plan_export
from kili_export.wiring.publishing import aggregate_archive

_ATTEMPTS: Final = 3
_PAUSE: Final = timedelta(seconds=5)
"""Before a batch is tried again. Its requests were tried again and again before."""
Result = TypeVar("Result")


@dataclass(slots=True)
class OneShot:
    """The exports of one project. `tell` is called in the thread that calls this."""

    app: FolderApplication
    registration: ProjectRegistration
    tell: Tell = lambda _: None
    _progress: Progress = field(default_factory=lambda: Progress("listing"))
    _failure: BaseException | None = None

    def export(self, *, allow_removals: bool = False) -> None:
        """Publishes what Kili has now of every export that is declared.

        What a call that did not come to its end converted is continued, and is compared with
        Kili afterwards. Raises RemovalsHeld, unless it is allowed, when too much vanished at once,
        and whatever the steps of a run raise; then the same call goes on.
        """
        is_known = load_registration(self.app.objects, self.project_id) is not None
        registered = register_exports(
            self.app.objects, self.app.kili(), self.app.random, self.registration
        )
        end_exports(self.app.objects, self.project_id, registered.removed, self.app.clock.now())
        mark_replayed(
            self.app.kili(),
            self.app.project_state,
            self.app.changes,
            self.app.marks,
            self.registration,
        )
        if any(manifest is None for _, manifest in self._published()):
            self._run_for(CHECK)
        if is_known:
            self._run_for(RECONCILE)
        self._settle_removals(allow=allow_removals)
        self._require_published()

    def follow(self, *, allow_removals: bool = False) -> bool:
        """Publishes what Kili's list of events has since the last time.

        Answers whether there was anything to publish. What no event announces, `export` finds.
        Raises as that does.
        """
        marks = self.app.marks
        DelayedRechecks(self.app.objects, self.app.clock).take_due(
            self.project_id, lambda subject: marks.mark(self.project_id, subject)
        )
        follow_events(self.app, self.project_id)
        now = self.app.clock.now()
        waiting = list(self.app.changes.marks(self.project_id))
        if not any(mark.retry_at is None or mark.retry_at <= now for mark in waiting):
            return False
        self._run_all()
        self._settle_removals(allow=allow_removals)
        return True

    def pull(self, export: str, target: BinaryIO) -> Manifest:
        """Writes the current archive of an export. Answers its manifest."""
        return pull_archive(self.app.objects, self.project_id, export, target)

    def generation(self, export: str) -> int:
        """The current generation of an export, 0 before the first."""
        manifest, _ = load_manifest(self.app.objects, self.project_id, export)
        return 0 if manifest is None else manifest.generation

    @property
    def exports(self) -> tuple[str, ...]:
        """The names of the exports."""
        return tuple(export.name for export in self.registration.exports)

    @property
    def project_id(self) -> str:
        """The project."""
        return self.registration.project_id

    def _published(self) -> Iterator[tuple[str, Manifest | None]]:
        for export in self.registration.exports:
            yield export.name, load_manifest(self.app.objects, self.project_id, export.name)[0]

    def _run_for(self, subject: str) -> None:
        """Runs for the project as a whole, and for all that is to be done besides."""
        self.app.marks.mark(self.project_id, subject)
        self._run_all()

    def _run_all(self) -> None:
        while self._run() and self._is_more_to_do():
            pass

    def _is_more_to_do(self) -> bool:
        """Whether another run makes the next slice, or has changes that none has tried."""
        if SessionStore(self.app.objects).read(self.project_id).session is not None:
            return True
        return any(mark.attempts == 0 for mark in self.app.changes.marks(self.project_id))

    def _settle_removals(self, *, allow: bool) -> None:
        held = self.app.project_state.held(self.project_id)
        if held is None:
            return
        if not allow:
            raise RemovalsHeld(f"{held.losses.summary()} at once; nothing was written.")
        self.app.project_state.confirm(self.project_id, held.count)
        self._run_for(RECONCILE)

    def _require_published(self) -> None:
        left_out = stored_list(self.app.objects, self.project_id).left_out
        for name, manifest in self._published():
            if manifest is None or name in left_out:
                reason = left_out.get(name, "nothing says why")
                raise ExportError(f"Export {name} was not published: {reason}.")
        remaining = sum(1 for _ in self.app.changes.marks(self.project_id))
        if remaining:
            raise Unavailable(f"Not exported yet: {counted(remaining, 'change')}; try again.")

    def _run(self) -> bool:
        """Makes one run. Answers whether there was anything to do."""
        execution = f"one-shot-{self.app.random.token()}"
        self._say("listing")
        planned = plan_export(self.app, self.project_id)(
            PlanRequest(project_id=self.project_id, execution_arn=execution)
        )
        if planned.status != "run":
            return False
        self._begin(planned)
        finish = finish_export(self.app)
        run = WholeRun(self.app.objects, self._converter(), self._publish, finish, self._converted)
        results: ResultsLocation | None = None
        try:
            results = run.converted(planned)
            self._raise_failure()
            answers = run.published(planned, results)
        except BaseException as error:
            with suppress(ExportError):
                finish(_failed(planned, execution, results, error))
            raise
        run.finished(planned, execution, results, answers)
        return True

    def _begin(self, planned: PlanAnswer) -> None:
        self._failure = None
        session = SessionStore(self.app.objects).read(self.project_id).session
        work = planned.work.count if planned.work else 0
        done, assets = (session.done, session.listed) if session else (0, work)
        self._progress = Progress("converting", done, assets)
        self.tell(self._progress)

    def _say(self, phase: str, more: int = 0) -> None:
        done = min(self._progress.done + more, self._progress.assets)
        self._progress = Progress(phase, done, self._progress.assets)
        self.tell(self._progress)

    def _publish(self, request: AggregateRequest) -> AggregateAnswer:
        self._say("publishing")
        return aggregate_archive(self.app)(request)

    def _converted(
        self, convert: Convert, requests: Iterable[ConvertRequest]
    ) -> Iterator[BatchResult]:
        """Several batches at once. What was converted before one fails is kept for the next run."""
        try:
            workers = self.app.settings.max_concurrency
            for results in in_order(lambda one: _apart(convert, one), requests, workers):
                yield from results
                self._say("converting", sum(len(one.asset_ids) for one in results))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 see `_raise_failure`
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _converter(self) -> Convert:
        """Converts a batch, and tries it again when something did not answer."""
        use_case = convert_assets(self.app, self.project_id)

        def convert(request: ConvertRequest, attempt: int = 1) -> BatchResult:
            try:
                return use_case(request)
            except TransientError:
                if attempt == _ATTEMPTS:
                    raise
            self.app.clock.sleep(_PAUSE.total_seconds() * attempt)
            return convert(request, attempt + 1)

        return convert


def _apart(convert: Convert, request: ConvertRequest) -> tuple[BatchResult, ...]:
    """Converts a batch, or each asset alone if one of them breaks it: that one is quarantined."""
    try:
        return (convert(request),)
    except ExportError:
        raise
    except Exception as error:  # noqa: BLE001 a label that our code does not stand
        if len(request.items) > 1:
            alone = (request.model_copy(update={"items": (item,)}) for item in request.items)
            return tuple(result for one in alone for result in _apart(convert, one))
        # The error's name alone: its message may quote a label.
        reason = f"The conversion broke on this asset alone ({type(error).__name__})."
        failed = FailedAsset(asset_id=request.items[0].asset_id, error=reason)
        return (BatchResult(failed=(failed,)),)


def _failed(
    planned: PlanAnswer, execution: str, results: ResultsLocation | None, error: BaseException
) -> FinishRequest:
    return FinishRequest(
        project_id=planned.project_id,
        execution_arn=execution,
        run_id=planned.run_id,
        plan_key=planned.plan_key,
        results=results,
        error=WorkflowError(error=type(error).__name__),
    )


def in_order(
    convert: Callable[[ConvertRequest], Result], requests: Iterable[ConvertRequest], workers: int
) -> Iterator[Result]:
    """The results of requests in their order, `workers` at once, and twice as many held at most."""
    with ThreadPoolExecutor(workers, "convert") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for request in requests:
                pending.append(pool.submit(convert, request))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for one in pending:
                one.cancel()
