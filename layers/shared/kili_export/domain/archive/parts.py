"""An archive as a sequence of pieces, and those pieces packed into the parts of an upload."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """One version of a stored object that bytes are taken from. `size` is in bytes."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class CopyRange:
    """`length` bytes of `source` from offset `start`."""

    source: Source
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class InlineBytes:
    """Bytes that the plan itself holds."""

    data: bytes | memoryview

    @property
    def length(self) -> int:
        """How many bytes these are."""
        return len(self.data)


Piece = CopyRange | InlineBytes


@dataclass(frozen=True, slots=True)
class CopyPart:
    """A part that the server copies by itself."""

    source: Source
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class BufferPart:
    """A part that the client assembles: ranges to read and bytes at hand, in this order."""

    pieces: Sequence[Piece]

    @property
    def length(self) -> int:
        """How many bytes the part has."""
        return sum(piece.length for piece in self.pieces)


Part = CopyPart | BufferPart
