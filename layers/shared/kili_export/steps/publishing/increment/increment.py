"""A generation that is built on the archive before it: what changed assets change."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from kili_export.archives.delta_document import DELTA_LIST
from kili_export.archives.files_table import KnownFile, files_after
from kili_export.archives.ledger.archive_files import FileDigest
from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.loss_report.report_changes import LossChanges
from kili_export.archives.loss_report.report_comparison import changes_rows
from kili_export.archives.manifest import Counts, Manifest, ReviewCount
from kili_export.archives.statistics import Statistics, StatisticsTally
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.tables import NewTable, with_changes
from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.splice import BaseArchive, SplicePlan, splice
from kili_export.steps.publishing.assets.archive_additions import asset_additions
from kili_export.steps.publishing.documents.spanning_documents import DatasetFileChanges
from kili_export.steps.publishing.documents.streamed_files import streamed_file
from kili_export.steps.publishing.generation.changes import (
    FileChanges,
    changed_assets,
    increment_differences,
)
from kili_export.steps.publishing.generation.delta_list import DeltaHead, DeltaList, DeltaPlan
from kili_export.steps.publishing.increment.base_files import BaseFiles
from kili_export.steps.publishing.increment.ledger_changes import ledger_changes
from kili_export.steps.publishing.path_conflicts.in_increment import PathChanges
from kili_export.storage.spool import hold_in_spool
from kili_export.storage.tables.table_writer import Pair


@dataclass(frozen=True)
class Increment:
    """What changed assets change in an export. Holds all of these; a run takes on so many alone.

    `base` and `known` are the files and the ledger that it is built upon; `open_base` opens the
    archive. `old` has the touched
    assets as they were, as far as they were there, `new` those that changed and `gone` the ids
    of those that leave. `settled` are the assets that the run came to a good end with, `failed`
    those that it did not, with the reason.
    """

    previous: Manifest
    old: Mapping[str, AssetRecord]
    new: Mapping[str, AssetRecord]
    gone: frozenset[str]
    names: PathChanges
    shared: DatasetFileChanges
    next_ids: Mapping[str, int]
    failed: Mapping[str, str]
    settled: frozenset[str]
    base: BaseFiles
    open_base: Callable[[], StoredArchive]
    known: LedgerReader

    @property
    def is_rebuild(self) -> bool:
        """It is not."""
        return False

    @cached_property
    def brought(self) -> dict[str, FileDigest]:
        """The files that the archive gains or gets again."""
        return {**self.names.digests, **self.shared.digests}

    @cached_property
    def removed(self) -> frozenset[str]:
        """The files that leave the archive."""
        return frozenset(self.names.removed | self.shared.removed)

    @property
    def changes_archive(self) -> bool:
        """Readers get a new archive only when files changed for them."""
        return bool(self.brought or self.removed)

    @property
    def changes_ledger(self) -> bool:
        """Whether anything is to be remembered that was not."""
        return bool(self._ledger_changes)

    @property
    def changes_losses(self) -> bool:
        """Whether the report says something else of these assets, or of their files' names."""
        return self.names.tells_otherwise or changes_rows(self.old, self.new, self.known)

    @property
    def loss_changes(self) -> LossChanges | None:
        """What the touched assets lost before, and lose now.

        None where names are contested: only the ledger knows what others lose by it.
        """
        if self.names.tells_otherwise or self.known.has_contests():
            return None
        return LossChanges(self.old, self.new, self.known)

    def archive(self) -> SplicePlan:
        """The new archive."""
        additions = [
            *asset_additions(self.names.located, self.names.restored),
            *(file.addition for file in self.shared.files),
        ]
        return splice(self.open_base().base(), sorted(self.removed), additions, hold_in_spool)

    def ledger(self) -> NewTable:
        """The new ledger."""
        changes = sorted((name.encode(), data) for name, data in self._ledger_changes.items())
        references = (self.previous.ledger, *self.previous.ledger_changes)
        return with_changes(references, self.known.tables, changes)

    def delta(self, head: DeltaHead, written: BaseArchive | None) -> DeltaPlan:
        """The files that come, with the list of all that changed."""
        del written
        differences = self._differences
        listed = _listed(differences)
        listed.take_assets(changed_assets(self.old, self.new))
        brought = differences.brought
        additions = [
            *asset_additions(
                (item for item in self.names.located if item.member.record.path in brought),
                (one for one in self.names.restored if one[1].path in brought),
            ),
            *(file.addition for file in self.shared.files if file.path in brought),
            # Next to the directory: both are read at once.
            streamed_file(DELTA_LIST, listed.document(head), head.date).addition,
        ]
        return DeltaPlan(
            splice(None, (), additions, hold_in_spool),
            added=len(differences.added),
            changed=len(differences.changed),
            removed=len(differences.removed),
        )

    def files(self) -> Iterator[KnownFile]:
        """All files after it, by path."""
        return files_after(self.base.published.scan(), self._files_brought, self.removed)

    def changed_files(self, delta: Directory, generation: int) -> NewTable:
        """What becomes of the files table, with the files that come as the delta has them."""
        pairs: list[Pair] = [(path.encode(), None) for path in self.removed]
        for file in self._files_brought:
            record = delta.find(file.path)
            if record is None:
                raise IntegrityError(f"the delta lacks {file.path!r}")
            pairs.append(file.placed(record, generation).to_pair())
        return with_changes(self.previous.files, self.base.published.tables, sorted(pairs))

    def counts(self, members: int) -> Counts:
        """Those of before, and what the changed assets change in them."""
        before = self.previous.counts
        lost = sum(
            file.record.size
            for path in {*self.removed, *self.brought}
            if (file := self.base.find(path)) is not None
        )
        return Counts(
            assets=before.assets + len(self.new.keys() - self.old.keys()) - len(self.gone),
            exported=before.exported
            + sum(record.exported for record in self.new.values())
            - sum(record.exported for record in self.old.values()),
            members=members,
            uncompressed_bytes=before.uncompressed_bytes + self._bytes_brought() - lost,
        )

    def review(self) -> ReviewCount:
        """Those of before, and what the changed assets change in them."""
        before = self.previous.review or ReviewCount(assets=0, reviewed=0)
        had = [one.reviewed for one in self.old.values() if one.reviewed is not None]
        has = [one.reviewed for one in self.new.values() if one.reviewed is not None]
        return ReviewCount(
            assets=before.assets + len(has) - len(had),
            reviewed=before.reviewed + sum(has) - sum(had),
        )

    def statistics(self) -> Statistics | None:
        """Those of before, and what the changed assets change in them."""
        tally = StatisticsTally.of(self.previous.counted)
        for record in self.old.values():
            tally.add(record, -1)
        for record in self.new.values():
            tally.add(record)
        return tally.result()

    def changed_assets(self) -> int:
        """How many assets came, changed or went for readers of the archive."""
        found = changed_assets(self.old, self.new)
        return len(found.added) + len(found.changed) + len(found.removed)

    def losses(self) -> int:
        """Those of before, and what the changed assets change in them."""
        before = sum(len(record.losses) for record in self.old.values())
        after = sum(len(record.losses) for record in self.new.values())
        return self.previous.losses + after - before + self.names.lost

    @cached_property
    def _differences(self) -> FileChanges:
        return increment_differences(self.base, self.brought, self.removed)

    @cached_property
    def _ledger_changes(self) -> dict[str, bytes | None]:
        return ledger_changes(self.old, self.new, self.gone, self.names.claims, self.shared)

    @property
    def _files_brought(self) -> Iterator[KnownFile]:
        for path, digest in self.brought.items():
            yield KnownFile(path, digest.sha256, digest.asset_id)

    def _bytes_brought(self) -> int:
        labels = sum(item.member.record.size for item in self.names.located)
        restored = sum(entry.size for _, entry in self.names.restored)
        return labels + restored + sum(file.size for file in self.shared.files)


def _listed(differences: FileChanges) -> DeltaList:
    listed = DeltaList()
    for known, files in ((False, differences.added), (True, differences.changed)):
        for path, digest in sorted(files.items()):
            listed.bring(path, digest.sha256, digest.asset_id, known=known)
    for path, asset_id in sorted(differences.removed.items()):
        listed.remove(path, asset_id)
    return listed
