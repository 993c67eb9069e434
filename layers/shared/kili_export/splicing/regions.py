"""The regions of an archive, and where everything lands when entries go and others come.

Pictures, labels and documents that span the dataset stand apart, in this order: an edit of a
label then leaves all pictures where they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from kili_export.core.errors import IntegrityError


class Region(IntEnum):
    """The parts of an archive, in physical order."""

    MEDIA = 0
    LABELS = 1
    DOCUMENTS = 2


@dataclass(frozen=True, slots=True)
class Regions:
    """Where each region ends, in bytes from the archive's beginning."""

    media_end: int = 0
    labels_end: int = 0
    documents_end: int = 0

    def ends(self) -> tuple[int, int, int]:
        """The ends, in the order of `Region`."""
        return self.media_end, self.labels_end, self.documents_end

    def span(self, region: Region) -> tuple[int, int]:
        """The region's first byte and the one after its last."""
        ends = (0, *self.ends())
        return ends[region], ends[region + 1]

    def __post_init__(self) -> None:
        if list(self.ends()) != sorted((0, *self.ends()))[1:]:
            raise IntegrityError(f"an archive's regions overlap: {self.ends()}")


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of the old archive that the new one does without."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes of the old archive that stay, and the region that they belong to."""

    region: Region
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How an archive changes.

    An offset from `steps[i]` on and before `steps[i + 1]` moves by `deltas[i]`. Offsets of new
    entries are at first those that they would have behind the old entries, region by region.
    """

    kept: Sequence[Kept]
    steps: Sequence[int]
    deltas: Sequence[int]
    regions: Regions


def new_starts(old: Regions, added: Mapping[Region, int]) -> dict[Region, int]:
    """Where the new entries of each region would stand if they came after all old entries."""
    starts, at = {}, old.documents_end
    for region in Region:
        starts[region] = at
        at += added.get(region, 0)
    return starts


def lay_out(old: Regions, holes: Iterable[Gap], added: Mapping[Region, int]) -> Layout:
    """Closes the holes and puts `added[region]` bytes at the end of each region.

    Raises IntegrityError for a hole that does not lie within one region or overlaps another.
    """
    ordered = sorted(holes, key=lambda hole: hole.start)
    starts = new_starts(old, added)
    kept: list[Kept] = []
    moves: list[tuple[int, int]] = []
    late_moves: list[tuple[int, int]] = []
    ends: list[int] = []
    at, taken = 0, 0
    for region in Region:
        start, end = old.span(region)
        inside = [hole for hole in ordered[taken:] if hole.start < end]
        taken += len(inside)
        for first, length in _between(inside, start, end):
            kept.append(Kept(region, first, length))
            moves.append((first, at - first))
            at += length
        late_moves.append((starts[region], at - starts[region]))
        at += added.get(region, 0)
        ends.append(at)
    if taken < len(ordered):
        raise IntegrityError("an entry lies behind the archive's last region")
    steps, deltas = zip(*moves, *late_moves, strict=True)
    return Layout(kept=kept, steps=steps, deltas=deltas, regions=Regions(*ends))


def _between(holes: Iterable[Gap], start: int, end: int) -> Iterator[tuple[int, int]]:
    at = start
    for hole in holes:
        if hole.start < at or hole.start + hole.length > end:
            raise IntegrityError(
                f"an entry at {hole.start} of {hole.length} bytes does not fit between "
                f"{at} and {end}"
            )
        if hole.start > at:
            yield at, hole.start - at
        at = hole.start + hole.length
    if end > at:
        yield at, end - at
