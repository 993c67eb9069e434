"""A new archive out of an old one: what goes, what comes, and where every byte is taken from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kili_export.core.errors import IntegrityError
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.assembly import VirtualArchive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.directory_merge import merge_directories
from kili_export.splicing.end_of_directory import Tail, encode_tail
from kili_export.splicing.held_bytes import ByteSource, Hold, hold_in_memory
from kili_export.splicing.regions import Gap, Layout, Region, Regions, lay_out, new_starts
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, Piece, Source


class Base(Protocol):
    """The archive to begin with."""

    @property
    def directory(self) -> Directory:
        """Its entries."""

    @property
    def regions(self) -> Regions:
        """Where its regions end."""

    @property
    def gaps(self) -> Sequence[Gap]:
        """Bytes that the directory does not name. They are left out."""

    def pieces(self, start: int, length: int) -> Iterator[CopyRange]:
        """Where some of its bytes are."""


@dataclass(frozen=True, slots=True)
class BaseArchive:
    """An archive that is stored: where it is, its directory, its regions."""

    source: Source
    directory: Directory
    regions: Regions

    @property
    def gaps(self) -> Sequence[Gap]:
        """None: an archive of ours has no bytes but its entries."""
        return ()

    def pieces(self, start: int, length: int) -> Iterator[CopyRange]:
        """Where some of its bytes are."""
        yield CopyRange(self.source, start, length)


@dataclass(frozen=True, slots=True)
class AssembledArchive:
    """An archive that is not written yet: entries in segments, less those in the gaps."""

    assembly: VirtualArchive
    directory: Directory
    gaps: Sequence[Gap]

    @property
    def regions(self) -> Regions:
        """Where its regions would end with the gaps in place."""
        return self.assembly.regions

    def pieces(self, start: int, length: int) -> Iterator[CopyRange]:
        """Where some of its bytes are."""
        return self.assembly.pieces(start, length)


@dataclass(frozen=True, slots=True)
class SplicePlan:
    """A new archive: its bytes as `pieces`, in order, `size` bytes together."""

    pieces: Sequence[Piece]
    directory: Directory
    regions: Regions
    size: int


def splice(
    base: Base | None,
    removals: Iterable[str],
    additions: Sequence[AddedEntries],
    hold: Hold = hold_in_memory,
) -> SplicePlan:
    """Plans the archive that `base` becomes without `removals` and with `additions`.

    An addition whose name is in the archive replaces the entry there. Added entries come at the
    end of their region, in the order of the additions and of the bytes in them: segments are
    taken whole, and the caller's order alone decides what a full archive looks like. No byte of
    a superseded or removed entry stays. `hold` keeps the new directory. Raises IntegrityError
    when a removal is not in the archive, when two additions have the same name, or when a
    directory does not fit the bytes that it describes.
    """
    old = base.directory if base else Directory.empty()
    regions = base.regions if base else Regions()
    added = dict.fromkeys(Region, 0)
    for addition in additions:
        added[addition.region] += addition.length
    merged = merge_directories(old, removals, additions, new_starts(regions, added))
    gaps = base.gaps if base else ()
    layout = lay_out(regions, (*merged.holes, *gaps), added)
    directory = hold(merged.chunks(layout))
    if len(directory) != merged.length:
        raise IntegrityError("a merged directory has another length than its records")
    entries_end = layout.regions.documents_end
    tail = encode_tail(Tail(entries_end, merged.length, merged.count))
    end = (InlineBytes(directory), InlineBytes(tail))
    entries = _joined(_entry_pieces(base, layout, additions))
    return SplicePlan(
        pieces=[*entries, *(piece for piece in end if piece.length)],
        directory=Directory(directory, merged.count),
        regions=layout.regions,
        size=entries_end + merged.length + len(tail),
    )


def whole_archive(entries: ByteSource, directory: Directory) -> SplicePlan:
    """The archive of entries that are at hand, all of them labels, with their directory."""
    size = len(entries)
    tail = encode_tail(Tail(size, len(directory.raw), len(directory)))
    pieces = (InlineBytes(entries), InlineBytes(directory.raw), InlineBytes(tail))
    return SplicePlan(
        pieces=[piece for piece in pieces if piece.length],
        directory=directory,
        regions=Regions(0, size, size),
        size=size + len(directory.raw) + len(tail),
    )


def _entry_pieces(
    base: Base | None, layout: Layout, additions: Sequence[AddedEntries]
) -> Iterator[Piece]:
    for region in Region:
        if base:
            for kept in layout.kept:
                if kept.region == region:
                    yield from base.pieces(kept.start, kept.length)
        for addition in additions:
            if addition.region == region and addition.length:
                yield from addition.pieces()


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours that are neighbours in their source too become one piece."""
    held: Piece | None = None
    for piece in pieces:
        if (
            isinstance(held, CopyRange)
            and isinstance(piece, CopyRange)
            and held.source == piece.source
            and held.start + held.length == piece.start
        ):
            held = CopyRange(held.source, held.start, held.length + piece.length)
            continue
        if held is not None:
            yield held
        held = piece
    if held is not None:
        yield held
