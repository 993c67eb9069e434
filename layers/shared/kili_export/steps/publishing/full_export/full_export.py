"""A generation that is made again: every asset, in bounded memory.

One pass over the assets in server order numbers them, writes the ledger, gathers the documents'
fragments and gives every file a place in an assembly of the batches' segments; a second one, over
the names, decides who has which. What grows with the project is in files, and nothing of it is
parsed twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from typing import Final

from kili_export.archives.delta_document import DELTA_LIST
from kili_export.archives.files_table import KnownFile
from kili_export.archives.ledger.archive_files import FormerFiles
from kili_export.archives.ledger.asset_ledger import (
    SHARED,
    AssetRecord,
    record_to_bytes,
    shared_to_bytes,
)
from kili_export.archives.ledger.contested_paths import CONTESTS
from kili_export.archives.manifest import Counts, ReviewCount
from kili_export.archives.statistics import Statistics
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.tables import NewTable
from kili_export.core.errors import IntegrityError
from kili_export.formats.common.format import ExportContext, ExportFormat
from kili_export.runs.segment_records import ConvertedMedium, ConvertedMember
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.regions import Region
from kili_export.splicing.splice import AssembledArchive, BaseArchive, SplicePlan, splice
from kili_export.splicing.zip_headers import record_span
from kili_export.steps.publishing.assets.archive_additions import asset_additions
from kili_export.steps.publishing.assets.asset_records import record_of
from kili_export.steps.publishing.assets.converted_assets import LocatedAsset, LocatedMember
from kili_export.steps.publishing.assets.numbering import Numbering
from kili_export.steps.publishing.documents.fragment_streams import FragmentStreams
from kili_export.steps.publishing.documents.rendering import streams_of
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.steps.publishing.documents.spanning_documents import (
    DatasetFileChanges,
    Documents,
    shared_changes,
)
from kili_export.steps.publishing.documents.streamed_files import streamed_file
from kili_export.steps.publishing.full_export.all_assets import AllAssets, AssetFate, AssetInExport
from kili_export.steps.publishing.full_export.carried_over_files import FormerState
from kili_export.steps.publishing.full_export.full_export_delta import (
    ChangedIds,
    by_path,
    holes,
    list_ids,
    span_bytes,
)
from kili_export.steps.publishing.full_export.ledger_writer import NewLedger
from kili_export.steps.publishing.full_export.tally import Tally
from kili_export.steps.publishing.generation.delta_list import (
    DeltaHead,
    DeltaList,
    DeltaPlan,
)
from kili_export.steps.publishing.path_conflicts.in_full_export import FullPathConflicts, NamedFile
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.spool import Spool, hold_in_spool

_END: Final = b"\0"


@dataclass(slots=True)
class FullExport:
    """An export made again. Where a former archive is, `former` opens it.

    `carries`: assets that failed keep their files, which are what this export would have of them.
    """

    roster: AllAssets
    claims: FullPathConflicts
    numbering: Numbering
    fmt: ExportFormat
    context: ExportContext
    former: Callable[[], StoredArchive | None]
    sharding: ShardRules
    carries: bool = False
    _new_ledger: NewLedger = field(default_factory=NewLedger)
    _changed: ChangedIds = field(default_factory=ChangedIds)
    _before: FormerFiles = field(default_factory=FormerFiles)
    _tally: Tally = field(default_factory=Tally)
    _shared: DatasetFileChanges = field(default_factory=lambda: DatasetFileChanges({}))

    def make(
        self,
        watched: Callable[[Iterator[AssetInExport]], Iterator[AssetInExport]] = lambda assets: (
            assets
        ),
    ) -> None:
        """Does all of it but the archives themselves. Raises IntegrityError.

        `watched` gives the assets it is given, and may end the work among them by raising.
        """
        separators = streams_of(self.fmt.documents(self.context))
        streams = FragmentStreams(separators, self.sharding)
        for subject in watched(self.roster.subjects()):
            self._take(subject, streams)
        self._before.add_shared(self.roster.known.shared().values())
        self.claims.settle_all()
        source = Documents(self.sharding, lambda _: streams)
        self._shared = shared_changes(self.fmt, self.context, {}, source)
        for item in self.claims.claims:
            name, _, contents = item.partition(_END)
            self._new_ledger.add(name.decode(), contents)
            if name.startswith(CONTESTS.encode()):
                self._tally.lost_after.add_contest(contents)
        for contents in self.roster.known.contests():
            self._tally.lost_before.add_contest(contents)
        self._new_ledger.add_ids()
        for entry, index in self._shared.index_entries():
            self._new_ledger.add(entry, index)
        members = self._shared.members
        self._new_ledger.add(SHARED, shared_to_bytes(members[path] for path in sorted(members)))

    @property
    def failed(self) -> Mapping[str, str]:
        """The assets that the run did not come to a good end with, and why."""
        return self.roster.failed

    @property
    def settled(self) -> frozenset[str]:
        """None: nothing of before is taken over, so nothing is to be taken back."""
        return frozenset()

    @property
    def next_ids(self) -> Mapping[str, int]:
        """The next number of each namespace."""
        return self.numbering.next_ids

    @property
    def is_rebuild(self) -> bool:
        """It is."""
        return True

    @property
    def changes_archive(self) -> bool:
        """Always."""
        return True

    @property
    def changes_ledger(self) -> bool:
        """Always."""
        return True

    @property
    def changes_losses(self) -> bool:
        """Whether the report says something else than before."""
        return self._tally.lost_before.differs(self._tally.lost_after)

    @property
    def loss_changes(self) -> None:
        """Nothing: the report is made again with everything else."""
        return

    def archive(self) -> SplicePlan:
        """The new archive."""
        base = AssembledArchive(self.claims.assembly, self.claims.directory, self.claims.gaps)
        additions = [
            *asset_additions((), self.claims.restored),
            *(file.addition for file in self._shared.files),
        ]
        held = self.roster.conversions.entries
        return held.put_into(splice(base, (), additions, hold_in_spool))

    def ledger(self) -> NewTable:
        """The new ledger."""
        return NewTable((), self._new_ledger.finish())

    def delta(self, head: DeltaHead, written: BaseArchive | None) -> DeltaPlan:
        """The files that differ from those of the archive before."""
        listed, unchanged = DeltaList(), ExternalSorter()
        records, count, at_hand = Spool(), 0, set[str]()
        for before, after in by_path(self._before, self._named()):
            if after is None:
                if before is not None:
                    listed.remove(before.path, before.asset_id)
            elif before is not None and before.identity == after.identity:
                if after.raw:
                    span = record_span(after.raw, 0)
                    unchanged.add(span_bytes(span.offset, span.local_length))
            else:
                known = before is not None
                listed.bring(after.path, after.sha256, after.asset_id or None, known=known)
                if after.raw:
                    records.write(after.raw)
                    count += 1
                else:
                    at_hand.add(after.path)
        list_ids(listed.assets_added, self._changed.added)
        list_ids(listed.assets_changed, self._changed.changed)
        list_ids(listed.assets_removed, self._changed.removed)
        for hole in self.claims.gaps:
            unchanged.add(span_bytes(hole.start, hole.length))
        base = AssembledArchive(
            self.claims.assembly,
            Directory(records, count),
            list(holes(unchanged, self.claims.assembly.regions)),
        )
        additions = [
            *asset_additions((), (one for one in self.claims.restored if one[1].path in at_hand)),
            *(file.stored_in(written) for file in self._shared.files if file.path in at_hand),
            # Next to the directory: both are read at once.
            streamed_file(DELTA_LIST, listed.document(head), head.date).addition,
        ]
        held = self.roster.conversions.entries
        plan = held.put_into(splice(base, (), additions, hold_in_spool))
        added, changed, removed = listed.added.count, listed.changed.count, listed.removed.count
        return DeltaPlan(plan, added, changed, removed)

    def files(self) -> Iterator[KnownFile]:
        """All files after it, by path."""
        return (KnownFile(one.path, one.sha256, one.asset_id or None) for one in self._named())

    def changed_files(self, delta: Directory, generation: int) -> None:
        """None: the table of all files is written."""

    def counts(self, members: int) -> Counts:
        """The counts of the new archive."""
        shared = sum(file.size for file in self._shared.files)
        return Counts(
            assets=self._tally.assets,
            exported=self._tally.exported,
            members=members,
            uncompressed_bytes=self.claims.size + shared,
        )

    def review(self) -> ReviewCount:
        """How many of its assets are reviewed."""
        return ReviewCount(assets=self._tally.reviewable, reviewed=self._tally.reviewed)

    def statistics(self) -> Statistics | None:
        """How many objects of each class there are."""
        return self._tally.objects.result()

    def changed_assets(self) -> int:
        """How many assets came, changed or went for readers of the archive."""
        return self._changed.count

    def losses(self) -> int:
        """How much is lost in all."""
        return self._tally.losses + self.claims.lost

    def _take(self, subject: AssetInExport, streams: FragmentStreams) -> None:
        stood, record = subject.stood, subject.numbered
        if subject.located is not None:
            record = record_of(subject.located.asset, record, stood, self.numbering)
            for file in _located_files(subject.located, record, self.former):
                self.claims.add(file, record.asset_id, record.order_key)
        elif self.carries and stood is not None and subject.standing is AssetFate.CARRIED:
            record = stood
            self._carry(stood)
        if record is not None:
            self._new_ledger.add_asset(record.asset_id, record.entry_name, record_to_bytes(record))
            streams.add(record)
            self._tally.after(record)
        if stood is not None:
            self._before.add(stood)
            self._tally.lost_before.add(stood)
        self._changed.take(stood, record)

    def _carry(self, stood: AssetRecord) -> None:
        """An asset that failed keeps the files that it had."""
        for file in FormerState(self.former, self.roster.known).files(stood):
            if isinstance(file, LocatedMember):
                self.claims.add(file, stood.asset_id, stood.order_key)
            else:
                self.claims.keep(file.path, file.claim)

    def _named(self) -> Iterator[NamedFile]:
        """All files of the new archive, by path."""
        shared = (
            NamedFile(path, digest.sha256, digest.identity, "", b"")
            for path, digest in sorted(self._shared.digests.items())
        )
        return merge(self.claims.named(), shared, key=lambda file: file.path)


def _located_files(
    located: LocatedAsset, record: AssetRecord, former: Callable[[], StoredArchive | None]
) -> Iterator[LocatedMember]:
    """Where an asset's files are, in the order in which they come in the archive."""
    asset = located.asset
    for member in sorted(asset.members, key=lambda one: one.record.offset):
        yield LocatedMember(
            member,
            located.source,
            located.start + member.record.offset,
            (asset.order_key, asset.asset_id, member.record.offset),
        )
    labels = {member.record.path for member in asset.members}
    if asset.media is None:
        return
    if asset.media.fetched is None:
        files = _known_media(record, former)
    else:
        files = [_fetched_medium(located, medium) for medium in asset.media.fetched]
    for file in sorted(files, key=lambda one: one.position):
        if file.member.record.path not in labels:
            yield file


def _fetched_medium(located: LocatedAsset, medium: ConvertedMedium) -> LocatedMember:
    return LocatedMember(
        ConvertedMember(medium.record, medium.sha256, medium.identity),
        located.media[medium.object_index],
        medium.record.offset,
        (located.asset.order_key, located.asset.asset_id, medium.record.offset),
        Region.MEDIA,
    )


def _known_media(
    record: AssetRecord, former: Callable[[], StoredArchive | None]
) -> list[LocatedMember]:
    """Media that were known: they are taken out of the archive that is replaced.

    They come in the order that their asset has them in. Where they lie in that archive tells when
    they came into it, and an export of the same state from nothing knows nothing of that.
    """
    archive = former()
    found = []
    for place, medium in enumerate(record.media):
        entry = archive.directory.find(medium.path) if archive is not None else None
        if archive is None or entry is None or entry.owner != record.asset_id:
            raise IntegrityError(f"the former archive does not have {medium.path!r} of its asset")
        source, start = archive.locate(entry)
        found.append(
            LocatedMember(
                ConvertedMember(entry, medium.sha256, medium.identity),
                source,
                start,
                (record.order_key, record.asset_id, place),
                Region.MEDIA,
            )
        )
    return found
