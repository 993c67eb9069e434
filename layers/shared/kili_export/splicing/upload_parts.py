"""An archive as a sequence of pieces, and those pieces packed into the parts of an upload."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kili_export.core.errors import IntegrityError
from kili_export.splicing.held_bytes import ByteSource, chunks_of, cut_held
from kili_export.splicing.part_limits import DEFAULT_LIMITS, PartLimits


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
    """Bytes that are at hand."""

    data: ByteSource

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


def parts_digest(parts: Sequence[Part]) -> str:
    """Tells whether two plans make the same object out of the same parts, in hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        pieces = part.pieces if isinstance(part, BufferPart) else (part,)
        digest.update(b"part %d\n" % len(pieces))
        for piece in pieces:
            if isinstance(piece, InlineBytes):
                digest.update(b"bytes %d\n" % piece.length)
                for chunk in chunks_of(piece.data):
                    digest.update(chunk)
            else:
                source = f"{piece.source!r} {piece.start} {piece.length}\n"
                digest.update(source.encode())
    return digest.hexdigest()


def plan_parts(pieces: Sequence[Piece], limits: PartLimits = DEFAULT_LIMITS) -> list[Part]:
    """Packs pieces into the parts of an upload, in order, within `limits`.

    One BufferPart alone means that the object is written at once. Raises IntegrityError when
    `limits.max_parts` do not suffice.
    """
    parts = pack(pieces, limits)
    if len(parts) > limits.max_parts:
        raise too_many(parts, limits)
    return parts


def pack(pieces: Sequence[Piece], limits: PartLimits = DEFAULT_LIMITS) -> list[Part]:
    """Packs pieces likewise; where they are too many for one upload, into as few as can be."""
    total = sum(piece.length for piece in pieces)
    if total <= max(limits.rewrite_below, limits.min_part):
        return [BufferPart(tuple(pieces))]
    parts, coarser = _packed(pieces, limits), limits.coarser()
    while len(parts) > limits.max_parts and coarser is not None:
        parts, coarser = _packed(pieces, coarser), coarser.coarser()
    return parts


def too_many(parts: Sequence[Part], limits: PartLimits) -> IntegrityError:
    """What says that parts cannot be brought into one object."""
    total = sum(part.length for part in parts)
    return IntegrityError(
        f"{total} bytes in {len(parts)} parts do not fit into {limits.max_parts} parts"
    )


def _packed(pieces: Sequence[Piece], limits: PartLimits) -> list[Part]:
    packing = _Packing(limits)
    for piece in pieces:
        packing.add(piece)
    return packing.finish()


def buffers_of(pieces: Iterable[Piece], size: int) -> Iterator[BufferPart]:
    """All of the pieces in order, as buffers of `size` bytes."""
    held: list[Piece] = []
    room = size
    for piece in pieces:
        while piece.length > room:
            head, piece = _cut(piece, room)
            yield BufferPart((*held, head))
            held, room = [], size
        held.append(piece)
        room -= piece.length
    if held:
        yield BufferPart(tuple(held))


class _Packing:
    """The parts so far, and the pieces of the one that the client will assemble next."""

    def __init__(self, limits: PartLimits) -> None:
        self._limits = limits
        self._parts: list[Part] = []
        self._held: list[Piece] = []
        self._held_size = 0

    def add(self, piece: Piece) -> None:
        """Appends a piece."""
        if not isinstance(piece, CopyRange) or not self._is_copyable(piece):
            self._hold(piece)
            return
        missing = max(0, self._limits.min_part - self._held_size) if self._held else 0
        if piece.length - missing < self._limits.copy_from:
            self._hold(piece)
            return
        if missing:
            head, piece = _cut_range(piece, missing)
            self._hold(head)
        self._flush()
        self._copy(piece)

    def finish(self) -> list[Part]:
        """All parts; the last may be smaller than the others."""
        self._flush()
        return self._parts

    def _is_copyable(self, piece: CopyRange) -> bool:
        limits = self._limits
        return piece.length >= limits.copy_from and piece.source.size > limits.min_part

    def _hold(self, piece: Piece) -> None:
        room = self._limits.buffer - self._held_size
        while piece.length > room:
            head, piece = _cut(piece, room)
            self._keep(head)
            self._flush()
            room = self._limits.buffer
        self._keep(piece)

    def _keep(self, piece: Piece) -> None:
        if piece.length:
            self._held.append(piece)
            self._held_size += piece.length

    def _flush(self) -> None:
        if self._held:
            self._parts.append(BufferPart(tuple(self._held)))
            self._held, self._held_size = [], 0

    def _copy(self, piece: CopyRange) -> None:
        limits = self._limits
        count = max(1, min(-(-piece.length // limits.copy), piece.length // limits.min_part))
        for index in range(count):
            first = piece.length * index // count
            after = piece.length * (index + 1) // count
            self._parts.append(CopyPart(piece.source, piece.start + first, after - first))


def _cut(piece: Piece, length: int) -> tuple[Piece, Piece]:
    """The first `length` bytes of a piece, and the rest."""
    if isinstance(piece, CopyRange):
        return _cut_range(piece, length)
    data = piece.data
    return InlineBytes(cut_held(data, 0, length)), InlineBytes(cut_held(data, length, len(data)))


def _cut_range(piece: CopyRange, length: int) -> tuple[CopyRange, CopyRange]:
    rest = CopyRange(piece.source, piece.start + length, piece.length - length)
    return CopyRange(piece.source, piece.start, length), rest
