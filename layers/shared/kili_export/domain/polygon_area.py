"""The area of a polygon that may cross itself, as the SDK reports it.

The SDK mends the polygon first: what the outline goes around an odd number of times is inside,
as in a bow-tie's two halves. Then it sums the areas enclosed by every ring of the result, outlines
and holes alike, so that a hole that an outline makes by touching itself is counted and not
subtracted. For an outline that does not cross itself, that is its area.

Crossings are decided exactly here, and in floats there: an outline that misses itself by less
than floats resolve may be mended differently.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add, eq, mul

from kili_export.domain.crossings import Pair, goes_around_once, is_upright_box, only_touches
from kili_export.domain.planar import boundary_rings, simple_loops


def enclosed_area(points: Sequence[Pair]) -> float | int:
    """The area in the square of the coordinates' unit; the integer 0 when nothing is enclosed.

    `points` are finite, the last one is joined to the first.
    """
    ring = _distinct_neighbours(points)
    if len(ring) < 3:
        return 0
    if is_upright_box(ring) or goes_around_once(*zip(*ring, strict=True)):
        return _shoelace(ring)
    loops = _touching_loops(ring) if only_touches(ring) else None
    if loops is None:
        loops = boundary_rings(ring)
    areas = [_shoelace(loop) for loop in loops]
    return sum(areas) if areas else 0


def _touching_loops(ring: Sequence[Pair]) -> list[list[Pair]] | None:
    """The loops that a ring consists of, which comes to some points again but crosses nowhere.

    None when they do not hang together as a tree does, each at one point of another. Then what
    they bound depends on what lies between them.
    """
    distinct = len(set(ring))
    if distinct == len(ring):
        return [list(ring)]
    loops = list(simple_loops(ring))
    return loops if len(loops) == 1 + len(ring) - distinct else None


def _distinct_neighbours(points: Sequence[Pair]) -> Sequence[Pair]:
    if not any(map(eq, points, (*points[1:], *points[:1]))):
        return points
    ring: list[Pair] = []
    for point in points:
        if not ring or point != ring[-1]:
            ring.append(point)
    while len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    return ring


def _shoelace(ring: Sequence[Pair]) -> float:
    # Summed from first to last, which `sum` does not promise: newer Pythons correct its error.
    xs, ys = zip(ring[0], *ring, ring[0], strict=True)
    right: float = reduce(add, map(mul, xs[1:], ys))
    left: float = reduce(add, map(mul, ys[1:], xs))
    return 0.5 * abs(right - left)
