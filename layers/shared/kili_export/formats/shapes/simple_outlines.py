"""Cheap proofs that a closed outline does not meet itself.

Each answers only that it certainly does not, or that it takes a closer look: see `crossings`.
Together they recognise boxes and most of what people and models draw.
"""

from collections.abc import Sequence
from itertools import islice
from operator import ge, le, mul, ne, sub
from typing import Any

from kili_export.formats.shapes.turns import Pair, side_of

# How far a turn as seen from a middle that was rounded may be off, by the square of the largest
# number.
_MIDDLE_ERROR = 1e-14


def is_upright_box(xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether a ring is a box whose sides are along the axes, and that has an area."""
    if len(xs) != 4:
        return False
    ax, bx, cx, dx = xs
    ay, by, cy, dy = ys
    if ax == cx or ay == cy:
        return False
    return (ax == bx and by == cy and cx == dx and dy == ay) or (
        ay == by and bx == cx and cy == dy and dx == ax
    )


def goes_around_once(xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether a ring certainly goes around its middle once, always forwards, and so is simple.

    Seen from the middle of its box the ring passes from below the middle to above it once, and it
    only ever turns to one side, by more than floats may err. No point is repeated at once.
    """
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    above = [y >= middle_y for y in ys]
    changes: int = sum(map(ne, above, (*above[1:], above[0])))
    if changes != 2:
        return False
    across = [x - middle_x for x in xs]
    down = [y - middle_y for y in ys]
    next_across, next_down = (*across[1:], across[0]), (*down[1:], down[0])
    turns: list[float] = list(map(sub, map(mul, across, next_down), map(mul, down, next_across)))
    error = _MIDDLE_ERROR * max(right - left, bottom - top, abs(middle_x), abs(middle_y)) ** 2
    return min(turns) > error or max(turns) < -error


def goes_there_and_back(xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Whether a ring certainly goes forwards along an axis, and back beside the way it went.

    No point is repeated at once.
    """
    return _goes_along(xs, ys) or _goes_along(ys, xs)


def _goes_along(places: Sequence[float], others: Sequence[float]) -> bool:
    """The same along the axis on which its points have these places.

    Points are compared by the other axis where their places are equal, as if this one were turned
    by less than any number: then sides across it have a direction too.
    """
    if not _rises_and_falls(places, places.index(min(places))):
        return False
    ring = list(zip(places, others, strict=True))
    start = ring.index(min(ring))
    if not _rises_and_falls(ring, start):
        return False
    around = [*ring[start:], *ring[:start], ring[start]]
    end = around.index(max(ring))
    return _are_apart(around[: end + 1], around[end:][::-1])


def _rises_and_falls(values: Sequence[Any], start: int) -> bool:
    """Whether values grow from a smallest one on to a largest, and shrink from there on."""
    around = [*values[start:], *values[:start]]
    end = around.index(max(values))
    rising, falling = islice(around, 1, end + 1), islice(around, end + 1, None)
    return all(map(le, around, rising)) and all(map(ge, islice(around, end, None), falling))


def _are_apart(one: Sequence[Pair], two: Sequence[Pair]) -> bool:
    """Whether one way between two places lies on the same side of another all along.

    It does when every point of either lies, off the line, on its side of the other's segment
    that spans it.
    """
    at_one = at_two = 1
    expected = 0
    for _ in range(len(one) + len(two) - 4):
        here, there = one[at_one], two[at_two]
        if here < there:
            side = side_of(two[at_two - 1], there, here)
            at_one += 1
        else:
            side = -side_of(one[at_one - 1], here, there)
            at_two += 1
        expected = expected or side
        if side == 0 or side != expected:
            return False
    return True
