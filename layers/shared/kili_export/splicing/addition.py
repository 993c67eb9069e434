"""What an archive gains: entries that are written already, in memory or in stored objects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kili_export.splicing.central_directory import Directory
from kili_export.splicing.held_bytes import ByteSource
from kili_export.splicing.regions import Region
from kili_export.splicing.segment import Segment
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, Piece, Source


@dataclass(frozen=True, slots=True)
class AddedEntries:
    """Entries to add to one region: `length` bytes, stored from `start` of `source` or in `data`.

    With `composed` they are these pieces, one after another. The offsets of `directory` count
    from the first of these bytes. The directory must name every entry in them.
    """

    directory: Directory
    region: Region
    length: int
    start: int = 0
    source: Source | None = None
    data: ByteSource = b""
    composed: Sequence[Piece] = ()

    @classmethod
    def inline(cls, segment: Segment, region: Region) -> "AddedEntries":
        """A segment at hand."""
        return cls(segment.directory, region, len(segment.body), data=segment.body)

    @classmethod
    def stored(
        cls, source: Source, start: int, length: int, directory: Directory, region: Region
    ) -> "AddedEntries":
        """A segment within a stored object."""
        return cls(directory, region, length, start=start, source=source)

    def pieces(self) -> Iterator[Piece]:
        """The entries' bytes."""
        if self.composed:
            yield from self.composed
        elif self.source is not None:
            yield CopyRange(self.source, self.start, self.length)
        else:
            yield InlineBytes(self.data)
