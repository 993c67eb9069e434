"""Where a closed outline meets itself, decided exactly.

Only pairs of segments whose boxes overlap are looked at: the segments are sorted along the axis
on which they are shorter, and each is compared with those that begin before it ends. Whatever is
done for every segment is done by built-ins over whole lists: an outline has thousands.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import mul, sub
from typing import Final

from kili_export.core.errors import TangledOutline
from kili_export.formats.shapes.turns import Pair, side_of

# Of so few segments it does not matter along which axis they are sorted.
_FEW = 50
MOST_MEETINGS: Final = 20_000
"""Meetings of an outline with itself that are followed up: two seconds' work. Scribbles have
hundreds."""
_MOST_COMPARISONS: Final = 10_000_000
"""Pairs of sides that are compared: ten seconds' work. A mask traced along 4,000 pixels needs a
hundredth of it."""


def meetings(ring: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Pairs of segments that have more in common than the point that joins neighbours.

    Segments are numbered by their first points. Neighbouring points are distinct. Raises
    TangledOutline when there are more than `MOST_MEETINGS`, or too many to compare.
    """
    for count, pair in enumerate(_meetings(ring)):
        if count == MOST_MEETINGS:
            raise TangledOutline(f"an outline meets itself at more than {MOST_MEETINGS} places")
        yield pair


def _meetings(ring: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    xs, ys = zip(*ring, strict=True)
    yield from _folds(ring, xs, ys)
    x_sides, y_sides = _sides(xs), _sides(ys)
    if len(ring) > _FEW and _crowding(*x_sides) > _crowding(*y_sides):
        x_sides, y_sides = y_sides, x_sides
    yield from _crossings(ring, x_sides, y_sides)


def only_touches(ring: Sequence[Pair]) -> bool:
    """Whether segments that are no neighbours meet at points of the ring alone, if at all."""
    return all(_share_one_end(ring, *pair) for pair in meetings(ring))


def _share_one_end(ring: Sequence[Pair], first: int, second: int) -> bool:
    """Whether two segments that meet do so where both end, and nowhere else."""
    count = len(ring)
    one = (ring[first], ring[first + 1 - count])
    two = (ring[second], ring[second + 1 - count])
    common = set(one).intersection(two)
    if len(common) != 1:
        return False
    (at,) = common
    ends = [end for end in (*one, *two) if end != at]
    if len(ends) != 2 or side_of(at, ends[0], ends[1]) != 0:
        return len(ends) == 2
    # Along one line: they lie on either side of the point, or one over the other.
    (ax, ay), (bx, by) = ends
    return (ax - at[0]) * (bx - at[0]) < 0 or (ay - at[1]) * (by - at[1]) < 0


Sides = tuple[tuple[float, ...], tuple[float, ...]]


def _sides(places: Sequence[float]) -> Sides:
    """Where each segment begins and ends along an axis."""
    segments = zip(places, (*places[1:], places[0]), strict=True)
    lows, highs = zip(*[(a, b) if a < b else (b, a) for a, b in segments], strict=True)
    return lows, highs


def _crowding(lows: Sequence[float], highs: Sequence[float]) -> float:
    """How many segments lie above one place of an axis, on average."""
    extent = max(highs) - min(lows)
    return sum(map(sub, highs, lows)) / extent if extent else float(len(lows))


def _crossings(ring: Sequence[Pair], along: Sides, across: Sides) -> Iterator[tuple[int, int]]:
    """Segments that are no neighbours and meet."""
    count = len(ring)
    segments = sorted(zip(*along, *across, range(count), strict=True))
    starts = [start for start, *_ in segments]
    compared = 0
    for place, (_, end, low, high, index) in enumerate(segments, start=1):
        until = bisect_right(starts, end, place)
        compared += until - place
        if compared > _MOST_COMPARISONS:
            raise TangledOutline(f"an outline of {count} points has too many sides that may meet")
        for _, _, its_low, its_high, other in segments[place:until]:
            if (
                its_low <= high
                and its_high >= low
                and 1 < abs(index - other) < count - 1
                and _meet(ring, index, other)
            ):
                yield index, other


def _meet(ring: Sequence[Pair], first: int, second: int) -> bool:
    count = len(ring)
    a, b = ring[first], ring[first + 1 - count]
    c, d = ring[second], ring[second + 1 - count]
    if side_of(a, b, c) * side_of(a, b, d) > 0:
        return False
    # The boxes overlap: when all four are on one line, the segments do as well.
    return side_of(c, d, a) * side_of(c, d, b) <= 0


def _folds(
    ring: Sequence[Pair], xs: Sequence[float], ys: Sequence[float]
) -> Iterator[tuple[int, int]]:
    """Neighbours of which the second goes back over the first."""
    aheads = enumerate(zip(_aheads(xs), _aheads(ys), strict=True))
    back = [index for index, (x, y) in aheads if x <= 0 >= y and (x or y)]
    for index in back:
        if side_of(ring[index - 1], ring[index], ring[index + 1 - len(ring)]) == 0:
            yield (index - 1) % len(ring), index


def _aheads(places: Sequence[float]) -> Iterator[float]:
    """For each point, whether the step after it goes on along an axis or back: the sign."""
    steps = list(map(sub, (*places[1:], places[0]), places))
    return map(mul, steps, (steps[-1], *steps[:-1]))
