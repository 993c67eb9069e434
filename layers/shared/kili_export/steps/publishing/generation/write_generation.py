"""Writes one generation: archive, delta and ledger, then the manifest that names them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from kili_export.archives.archive_with_deltas import open_archive, stored_regions
from kili_export.archives.compaction import CompactionPolicy, is_rewriting_due
from kili_export.archives.files_table import open_files
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.loss_report.report_changes import LossChanges
from kili_export.archives.loss_report.report_writer import LossReports, reference_to_report
from kili_export.archives.manifest import CHAIN_LENGTH, ArchiveReference, DeltaReference, Manifest
from kili_export.archives.removal_guard import NONE, Removals, remembered_removals
from kili_export.archives.statistics import differences
from kili_export.core.bucket_layout import archive_key, delta_key
from kili_export.core.clock import Clock
from kili_export.core.errors import ConflictError
from kili_export.runs.messages import AggregateAnswer
from kili_export.runs.metering import TransferTally, UsageTally
from kili_export.runs.plan import ExportPlan, RunPlan
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.splice import BaseArchive, SplicePlan, splice
from kili_export.splicing.upload_parts import Source
from kili_export.steps.publishing.generation.answers import committed, released_by, unchanged
from kili_export.steps.publishing.generation.commit import Publisher, Retention, own_keys
from kili_export.steps.publishing.generation.delta_list import DeltaHead
from kili_export.steps.publishing.generation.export_gates import ExportGates
from kili_export.steps.publishing.generation.manifest_parts import (
    classes_generation,
    classes_of,
    former_authors,
    is_retention_due,
    quarantined,
    statistics_of,
)
from kili_export.steps.publishing.generation.new_generation import NewGeneration
from kili_export.steps.publishing.generation.table_writing import Tables, TableWriting
from kili_export.storage.spool import hold_in_spool

_WHOLE: Final = "whole-"
"""In the name of the table beside an archive that is written after a generation is published."""
_log = logging.getLogger(__name__)


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
    gates: ExportGates
    reports: LossReports
    rewriting: CompactionPolicy
    taken_over: bool = False
    """Whether `previous` was given tables, which no manifest names yet."""

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
        overdue = not changed and self.previous is not None and self._is_due(self.previous)
        has_ended = self.previous is not None and self.previous.ended_at is not None
        is_same = not changed and not generation.changes_ledger and same_list
        is_asked = has_ended or self.taken_over or self.gates.are_due(self.previous)
        if is_same and not is_asked:
            if self.previous is None or not overdue:
                self._complete(self.previous)
                return self._unchanged(held)
            written = self.catch_up(self.previous, self.export.manifest_etag)
            self.after_commit(written, self.previous)
            return self.answer(written, held=held)
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
                **statistics_of(self.previous, generation.statistics(), changed=changed),
                "report": reference_to_report(
                    manifest, self.previous, self.attempt, changed=generation.changes_losses
                ),
            }
        )
        manifest = self.gates.applied_to(manifest, self.previous, generation)
        self.gates.make_way(self.previous, manifest)
        self.retention.remember(self.previous)
        manifest = self.catch_up(manifest, self._commit(manifest))
        self.after_commit(manifest, self.previous, generation.loss_changes)
        if not changed and not overdue:
            known = {"quarantined": len(listed), "released": released_by(manifest)}
            return self._unchanged(held).model_copy(update=known)
        return self.answer(manifest, held=held)

    def after_commit(
        self, manifest: Manifest, before: Manifest | None, changes: LossChanges | None = None
    ) -> None:
        """Brings what follows a manifest up to it. `before` is the one that it replaced."""
        self.gates.follow(manifest, before)
        self.reports.refresh(manifest, before, changes)
        if is_retention_due(manifest, before):
            self.retention.delete_expired(manifest.project_id, manifest.export_name)

    def catch_up(self, manifest: Manifest, etag: str | None) -> Manifest:
        """Does for a published generation what takes as long as the project is large.

        Its archive is written again and its tables become one, where that is due. Answers what is
        current then. Its files stay as they are, and so does their version. Nothing is lost when
        it fails: readers have the archive before with the deltas, and a later run does it.
        """
        changes = self._rewritten(manifest) if self._is_due(manifest) else {}
        if manifest.has_tables:
            changes |= self._tables.joined(manifest, with_files=not changes)
        if not changes:
            return manifest
        about = {"moved": self.moved.moved(), "spending": self.tally.of_export(self.plan)}
        renewed = manifest.model_copy(update={"run_id": self.plan.run_id, **changes, **about})
        try:
            self.retention.remember(manifest)
            self.publisher.commit(renewed, etag)
        except ConflictError:
            _log.info("export %s was replaced meanwhile; a later run catches up", self.export.name)
            return manifest
        return renewed

    def _rewritten(self, manifest: Manifest) -> dict[str, object]:
        """The fields of a manifest whose archive is written again out of archive and deltas."""
        archive = open_archive(self.publisher.objects, manifest)
        files = open_files(self.publisher.objects, manifest)
        known = None if files is None else files.scan()
        spliced = splice(archive.base(), (), (), hold_in_spool)
        number, directory = manifest.generation, spliced.directory
        written = self._write_archive(spliced, number)
        tables = self._tables.all_files(directory, known, number, _WHOLE) if known else ()
        return {
            "archive": written.reference,
            "regions": stored_regions(written.base.regions),
            "deltas": (),
            "latest_key": self.gates.latest_key(manifest, spliced.size),
            "files": tables,
        }

    def _commit(self, manifest: Manifest) -> str:
        try:
            return self.publisher.commit(manifest, self.export.manifest_etag)
        except ConflictError:
            # Two invocations of one run that go on with one upload have the same names: of these
            # one may have committed what the other is about to remove.
            keys = own_keys(manifest)
            if not self.retention.names_any_of(manifest.project_id, manifest.export_name, keys):
                self.publisher.discard(manifest)
            raise

    def answer(self, manifest: Manifest, *, held: Removals) -> AggregateAnswer:
        """The answer about a manifest that this run committed."""
        return committed(self.export.name, manifest, held)

    def _unchanged(self, held: Removals) -> AggregateAnswer:
        return unchanged(self.export.name, self.previous, held, self.plan.token)

    def _complete(self, previous: Manifest | None) -> None:
        """Brings up what a run left behind that crashed right after its commit."""
        if previous is not None:
            self.gates.follow(previous)
            self.reports.refresh(previous)

    def taking_over(self, former: Manifest) -> "GenerationWriter":
        """Builds on what a version without tables published, which gets some first."""
        ledger = open_ledger(self.publisher.objects, former)
        return replace(self, previous=self._tables.taken_over(former, ledger), taken_over=True)

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
        ledger, *ledger_changes = self._write_ledger(generation, number)
        written: _Written | None = None
        if generation.is_rebuild or previous is None:
            written = self._write_archive(generation.archive(), number)
        delta, placed = self._write_delta(generation, number, written) if changed else (None, None)
        brought = () if delta is None else (delta,)
        if written is None and previous is not None and not self._is_written_first(brought):
            archive, regions = previous.archive, previous.regions
            following = (*previous.deltas, *brought)
            members = previous.counts.members + sum(one.added - one.removed for one in brought)
            files = previous.files
            if placed is not None:
                table = generation.changed_files(placed, number)
                files = files if table is None else self._tables.files(table, number)
        else:
            written = written or self._write_archive(generation.archive(), number)
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
            former_authors=former_authors(previous, self.export.options.format),
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
            ledger_changes=tuple(ledger_changes),
            files=files,
            regions=regions,
            next_ids=dict(generation.next_ids),
        )

    def _is_written_first(self, brought: Sequence[DeltaReference]) -> bool:
        """Whether the archive is due, and written before the commit."""
        previous = self.previous
        if previous is None:
            return True
        following = previous.model_copy(update={"deltas": (*previous.deltas, *brought)})
        is_first = self.rewriting.is_written_first(
            previous.archive.size, sum(one.size for one in brought)
        )
        return is_first and self._is_due(following)

    def _is_due(self, manifest: Manifest) -> bool:
        """Whether the archive is written again, or goes on to be followed by its deltas."""
        if not manifest.deltas:
            return False
        return self.export.rewrite or is_rewriting_due(
            self.rewriting, manifest, manifest.deltas, self.clock.now()
        )

    def _write_archive(self, spliced: SplicePlan, number: int) -> _Written:
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

    def _write_ledger(self, generation: NewGeneration, number: int) -> Tables:
        previous = self.previous
        before = () if previous is None else (previous.ledger, *previous.ledger_changes)
        if not generation.changes_ledger:
            return before
        return self._tables.ledger(generation.ledger(), number)

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
            differences(self.previous.statistics, generation.statistics()),
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
