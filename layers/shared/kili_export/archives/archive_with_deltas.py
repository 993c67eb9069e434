"""An archive and the deltas that follow it, read as the one archive that they amount to."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from kili_export.archives import manifest as stored
from kili_export.archives.manifest import DeltaReference, Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.stored_deltas import StoredDelta, open_deltas
from kili_export.core.errors import IntegrityError
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.archive_reader import fetch_from
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entry_record import Record
from kili_export.splicing.regions import Gap, Region, Regions
from kili_export.splicing.splice import Base, SplicePlan, splice
from kili_export.splicing.upload_parts import CopyRange, Source
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.spool import hold_in_spool


@dataclass(frozen=True, slots=True)
class ArchiveWithDeltas(StoredArchive):
    """What writing the archive again would give, without writing it.

    Its entries' offsets are those that they would have there. `source` is the archive at the
    bottom.
    """

    _ranges: Sequence[CopyRange] = ()
    _starts: Sequence[int] = field(default=(), repr=False)

    @classmethod
    def of(cls, base: StoredArchive, plan: SplicePlan) -> "ArchiveWithDeltas":
        """The archive that `plan` would make out of `base` and deltas."""
        ranges = [piece for piece in plan.pieces if isinstance(piece, CopyRange)]
        starts, at = [], 0
        for one in ranges:
            starts.append(at)
            at += one.length
        if at != plan.regions.documents_end:
            raise IntegrityError(f"the deltas after {base.source.key} are not all stored")
        return cls(
            base.objects,
            base.source,
            plan.directory,
            plan.regions,
            _ranges=ranges,
            _starts=starts,
        )

    @property
    def gaps(self) -> Sequence[Gap]:
        """None."""
        return ()

    def base(self) -> Base:
        """The archive as something to splice."""
        return self

    def pieces(self, start: int, length: int) -> Iterator[CopyRange]:
        """Where some of its bytes are."""
        end = start + length
        index = bisect_right(self._starts, start) - 1
        while start < end:
            one, first = self._ranges[index], self._starts[index]
            until = min(end, first + one.length)
            yield CopyRange(one.source, one.start + start - first, until - start)
            start, index = until, index + 1

    def locate(self, record: Record) -> tuple[Source, int]:
        """The object that an entry stands in, and where it begins there."""
        piece, *others = self.pieces(record.offset, record.local_length)
        if others:
            raise IntegrityError(f"{record.path!r} lies in two objects")
        return piece.source, piece.start

    def preload(self) -> None:
        """Nothing: what is read lies in several objects."""

    def bytes_at(self, start: int, length: int) -> bytes:
        """Some of its bytes."""
        return b"".join(
            self.objects.get_range(
                piece.source.key, piece.start, piece.length, if_match=piece.source.etag
            )
            for piece in self.pieces(start, length)
        )


def open_archive(objects: ObjectStore, manifest: Manifest, *, whole: int = 0) -> StoredArchive:
    """What is current by a manifest. Raises IntegrityError, ConflictError.

    The archive at the bottom is read with one request, if it has `whole` bytes at most.
    """
    archive = manifest.archive
    source = Source(archive.key, archive.etag, archive.size)
    fetch = None
    if source.size <= whole:
        fetch = fetch_from(objects.get_range(source.key, 0, source.size, if_match=source.etag))
    base = StoredArchive.open(objects, source, regions_of(manifest), fetch)
    if not manifest.deltas:
        return base
    return ArchiveWithDeltas.of(base, _plan(base, manifest.deltas))


def _plan(base: StoredArchive, chain: Sequence[DeltaReference]) -> SplicePlan:
    """What comes of the archive with all deltas: of each file the last of them decides."""
    deltas = list(open_deltas(base.objects, chain))
    last: dict[str, int] = {}
    removed: set[str] = set()
    for number, delta in enumerate(deltas):
        for path in delta.removed:
            last.pop(path, None)
            removed.add(path)
        for path in delta.brought:
            last[path] = number
            removed.discard(path)
    removals = sorted(path for path in removed if path in base.directory)
    lasting: dict[int, set[str]] = {}
    for path, number in last.items():
        lasting.setdefault(number, set()).add(path)
    additions = [
        addition
        for number, paths in sorted(lasting.items())
        for addition in _additions(deltas[number], chain[number], paths)
    ]
    return splice(base.base(), removals, additions, hold_in_spool)


def _additions(
    delta: StoredDelta, reference: DeltaReference, paths: set[str]
) -> Iterator[AddedEntries]:
    """Those files of a delta, each run of neighbours at once."""
    if reference.regions is None:
        raise IntegrityError(f"{reference.key} cannot follow an archive")
    regions = from_stored(reference.regions)
    wanted = sorted(
        (record for record in delta.archive.directory.records() if record.path in paths),
        key=lambda record: record.offset,
    )
    if len(wanted) != len(paths):
        raise IntegrityError(f"{reference.key} lacks files that its list names")
    for region in Region:
        start, end = regions.span(region)
        inside = (record for record in wanted if start <= record.offset < end)
        for run in _neighbours(inside):
            yield _addition(delta.archive.source, run, region)


def _neighbours(records: Iterable[Record]) -> Iterator[list[Record]]:
    run: list[Record] = []
    for record in records:
        if run and record.offset != run[-1].end:
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _addition(source: Source, run: Sequence[Record], region: Region) -> AddedEntries:
    start = run[0].offset
    directory = Directory.from_records(
        replace(record, offset=record.offset - start) for record in run
    )
    return AddedEntries.stored(source, start, run[-1].end - start, directory, region)


def regions_of(manifest: stored.Manifest) -> Regions:
    """The regions of a manifest's archive."""
    return from_stored(manifest.regions)


def from_stored(regions: stored.Regions) -> Regions:
    """Regions out of a manifest."""
    return Regions(regions.media_end, regions.labels_end, regions.documents_end)


def stored_regions(regions: Regions) -> stored.Regions:
    """Regions as a manifest holds them."""
    return stored.Regions(
        media_end=regions.media_end,
        labels_end=regions.labels_end,
        documents_end=regions.documents_end,
    )
