"""Writes one generation: archive, delta and ledger, then the manifest that names them."""

from collections.abc import Sequence
from dataclasses import dataclass

from kili_export.archives.archive_with_deltas import stored_regions
from kili_export.archives.compaction import CompactionPolicy, is_rewriting_due
from kili_export.archives.latest_copy import LatestCopy
from kili_export.archives.loss_report.report_writer import LossReports, reference_to_report
from kili_export.archives.manifest import (
    CHAIN_LENGTH,
    ArchiveReference,
    DeltaReference,
    Manifest,
    TableReference,
)
from kili_export.archives.removal_guard import NONE, Removals, remembered_removals
from kili_export.core.bucket_layout import archive_key, delta_key, ledger_key
from kili_export.core.clock import Clock
from kili_export.core.errors import ConflictError
from kili_export.runs.messages import AggregateAnswer
from kili_export.runs.metering import TransferTally, UsageTally
from kili_export.runs.plan import ExportPlan, RunPlan
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.splice import BaseArchive
from kili_export.splicing.upload_parts import Source
from kili_export.steps.publishing.generation.commit import Publisher, Retention, own_keys
from kili_export.steps.publishing.generation.delta_list import DeltaHead
from kili_export.steps.publishing.generation.manifest_parts import (
    classes_generation,
    classes_of,
    quarantined,
)
from kili_export.steps.publishing.generation.new_generation import NewGeneration
from kili_export.steps.publishing.generation.table_writing import TableWriting


@dataclass(frozen=True, slots=True)
class _Written:
    """An archive that this run wrote."""

    reference: ArchiveReference
    base: BaseArchive


@dataclass(frozen=True)
class GenerationWriter:
    """Writes generations of one export in one run. `attempt` is what its keys carry."""

    publisher: Publisher
    plan: RunPlan
    export: ExportPlan
    previous: Manifest | None
    clock: Clock
    attempt: str
    moved: TransferTally
    tally: UsageTally
    retention: Retention
    latest: LatestCopy
    reports: LossReports
    rewriting: CompactionPolicy

    def publish(
        self, generation: NewGeneration, *, held: Removals = NONE, removed: int = 0
    ) -> AggregateAnswer:
        """Commits what changed. Readers get a new generation only when files changed for them.

        `removed` is how many assets leave, `held` those that would and do not.
        """
        changed = generation.changes_archive
        listed = quarantined(
            None if generation.is_rebuild else self.previous,
            generation.failed,
            generation.settled,
            run_id=self.plan.run_id,
            now=self.clock.now(),
        )
        same_list = self.previous is not None and listed == self.previous.quarantined
        overdue = not changed and self._is_due(())
        has_ended = self.previous is not None and self.previous.ended_at is not None
        is_same = not changed and not generation.changes_ledger and same_list
        if is_same and not overdue and not has_ended:
            return self._unchanged(held)
        number = self._last_generation + changed
        manifest = self._manifest(generation, number, changed=changed)
        manifest = manifest.model_copy(
            update={
                "quarantined": listed,
                "recent_removals": remembered_removals(
                    self.previous.recent_removals if self.previous else (),
                    removed,
                    self.plan.confirmed_removals,
                    self.clock.now(),
                ),
                "moved": self.moved.moved(),
                "spending": self.tally.of_export(self.plan),
                "report": reference_to_report(
                    manifest, self.previous, self.attempt, changed=generation.changes_losses
                ),
            }
        )
        self.retention.remember(self.previous)
        self._commit(manifest)
        self.latest.refresh(manifest, self.previous)
        self.reports.refresh(manifest, self.previous, generation.loss_changes)
        self.retention.delete_expired(manifest.project_id, manifest.export_name)
        if not changed and not overdue:
            return self._unchanged(held).model_copy(update={"quarantined": len(listed)})
        return self.answer(manifest, held=held)

    def _commit(self, manifest: Manifest) -> None:
        try:
            self.publisher.commit(manifest, self.export.manifest_etag)
        except ConflictError:
            # Two invocations of one run that go on with one upload have the same names: of these
            # one may have committed what the other is about to remove.
            keys = own_keys(manifest)
            if not self.retention.names_any_of(manifest.project_id, manifest.export_name, keys):
                self.publisher.discard(manifest)
            raise

    def answer(self, manifest: Manifest, *, held: Removals) -> AggregateAnswer:
        """The answer about a manifest that this run committed."""
        delta = manifest.own_delta
        return AggregateAnswer(
            export=self.export.name,
            status="held" if held.count else "committed",
            generation=manifest.generation,
            archive_key=manifest.archive.key,
            delta_key=delta.key if delta else None,
            members=manifest.counts.members,
            rewritten=manifest.is_rewritten,
            added=delta.added if delta else manifest.first_members,
            changed=delta.changed if delta else 0,
            removed=delta.removed if delta else 0,
            quarantined=len(manifest.quarantined),
            held_removals=held.count,
            held_exits=held.left,
            size=manifest.archive.size,
            requests=sum(manifest.moved.requests.values()),
            bytes_down=manifest.moved.bytes_down,
            bytes_up=manifest.moved.bytes_up,
        )

    def _unchanged(self, held: Removals) -> AggregateAnswer:
        previous = self.previous
        return AggregateAnswer(
            export=self.export.name,
            status="held" if held.count else "unchanged",
            generation=previous.generation if previous else None,
            archive_key=previous.archive.key if previous else None,
            members=previous.counts.members if previous else 0,
            quarantined=len(previous.quarantined) if previous else 0,
            held_removals=held.count,
            held_exits=held.left,
            size=previous.archive.size if previous else 0,
        )

    @property
    def _tables(self) -> TableWriting:
        return TableWriting(self.publisher, self.plan.project_id, self.export.name, self.attempt)

    @property
    def _last_generation(self) -> int:
        """The one that the new one follows; one that was purged counts, though nothing is left."""
        return self.previous.generation if self.previous else self.export.generation

    @property
    def _lineage(self) -> str:
        """That of what is published. A first attempt, whose name is random, begins one."""
        return (self.previous and self.previous.lineage) or self.attempt

    def _manifest(self, generation: NewGeneration, number: int, *, changed: bool) -> Manifest:
        project_id, name, previous = self.plan.project_id, self.export.name, self.previous
        ledger = self._write_ledger(generation, number)
        written: _Written | None = None
        if generation.is_rebuild or previous is None:
            written = self._write_archive(generation, number)
        delta, placed = self._write_delta(generation, number, written) if changed else (None, None)
        brought = () if delta is None else (delta,)
        if written is None and previous is not None and not self._is_due(brought):
            archive, regions = previous.archive, previous.regions
            following = (*previous.deltas, *brought)
            members = previous.counts.members + sum(one.added - one.removed for one in brought)
            files = previous.files
            if placed is not None:
                pairs = generation.changed_files(placed, number)
                files = self._tables.change_files(files, pairs, number)
        else:
            written = written or self._write_archive(generation, number)
            archive, regions = written.reference, stored_regions(written.base.regions)
            following = ()
            members = archive.members
            files = self._tables.all_files(
                written.base.directory, generation.files(), archive.generation
            )
        classes = classes_of(self.plan.project.to_project())
        version = delta.version if delta else previous.files_version if previous else archive.name
        chain = (*(previous.recent_deltas if previous else ()), *brought)
        return Manifest(
            project_id=project_id,
            export_name=name,
            format=self.export.options.format,
            options=self.export.options.without_people(),
            lineage=self._lineage,
            first_generation=previous.first_generation if previous else number,
            generation=number,
            version=version,
            run_id=self.plan.run_id,
            # Both tell of the same generation: its age is the time from one to the other.
            published_at=(self.clock.now() if changed or not previous else previous.published_at),
            first_event_at=(
                self.plan.first_event_at if changed or not previous else previous.first_event_at
            ),
            archive=archive,
            latest_key=self.latest.key_for(project_id, name, archive.size),
            deltas=following,
            recent_deltas=chain[-CHAIN_LENGTH:],
            counts=generation.counts(members),
            classes=classes,
            classes_generation=classes_generation(previous, classes, number),
            losses=generation.losses(),
            moved=self.moved.moved(),
            definition=self.export.definition,
            dated=self.export.dated,
            ledger=ledger,
            files=files,
            regions=regions,
            next_ids=dict(generation.next_ids),
        )

    def _is_due(self, brought: Sequence[DeltaReference]) -> bool:
        """Whether the archive is written again, or followed by one delta more."""
        previous = self.previous
        if previous is None:
            return True
        following = (*previous.deltas, *brought)
        if not following:
            return False
        return self.export.rewrite or is_rewriting_due(
            self.rewriting, previous, following, self.clock.now()
        )

    def _write_archive(self, generation: NewGeneration, number: int) -> _Written:
        spliced = generation.archive()
        key = archive_key(self.plan.project_id, self.export.name, number, self.attempt)
        stored = self.publisher.compose(key, spliced.pieces)
        reference = ArchiveReference(
            key=key,
            etag=stored.etag,
            size=spliced.size,
            members=len(spliced.directory),
            generation=number,
            written_at=self.clock.now(),
        )
        source = Source(key, stored.etag, spliced.size)
        return _Written(reference, BaseArchive(source, spliced.directory, spliced.regions))

    def _write_ledger(self, generation: NewGeneration, number: int) -> TableReference:
        if not generation.changes_ledger and self.previous is not None:
            return self.previous.ledger
        spliced = generation.ledger()
        key = ledger_key(self.plan.project_id, self.export.name, number, self.attempt)
        stored = self.publisher.compose(key, spliced.pieces)
        return TableReference(key=key, etag=stored.etag, size=spliced.size)

    def _write_delta(
        self, generation: NewGeneration, number: int, written: _Written | None
    ) -> tuple[DeltaReference | None, Directory | None]:
        """What the generation changes and where the delta has it; nothing for the first one."""
        if self.previous is None:
            return None, None
        head = DeltaHead(
            self.plan.project_id,
            self.export.name,
            self.plan.run_id,
            self._lineage,
            number,
            self.previous.files_version,
            self.export.dated,
        )
        delta = generation.delta(head, written.base if written else None)
        key = delta_key(self.plan.project_id, self.export.name, number, self.attempt)
        stored = self.publisher.compose(key, delta.plan.pieces)
        reference = DeltaReference(
            key=key,
            etag=stored.etag,
            size=delta.plan.size,
            generation=number,
            from_generation=number - 1,
            from_version=head.from_version,
            added=delta.added,
            changed=delta.changed,
            removed=delta.removed,
            regions=stored_regions(delta.plan.regions),
        )
        return reference, delta.plan.directory
