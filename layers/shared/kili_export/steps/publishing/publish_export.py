"""Publishes what a run found for one export: one new generation, or nothing at all."""

import logging
from dataclasses import dataclass, field, replace
from typing import Protocol

from kili_export.archives.compaction import CompactionPolicy
from kili_export.archives.latest_copy import LatestCopy
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.loss_report.report_writer import LossReports
from kili_export.archives.manifest_store import load_manifest
from kili_export.core.bucket_layout import joins_prefix
from kili_export.core.clock import Clock, RandomSource, TimeLeft
from kili_export.core.errors import ConflictError, ExportError, OutOfTime
from kili_export.costs.usage import Traffic
from kili_export.runs.messages import AggregateAnswer, AggregateRequest, ResumeToken
from kili_export.runs.metering import Meter, NoMeter, ResumedMeter, TransferTally, UsageTally
from kili_export.runs.plan import ExportPlan, RunPlan, load_plan
from kili_export.splicing.part_limits import PartLimits
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.steps.publishing.full_export.deadline import ComputingTime
from kili_export.steps.publishing.full_export.publish_full_export import publish_rebuild
from kili_export.steps.publishing.generation.commit import Publisher, Retention
from kili_export.steps.publishing.generation.export_gates import ExportGates
from kili_export.steps.publishing.generation.export_run import ExportRun
from kili_export.steps.publishing.generation.write_generation import GenerationWriter
from kili_export.steps.publishing.increment.publish_increment import publish_increment, still_held
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.resumable_uploads import ResumableUploads

_log = logging.getLogger(__name__)


class TreeDelivery(Protocol):
    """Brings the tree of an export to what is published."""

    def __call__(self, project_id: str, export: str, time_left: TimeLeft | None) -> None:
        """Raises OutOfTime when a further call has to go on, and the errors of `core.errors`."""


@dataclass(frozen=True, slots=True)
class PublishExport:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    clock: Clock
    random: RandomSource
    traffic: Traffic
    limits: PartLimits
    latest_max_bytes: int
    retention: Retention
    rewriting: CompactionPolicy = field(default_factory=CompactionPolicy)
    meter: Meter = field(default_factory=NoMeter)
    sharding: ShardRules = field(default_factory=ShardRules)
    trees: TreeDelivery | None = None
    is_first: bool = False
    """Whether no invocation before may have begun to publish a run that is asked for."""

    def __call__(
        self, request: AggregateRequest, time_left: TimeLeft | None = None
    ) -> AggregateAnswer:
        """Splices the run's conversions into a new archive and commits it.

        Doing it again after it succeeded changes nothing and answers the same. Answers `continue`
        when the time is up while large objects are copied: the same request goes on. Raises
        ConflictError when another run published since this one was planned, TransientError when
        the bucket does not answer, OutlastsInvocation when a full export has too many assets;
        nothing that readers see has changed then.
        """
        earlier = request.resume or ResumeToken()
        meter = ResumedMeter(self.meter, earlier.spent)
        moved = TransferTally(self.traffic, self.traffic.snapshot(), earlier.moved)
        plan = load_plan(self.objects, request.plan_key)
        export = plan.export(request.export)
        uploads = ResumableUploads(
            self.objects,
            time_left,
            project_id=plan.project_id,
            export=export.name,
            run_id=plan.run_id,
            random=self.random,
            is_first=self.is_first,
        )
        try:
            time = ComputingTime(time_left, export.name)
            tally = UsageTally(meter)
            answer = self._publish(request, plan, export, uploads, moved, tally, time)
            answer = self._deliver(answer, plan, export, time_left)
        except OutOfTime:
            return AggregateAnswer(
                export=export.name,
                status="continue",
                generation=export.generation or None,
                resume=ResumeToken(spent=meter.spent(), moved=moved.moved(), uploads=uploads.key),
                spent=meter.spent(),
            )
        return answer.model_copy(update={"spent": meter.spent()})

    def _deliver(
        self,
        answer: AggregateAnswer,
        plan: RunPlan,
        export: ExportPlan,
        time_left: TimeLeft | None,
    ) -> AggregateAnswer:
        """Brings the tree up to what is published. What is published stays so, if that fails.

        Raises OutOfTime. The sweep finds a tree that stays behind.
        """
        if self.trees is None or not export.tree:
            return answer
        try:
            self.trees(plan.project_id, export.name, time_left)
        except OutOfTime:
            raise
        except Exception as error:  # noqa: BLE001 a tree must not stop what is published
            name = type(error).__name__
            # Its name alone, if it is none of ours: it may quote anything.
            known = str(error) if isinstance(error, ExportError) else ""
            _log.warning("the tree of export %s stays behind: %s %s", export.name, name, known)
            return answer.model_copy(update={"tree_error": name})
        return answer

    def _publish(
        self,
        request: AggregateRequest,
        plan: RunPlan,
        export: ExportPlan,
        uploads: ResumableUploads,
        moved: TransferTally,
        tally: UsageTally,
        time: ComputingTime,
    ) -> AggregateAnswer:
        previous, etag = load_manifest(self.objects, plan.project_id, export.name)
        joins = joins_prefix(plan.project_id, plan.run_id, export.name)
        publisher = Publisher(self.objects, self.limits, uploads, joins)
        published = previous is not None and previous.run_id == plan.run_id
        if not published and etag != export.manifest_etag:
            raise ConflictError(
                f"export {export.name} was published by another run since this one was planned"
            )
        latest = LatestCopy(self.objects, self.limits, self.latest_max_bytes, uploads)
        gates = ExportGates(self.objects, latest, export.publish, plan.started_at, plan.run_id)
        reports = LossReports(self.objects)
        writer = GenerationWriter(
            publisher,
            plan,
            export,
            previous,
            self.clock,
            uploads.attempt,
            moved,
            tally,
            self.retention,
            gates,
            reports,
            self.rewriting,
        )
        # A small run keeps a small archive, which is to be written again, for what follows.
        whole = self.rewriting.tiny if self.is_first else 0
        run = ExportRun(self.objects, self.sharding, writer, request.results, whole)
        if previous is not None and published:
            held = still_held(run, previous)
            # The run that shut this one out builds on the manifest as it is.
            is_shut_out = previous.fence > plan.token
            current = previous if is_shut_out else writer.catch_up(previous, etag)
            writer.after_commit(current, previous)
            return writer.answer(current, held=held)
        if export.mode == "rebuild":
            return publish_rebuild(run, open_ledger(self.objects, previous), time)
        if previous is not None and not previous.has_tables:
            # As it is: its ledger is not the one that is built upon.
            self.retention.remember(previous)
            writer = writer.taking_over(previous)
            run = replace(run, writer=writer)
        return publish_increment(run, open_ledger(self.objects, writer.previous))
