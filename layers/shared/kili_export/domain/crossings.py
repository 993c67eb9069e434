"""Where a closed outline meets itself, decided exactly.

Only pairs of segments whose boxes overlap are looked at: the segments are sorted along the axis
on which they are shorter, and each is compared with those that begin before it ends. Whatever is
done for every segment is done by built-ins over whole lists: an outline has thousands.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import mul, ne, sub
from typing import Final

from kili_export.domain.errors import TangledOutline

Pair = tuple[float, float]

# A determinant whose size exceeds this share of its terms has the right sign in floats.
_CERTAIN = 3.3306690738754716e-16
# The same for a turn as seen from a middle that was rounded, by the square of the largest number.
_MIDDLE_ERROR = 1e-14
# Of so few segments it does not matter along which axis they are sorted.
_FEW = 50
MOST_MEETINGS: Final = 20_000
"""Meetings of an outline with itself that are followed up: two seconds' work. Scribbles have
hundreds."""
_MOST_COMPARISONS: Final = 10_000_000
"""Pairs of sides that are compared: ten seconds' work. A mask traced along 4,000 pixels needs a
hundredth of it."""


def is_upright_box(ring: Sequence[Pair]) -> bool:
    """Whether a ring is a box whose sides are along the axes, and that has an area."""
    if len(ring) != 4:
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = ring
    if ax == cx or ay == cy:
        return False
    return (ax == bx and by == cy and cx == dx and dy == ay) or (
        ay == by and bx == cx and cy == dy and dx == ax
    )


def goes_around_once(xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether a ring certainly goes around its middle once, always forwards, and so is simple.

    Seen from the middle of its box the ring only ever turns to one side, by more than floats may
    err, and it passes from below the middle to above it once. A cheap test that boxes and most
    small outlines pass.
    """
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    across = [x - middle_x for x in xs]
    down = [y - middle_y for y in ys]
    next_across, next_down = (*across[1:], across[0]), (*down[1:], down[0])
    turns = list(map(sub, map(mul, across, next_down), map(mul, down, next_across)))
    error = _MIDDLE_ERROR * max(right - left, bottom - top, abs(middle_x), abs(middle_y)) ** 2
    if not (min(turns) > error or max(turns) < -error):
        return False
    above = [y >= 0 for y in down]
    changes: int = sum(map(ne, above, (*above[1:], above[0])))
    return changes == 2


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


def side_of(a: Pair, b: Pair, c: Pair) -> int:
    """1 when `c` lies to the left of the line from `a` to `b`, -1 to the right, 0 on it."""
    across_a, down_a, across_b, down_b = a[0] - c[0], a[1] - c[1], b[0] - c[0], b[1] - c[1]
    left, right = across_a * down_b, down_a * across_b
    determinant = left - right
    if abs(determinant) > _CERTAIN * (abs(left) + abs(right)):
        return 1 if determinant > 0 else -1
    if not (across_a and down_b) and not (down_a and across_b):
        return 0
    exact = _exact_turn(a, b, c)
    return (exact > 0) - (exact < 0)


def _exact_turn(a: Pair, b: Pair, c: Pair) -> Fraction:
    (ax, ay), (bx, by), (cx, cy) = ((Fraction(x), Fraction(y)) for x, y in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


Sides = tuple[tuple[float, ...], tuple[float, ...]]


def _sides(places: Sequence[float]) -> Sides:
    """Where each segment begins and ends along an axis."""
    following = (*places[1:], places[0])
    return tuple(map(min, places, following)), tuple(map(max, places, following))


def _crowding(lows: Sequence[float], highs: Sequence[float]) -> float:
    """How many segments lie above one place of an axis, on average."""
    extent = max(highs) - min(lows)
    return sum(map(sub, highs, lows)) / extent if extent else float(len(lows))


def _crossings(ring: Sequence[Pair], along: Sides, across: Sides) -> Iterator[tuple[int, int]]:
    """Segments that are no neighbours and meet."""
    count = len(ring)
    lows, highs = across
    order = sorted(range(count), key=along[0].__getitem__)
    starts = [along[0][index] for index in order]
    ends = [along[1][index] for index in order]
    neighbours = frozenset({1, -1, count - 1, 1 - count})
    compared = 0
    for place, (index, end) in enumerate(zip(order, ends, strict=True), start=1):
        low, high = lows[index], highs[index]
        until = bisect_right(starts, end, place)
        compared += until - place
        if compared > _MOST_COMPARISONS:
            raise TangledOutline(f"an outline of {count} points has too many sides that may meet")
        for other in order[place:until]:
            if (
                lows[other] <= high
                and highs[other] >= low
                and index - other not in neighbours
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
    for index, (ahead_x, ahead_y) in enumerate(zip(_aheads(xs), _aheads(ys), strict=True)):
        if ahead_x <= 0 >= ahead_y and (ahead_x or ahead_y):
            following = ring[index + 1 - len(ring)]
            if side_of(ring[index - 1], ring[index], following) == 0:
                yield (index - 1) % len(ring), index


def _aheads(places: Sequence[float]) -> Iterator[float]:
    """For each point, whether the step after it goes on along an axis or back: the sign."""
    steps = list(map(sub, (*places[1:], places[0]), places))
    return map(mul, steps, (steps[-1], *steps[:-1]))
