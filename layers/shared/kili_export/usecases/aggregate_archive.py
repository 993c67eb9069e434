"""Publishes what a run found for one export: one new generation, or nothing at all."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from kili_export.contracts.manifest import Manifest
from kili_export.contracts.run_plan import ExportPlan, RunPlan
from kili_export.contracts.spending import Unfinished
from kili_export.contracts.workflow import AggregateAnswer, AggregateRequest
from kili_export.domain.archive.limits import PartLimits
from kili_export.domain.errors import ConflictError, IntegrityError, OutOfTime
from kili_export.domain.formats.base import ExportContext
from kili_export.domain.keys import joins_prefix, manifest_key, slice_key, work_key
from kili_export.domain.ledger import AssetRecord
from kili_export.domain.numbering import Numbering
from kili_export.domain.removals import Losses, must_ask, removed_lately
from kili_export.domain.retention import RetentionRules
from kili_export.domain.rewriting import RewritingRules
from kili_export.domain.sharding import ShardRules
from kili_export.ports import Clock, Meter, ObjectStore, RandomSource, TimeLeft, Traffic
from kili_export.usecases.aggregation.computing_time import ComputingTime
from kili_export.usecases.aggregation.conversions import Conversions
from kili_export.usecases.aggregation.fragment_streams import FragmentStreams
from kili_export.usecases.aggregation.generation import GenerationWriter
from kili_export.usecases.aggregation.increment import Increment
from kili_export.usecases.aggregation.layered_archive import open_archive
from kili_export.usecases.aggregation.ledger import LedgerReader
from kili_export.usecases.aggregation.loss_reports import LossReports
from kili_export.usecases.aggregation.name_claims import NameClaims
from kili_export.usecases.aggregation.names import NameSettler
from kili_export.usecases.aggregation.outcome import Outcome, collect_outcome
from kili_export.usecases.aggregation.publishing import Publisher
from kili_export.usecases.aggregation.rebuild import Rebuild
from kili_export.usecases.aggregation.records import new_records
from kili_export.usecases.aggregation.resumable_uploads import ResumableUploads
from kili_export.usecases.aggregation.roster import Roster, listed_ids
from kili_export.usecases.aggregation.shard_revision import Revision, touched_fragments
from kili_export.usecases.aggregation.shared_members import Documents, shared_changes
from kili_export.usecases.aggregation.stored_archive import StoredArchive
from kili_export.usecases.ledger_reading import open_ledger
from kili_export.usecases.map_results import iter_batch_results
from kili_export.usecases.retain_generations import RetainGenerations
from kili_export.usecases.run_inputs import load_plan, planned_format
from kili_export.usecases.spending import Continued, MovedTally, RunTally, Unmetered


@dataclass(frozen=True, slots=True)
class AggregateArchive:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    clock: Clock
    random: RandomSource
    traffic: Traffic
    limits: PartLimits
    latest_max_bytes: int
    retention: RetentionRules = field(default_factory=RetentionRules)
    rewriting: RewritingRules = field(default_factory=RewritingRules)
    meter: Meter = field(default_factory=Unmetered)
    sharding: ShardRules = field(default_factory=ShardRules)

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
        earlier = request.resume or Unfinished()
        meter = Continued(self.meter, earlier.spent)
        moved = MovedTally(self.traffic, self.traffic.snapshot(), earlier.moved)
        plan = load_plan(self.objects, request.plan_key)
        export = plan.export(request.export)
        uploads = ResumableUploads(
            self.objects,
            time_left,
            project_id=plan.project_id,
            export=export.name,
            run_id=plan.run_id,
            random=self.random,
        )
        try:
            time = ComputingTime(time_left, export.name)
            tally = RunTally(meter)
            answer = self._publish(request, plan, export, uploads, moved, tally, time)
        except OutOfTime:
            return AggregateAnswer(
                export=export.name,
                status="continue",
                generation=export.generation or None,
                resume=Unfinished(spent=meter.spent(), moved=moved.moved(), uploads=uploads.key),
                spent=meter.spent(),
            )
        return answer.model_copy(update={"spent": meter.spent()})

    def _publish(
        self,
        request: AggregateRequest,
        plan: RunPlan,
        export: ExportPlan,
        uploads: ResumableUploads,
        moved: MovedTally,
        tally: RunTally,
        time: ComputingTime,
    ) -> AggregateAnswer:
        previous, etag = self._previous(plan.project_id, export.name)
        joins = joins_prefix(plan.project_id, plan.run_id, export.name)
        publisher = Publisher(self.objects, self.limits, self.latest_max_bytes, uploads, joins)
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
            RetainGenerations(self.objects, self.clock, self.retention),
            reports,
            self.rewriting,
        )
        if previous is not None and previous.run_id == plan.run_id:
            publisher.refresh_latest(previous)
            reports.refresh(previous)
            writer.retention.delete_expired(plan.project_id, export.name)
            return writer.answer(previous, held=self._still_held(export, previous, request, writer))
        if etag != export.manifest_etag:
            raise ConflictError(
                f"export {export.name} was published by another run since this one was planned"
            )
        if previous is not None:
            publisher.refresh_latest(previous)
            reports.refresh(previous)
        ledger = open_ledger(self.objects, previous)
        if export.mode == "rebuild":
            return self._rebuild(plan, export, previous, ledger, request, writer, time)
        if previous is None:
            raise IntegrityError(f"export {export.name} has nothing to build an increment on")
        return self._increment(plan, export, previous, ledger, request, writer)

    def _still_held(
        self,
        export: ExportPlan,
        published: Manifest,
        request: AggregateRequest,
        writer: GenerationWriter,
    ) -> Losses:
        """What the run held in what it published: the ledger has those assets yet."""
        if export.mode != "incremental":
            return Losses()
        outcome = self._outcome(export, request, writer)
        left_out = [one for one, found in outcome.converted.items() if found.asset.left_out]
        old = open_ledger(self.objects, published).find(
            dict.fromkeys((*outcome.missing, *left_out))
        )
        return Losses(len(outcome.missing & old.keys()), left=len(_exits(outcome, old)))

    def _outcome(
        self, export: ExportPlan, request: AggregateRequest, writer: GenerationWriter
    ) -> Outcome:
        outcome = Outcome()
        for results in (*export.earlier_results, request.results):
            batches = writer.tally.over(iter_batch_results(self.objects, results))
            outcome.override(collect_outcome(self.objects, batches, export.name))
        return outcome

    def _increment(
        self,
        plan: RunPlan,
        export: ExportPlan,
        previous: Manifest,
        ledger: LedgerReader,
        request: AggregateRequest,
        writer: GenerationWriter,
    ) -> AggregateAnswer:
        outcome = self._outcome(export, request, writer)
        orders: dict[str, str | None] = {
            asset_id: located.asset.order_key for asset_id, located in outcome.converted.items()
        }
        old = ledger.find({**orders, **dict.fromkeys(outcome.missing)})
        gone = outcome.missing & old.keys()
        exits = _exits(outcome, old)
        losses, held = Losses(len(gone), left=len(exits)), Losses()
        if must_ask(
            losses.count,
            previous.counts.assets,
            plan.confirmed_removals,
            lately=removed_lately(previous.recent_removals, self.clock.now()),
            unanswered=self._unanswered(plan, outcome, ledger) if losses.count else 0,
        ):
            held, losses = losses, held
            outcome.missing -= gone
            gone = set()
            for asset_id in exits:
                del outcome.converted[asset_id]
            old = {asset_id: old[asset_id] for asset_id in old if asset_id in outcome.converted}
        base = open_archive(self.objects, previous)
        numbering = Numbering(previous.next_ids)
        converted = (located.asset for located in outcome.converted.values())
        new = new_records(converted, old, old, numbering)
        settler = NameSettler(self.objects, base, ledger, outcome.converted)
        names = settler.settle_all(old, new, gone)
        options = export.options.to_options()
        shared = shared_changes(
            planned_format(export),
            ExportContext(plan.project.to_project(), options, export.dated),
            ledger.shared(),
            self._documents(ledger, base, old, new, gone),
        )
        increment = Increment(
            previous=previous,
            old=old,
            new=new,
            gone=frozenset(gone),
            names=names,
            shared=shared,
            next_ids=numbering.next_ids,
            failed=outcome.failed,
            settled=frozenset(outcome.converted) | outcome.missing,
            base=base,
            known=ledger,
        )
        return writer.publish(increment, held=held, removed=losses.count)

    def _documents(
        self,
        ledger: LedgerReader,
        base: StoredArchive,
        old: Mapping[str, AssetRecord],
        new: Mapping[str, AssetRecord],
        gone: Collection[str],
    ) -> Documents:
        """How spanning documents come out of the ledger and what the run changes in it."""
        replaced = {old[asset_id].entry_name for asset_id in {*new, *gone} & old.keys()}
        revision = Revision(
            self.sharding, base.base(), ledger.fragments, touched_fragments(old, new, gone)
        )
        return Documents(
            self.sharding,
            lambda separators: FragmentStreams.of_records(
                separators, self.sharding, ledger.merged(new.values(), replaced)
            ),
            revision,
            ledger.index,
        )

    def _unanswered(self, plan: RunPlan, outcome: Outcome, ledger: LedgerReader) -> int:
        """How many assets of the export the run was to look at and has no result for.

        Their batch failed. What else is gone may be the other half of what they are part of.
        """
        listed = listed_ids(self.objects, [work_key(plan.project_id, plan.run_id)])
        answered = outcome.converted.keys() | outcome.failed.keys() | outcome.missing
        open_ones = {key.decode() for key in listed if key.decode() not in answered}
        return len(ledger.names(open_ones))

    def _rebuild(
        self,
        plan: RunPlan,
        export: ExportPlan,
        previous: Manifest | None,
        ledger: LedgerReader,
        request: AggregateRequest,
        writer: GenerationWriter,
        time: ComputingTime,
    ) -> AggregateAnswer:
        conversions = Conversions(self.objects, export.name)
        for results in (*export.earlier_results, request.results):
            batches = writer.tally.over(iter_batch_results(self.objects, results))
            conversions.take(time.over(batches))
        conversions.settle()
        roster = Roster.build(conversions, ledger, listed_ids(self.objects, _work_lists(plan)))
        roster.require_complete()
        former = cache(lambda: open_archive(self.objects, previous) if previous else None)
        carries = _carries(export, previous, roster, former)
        # Who declares other filters wants other assets.
        same = previous is not None and previous.definition == export.definition
        losses = Losses(
            roster.vanished_count,
            0 if carries else roster.failed_count,
            roster.left_count if same else 0,
        )
        past = previous.recent_removals if previous else ()
        lately = removed_lately(past, self.clock.now())
        if must_ask(losses.count, roster.known_count, plan.confirmed_removals, lately=lately):
            return AggregateAnswer(
                export=export.name,
                status="held",
                generation=export.generation or None,
                held_removals=losses.count,
                held_failures=losses.failed,
                held_exits=losses.left,
            )
        options = export.options.to_options()
        rebuild = Rebuild(
            roster=roster,
            claims=NameClaims(self.objects),
            numbering=Numbering(previous.next_ids if previous else {}),
            fmt=planned_format(export),
            context=ExportContext(plan.project.to_project(), options, export.dated),
            former=former,
            sharding=self.sharding,
            carries=carries,
        )
        rebuild.make(time.over)
        time.end()
        return writer.publish(rebuild, removed=losses.count)

    def _previous(self, project_id: str, export: str) -> tuple[Manifest | None, str | None]:
        found = self.objects.get(manifest_key(project_id, export))
        if found is None:
            return None, None
        return Manifest.from_bytes(found[0]), found[1].etag


def _exits(outcome: Outcome, old: Mapping[str, AssetRecord]) -> list[str]:
    """The assets that the export has contents of and that its filters let pass no more."""
    return [
        asset_id
        for asset_id, located in outcome.converted.items()
        if located.asset.left_out and asset_id in old and old[asset_id].exported
    ]


def _carries(
    export: ExportPlan,
    previous: Manifest | None,
    roster: Roster,
    former: Callable[[], StoredArchive | None],
) -> bool:
    """Whether assets that failed keep their files: not where these are of another definition.

    Nor where the archive that has them cannot be read: making it anew is what mends that.
    """
    if previous is None or not roster.failed_count or previous.definition != export.definition:
        return False
    try:
        former()
    except IntegrityError:
        return False
    return True


def _work_lists(plan: RunPlan) -> Iterator[str]:
    """The lists of all assets that a rebuild must have: this run's, and all slices of a session."""
    yield work_key(plan.project_id, plan.run_id)
    if plan.session is not None:
        for number in range(plan.session.slices):
            yield slice_key(plan.project_id, plan.session.session_id, number)
