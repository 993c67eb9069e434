"""How the client reads what a part needs: neighbouring ranges in one request."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kili_export.splicing.part_limits import MIB
from kili_export.splicing.upload_parts import BufferPart, CopyRange, InlineBytes, Source

MAX_GAP: Final = 1 * MIB
MAX_READ: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class Cut:
    """`length` bytes at `start` of what was read belong at `target` of the part."""

    start: int
    length: int
    target: int


@dataclass(frozen=True, slots=True)
class Read:
    """One request: `length` bytes of `source` from `start`, and what becomes of them."""

    source: Source
    start: int
    length: int
    cuts: Sequence[Cut]


@dataclass(frozen=True, slots=True)
class _Wanted:
    start: int
    length: int
    target: int

    @property
    def end(self) -> int:
        return self.start + self.length


def inline_bytes(part: BufferPart) -> Iterator[tuple[int, bytes | bytearray | memoryview]]:
    """What of the part is at hand, and where it belongs."""
    target = 0
    for piece in part.pieces:
        if isinstance(piece, InlineBytes):
            yield target, piece.data[:]
        target += piece.length


def plan_reads(part: BufferPart, *, max_gap: int = MAX_GAP, max_read: int = MAX_READ) -> list[Read]:
    """The requests that fetch a part's ranges.

    Ranges of one object are read together when no more than `max_gap` bytes lie between them
    and the request stays within `max_read`: a byte too much costs less than a request.
    """
    wanted: dict[Source, list[_Wanted]] = {}
    target = 0
    for piece in part.pieces:
        if isinstance(piece, CopyRange):
            ranges = wanted.setdefault(piece.source, [])
            ranges.extend(_slices(piece, target, max_read))
        target += piece.length
    return [
        read
        for source, ranges in wanted.items()
        for read in _together(source, sorted(ranges, key=lambda one: one.start), max_gap, max_read)
    ]


def assembled(part: BufferPart, fetch: Callable[[Sequence[Read]], Iterable[bytes]]) -> bytearray:
    """The bytes of a part; `fetch` answers requests, in their order."""
    whole = bytearray(part.length)
    for target, held in inline_bytes(part):
        whole[target : target + len(held)] = held
    reads = plan_reads(part)
    for read, data in zip(reads, fetch(reads), strict=True):
        view = memoryview(data)
        for cut in read.cuts:
            whole[cut.target : cut.target + cut.length] = view[cut.start : cut.start + cut.length]
    return whole


def _slices(piece: CopyRange, target: int, max_read: int) -> Iterator[_Wanted]:
    for done in range(0, piece.length, max_read):
        length = min(max_read, piece.length - done)
        yield _Wanted(piece.start + done, length, target + done)


def _together(
    source: Source, ranges: Sequence[_Wanted], max_gap: int, max_read: int
) -> Iterator[Read]:
    group: list[_Wanted] = []
    for one in ranges:
        if group and (one.start - group[-1].end > max_gap or one.end - group[0].start > max_read):
            yield _read(source, group)
            group = []
        group.append(one)
    if group:
        yield _read(source, group)


def _read(source: Source, group: Sequence[_Wanted]) -> Read:
    start = group[0].start
    end = max(one.end for one in group)
    cuts = [Cut(one.start - start, one.length, one.target) for one in group]
    return Read(source, start, end - start, cuts)
