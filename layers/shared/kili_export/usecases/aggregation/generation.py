"""Writes one generation: archive, delta and ledger, then the manifest that names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from kili_export.contracts.manifest import (
    ArchiveReference,
    DeltaReference,
    LedgerReference,
    Manifest,
    Moved,
)
from kili_export.contracts.run_plan import ExportPlan, RunPlan
from kili_export.contracts.workflow import AggregateAnswer
from kili_export.domain.archive.splice import SplicePlan, splice
from kili_export.domain.errors import ConflictError
from kili_export.domain.keys import archive_key, delta_key, ledger_key
from kili_export.domain.ledger import AssetRecord
from kili_export.domain.retention import CHAIN_LENGTH
from kili_export.ports import Clock, Traffic, TrafficCount
from kili_export.usecases.aggregation.additions import asset_additions
from kili_export.usecases.aggregation.differences import (
    Differences,
    changed_assets,
    delta_document,
    files_of,
    increment_differences,
    rebuild_differences,
)
from kili_export.usecases.aggregation.ledger import LedgerReader
from kili_export.usecases.aggregation.ledger_changes import ledger_changes, splice_ledger
from kili_export.usecases.aggregation.loss_reports import LossReports, reference_to_report
from kili_export.usecases.aggregation.names import FileDigest, NameChanges
from kili_export.usecases.aggregation.publishing import Publisher, own_keys
from kili_export.usecases.aggregation.shared_members import SharedChanges
from kili_export.usecases.aggregation.spool import hold_in_spool
from kili_export.usecases.aggregation.stored_archive import StoredArchive
from kili_export.usecases.aggregation.stored_regions import stored_regions
from kili_export.usecases.aggregation.streamed_files import streamed_file
from kili_export.usecases.aggregation.summary import classes_of, count, quarantined
from kili_export.usecases.retain_generations import RetainGenerations

DELTA_LIST = "delta.json"


@dataclass(frozen=True)
class Generation:
    """Everything that a run changes in one export.

    `base` and `ledger` are what is built upon, None and empty in a rebuild; `known` is the
    ledger that stood before in either case. `stood` has the touched assets as they were, `old`
    what of that is built upon. `settled` are the assets that the run came to a good end with,
    `failed` those that it did not, with the reason.
    """

    stood: Mapping[str, AssetRecord]
    old: Mapping[str, AssetRecord]
    new: Mapping[str, AssetRecord]
    gone: frozenset[str]
    names: NameChanges
    shared: SharedChanges
    next_ids: Mapping[str, int]
    failed: Mapping[str, str]
    settled: frozenset[str]
    base: StoredArchive | None
    ledger: LedgerReader
    known: LedgerReader

    @cached_property
    def brought(self) -> dict[str, FileDigest]:
        """The files that the archive gains or gets anew."""
        return {**self.names.digests, **self.shared.digests}

    @cached_property
    def removed(self) -> frozenset[str]:
        """The files that leave the archive that is built upon."""
        return frozenset(self.names.removed | self.shared.removed)

    @cached_property
    def differences(self) -> Differences:
        """What changes for readers of the archive that stood before."""
        if self.base is not None:
            return increment_differences(self.base.directory, self.brought, self.removed)
        before = files_of(self.stood.values(), self.known.shared().values())
        return rebuild_differences(before, self.brought)

    @cached_property
    def ledger_changes(self) -> dict[str, bytes | None]:
        """What changes in the ledger that is built upon."""
        shared_changed = bool(self.shared.digests or self.shared.removed)
        old = self.old if self.base is not None else {}
        return ledger_changes(
            old,
            self.new,
            self.gone,
            self.names.claims,
            self.shared.members if shared_changed else None,
        )


@dataclass(frozen=True)
class GenerationWriter:
    """Writes generations of one export in one run. `attempt` is what its keys carry."""

    publisher: Publisher
    plan: RunPlan
    export: ExportPlan
    previous: Manifest | None
    clock: Clock
    attempt: str
    traffic: Traffic
    retention: RetainGenerations
    reports: LossReports

    def publish(self, generation: Generation, *, held: int) -> AggregateAnswer:
        """Commits what changed. Readers get a new generation only when files changed for them."""
        begun = self.traffic.snapshot()
        new_archive = generation.base is None or bool(generation.brought or generation.removed)
        listed = quarantined(
            self.previous if generation.base is not None else None,
            generation.failed,
            generation.settled,
            run_id=self.plan.run_id,
            now=self.clock.now(),
        )
        same_list = self.previous is not None and listed == self.previous.quarantined
        if not new_archive and not generation.ledger_changes and same_list:
            return self._unchanged(held)
        attempt = self.attempt
        number = (self.previous.generation if self.previous else 0) + new_archive
        manifest = self._manifest(generation, attempt, number, new_archive=new_archive)
        manifest = manifest.model_copy(
            update={
                "quarantined": listed,
                "moved": _moved(begun, self.traffic.snapshot()),
                "report": reference_to_report(
                    manifest, self.previous, generation.stood, generation.new, attempt
                ),
            }
        )
        self.retention.remember(self.previous)
        self._commit(manifest)
        self.publisher.refresh_latest(manifest)
        self.reports.refresh(manifest, self.previous)
        self.retention.delete_expired(manifest.project_id, manifest.export_name)
        if not new_archive:
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

    def answer(self, manifest: Manifest, *, held: int) -> AggregateAnswer:
        """What is told of a manifest that this run committed."""
        delta = manifest.recent_deltas[-1] if manifest.recent_deltas else None
        if delta is not None and delta.generation != manifest.generation:
            delta = None
        return AggregateAnswer(
            export=self.export.name,
            status="held" if held else "committed",
            generation=manifest.generation,
            archive_key=manifest.archive.key,
            delta_key=delta.key if delta else None,
            members=manifest.counts.members,
            added=delta.added if delta else manifest.counts.members,
            changed=delta.changed if delta else 0,
            removed=delta.removed if delta else 0,
            quarantined=len(manifest.quarantined),
            held_removals=held,
            size=manifest.archive.size,
            requests=sum(manifest.moved.requests.values()),
            bytes_down=manifest.moved.bytes_down,
            bytes_up=manifest.moved.bytes_up,
        )

    def _unchanged(self, held: int) -> AggregateAnswer:
        previous = self.previous
        return AggregateAnswer(
            export=self.export.name,
            status="held" if held else "unchanged",
            generation=previous.generation if previous else None,
            archive_key=previous.archive.key if previous else None,
            members=previous.counts.members if previous else 0,
            quarantined=len(previous.quarantined) if previous else 0,
            held_removals=held,
            size=previous.archive.size if previous else 0,
        )

    def _manifest(
        self, generation: Generation, attempt: str, number: int, *, new_archive: bool
    ) -> Manifest:
        project_id, name, previous = self.plan.project_id, self.export.name, self.previous
        ledger = self._write_ledger(generation, attempt, number)
        if new_archive or previous is None:
            spliced = self._splice(generation)
            key = archive_key(project_id, name, number, attempt)
            stored = self.publisher.compose(key, spliced.pieces)
            archive = ArchiveReference(
                key=key,
                etag=stored.etag,
                size=spliced.size,
                members=len(spliced.directory),
                generation=number,
            )
            deltas = self._with_delta(generation, attempt, number)
            regions = stored_regions(spliced.regions)
        else:
            archive, regions = previous.archive, previous.regions
            deltas = previous.recent_deltas
        return Manifest(
            project_id=project_id,
            export_name=name,
            format=self.export.options.format,
            options=self.export.options.without_people(),
            generation=number,
            run_id=self.plan.run_id,
            published_at=(
                self.clock.now() if new_archive or not previous else previous.published_at
            ),
            first_event_at=self.plan.first_event_at,
            archive=archive,
            latest_key=self.publisher.latest_for(project_id, name, archive.size),
            recent_deltas=deltas,
            counts=count(generation, previous, archive.members),
            classes=classes_of(self.plan.project.to_project()),
            losses=sum(len(record.losses) for record in generation.new.values())
            if generation.base is None
            else _losses(generation, previous),
            moved=Moved(requests={}, bytes_down=0, bytes_up=0),
            definition=self.export.definition,
            dated=self.export.dated,
            ledger=ledger,
            regions=regions,
            next_ids=dict(generation.next_ids),
        )

    def _splice(self, generation: Generation) -> SplicePlan:
        additions = [
            *asset_additions(generation.names.located, generation.names.restored),
            *(file.addition for file in generation.shared.files),
        ]
        base = generation.base.base() if generation.base is not None else None
        return splice(base, sorted(generation.removed), additions, hold_in_spool)

    def _write_ledger(self, generation: Generation, attempt: str, number: int) -> LedgerReference:
        if not generation.ledger_changes and self.previous is not None:
            return self.previous.ledger
        spliced = splice_ledger(generation.ledger, generation.ledger_changes)
        key = ledger_key(self.plan.project_id, self.export.name, number, attempt)
        stored = self.publisher.compose(key, spliced.pieces)
        return LedgerReference(key=key, etag=stored.etag, size=spliced.size)

    def _with_delta(
        self, generation: Generation, attempt: str, number: int
    ) -> tuple[DeltaReference, ...]:
        """The chain of deltas with this generation's; the first generation has none."""
        if self.previous is None:
            return ()
        differences = generation.differences
        document = delta_document(
            differences,
            changed_assets(generation.stood, generation.new),
            project_id=self.plan.project_id,
            export=self.export.name,
            run_id=self.plan.run_id,
            generation=number,
        )
        brought = differences.brought
        names, shared = generation.names, generation.shared
        additions = [
            *asset_additions(
                (item for item in names.located if item.member.record.path in brought),
                (one for one in names.restored if one[1].path in brought),
            ),
            streamed_file(DELTA_LIST, [document.to_bytes()]).addition,
            *(file.addition for file in shared.files if file.path in brought),
        ]
        spliced = splice(None, (), additions, hold_in_spool)
        key = delta_key(self.plan.project_id, self.export.name, number, attempt)
        stored = self.publisher.compose(key, spliced.pieces)
        reference = DeltaReference(
            key=key,
            etag=stored.etag,
            size=spliced.size,
            generation=number,
            from_generation=number - 1,
            added=len(differences.added),
            changed=len(differences.changed),
            removed=len(differences.removed),
        )
        return (*self.previous.recent_deltas, reference)[-CHAIN_LENGTH:]


def _losses(generation: Generation, previous: Manifest | None) -> int:
    before = sum(len(record.losses) for record in generation.old.values())
    after = sum(len(record.losses) for record in generation.new.values())
    return (previous.losses if previous else 0) + after - before


def _moved(begun: TrafficCount, ended: TrafficCount) -> Moved:
    requests = {
        name: ended.requests[name] - begun.requests.get(name, 0)
        for name in sorted(ended.requests)
        if ended.requests[name] != begun.requests.get(name, 0)
    }
    return Moved(
        requests=requests,
        bytes_down=ended.bytes_down - begun.bytes_down,
        bytes_up=ended.bytes_up - begun.bytes_up,
    )
