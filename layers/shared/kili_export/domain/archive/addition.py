"""What an archive gains: entries that are written already, in memory or in a stored object."""

from dataclasses import dataclass

from kili_export.domain.archive.directory import Directory
from kili_export.domain.archive.held import HeldBytes, cut_held
from kili_export.domain.archive.layout import Region
from kili_export.domain.archive.parts import CopyRange, InlineBytes, Piece, Source
from kili_export.domain.archive.segment import Segment


@dataclass(frozen=True, slots=True)
class Addition:
    """Entries to add to one region: `length` bytes, stored from `start` of `source` or in `data`.

    The offsets of `directory` count from the first of these bytes. The directory must name
    every entry in them.
    """

    directory: Directory
    region: Region
    length: int
    start: int = 0
    source: Source | None = None
    data: HeldBytes = b""

    @classmethod
    def inline(cls, segment: Segment, region: Region) -> "Addition":
        """A segment at hand."""
        return cls(segment.directory, region, len(segment.body), data=segment.body)

    @classmethod
    def stored(
        cls, source: Source, start: int, length: int, directory: Directory, region: Region
    ) -> "Addition":
        """A segment within a stored object."""
        return cls(directory, region, length, start=start, source=source)

    def piece(self, offset: int, length: int) -> Piece:
        """`length` of the entries' bytes from `offset`."""
        start = self.start + offset
        if self.source is not None:
            return CopyRange(self.source, start, length)
        return InlineBytes(cut_held(self.data, start, start + length))
