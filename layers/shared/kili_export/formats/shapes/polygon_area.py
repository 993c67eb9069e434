"""The area of a polygon that may cross itself, as the SDK reports it.

The SDK mends the polygon first: what the outline goes around an odd number of times is inside,
as in a bow-tie's two halves. Then it sums the areas enclosed by every ring of the result, outlines
and holes alike, so that a hole that an outline makes by touching itself is counted and not
subtracted. For an outline that does not cross itself, that is its area.

Crossings are decided exactly here, and in floats there: an outline that misses itself by less
than floats resolve may be mended differently.
"""

from collections.abc import Hashable, Sequence
from functools import reduce
from operator import add, and_, eq, mul

from kili_export.formats.shapes.crossings import only_touches
from kili_export.formats.shapes.planar import boundary_rings, simple_loops
from kili_export.formats.shapes.simple_outlines import (
    goes_around_once,
    goes_there_and_back,
    is_upright_box,
)
from kili_export.formats.shapes.traced_outlines import touching_corners
from kili_export.formats.shapes.turns import Pair

_Numbers = Sequence[float]


def enclosed_area(points: Sequence[Pair]) -> float | int:
    """The area in the square of the coordinates' unit; the integer 0 when nothing is enclosed.

    `points` are finite, the last one is joined to the first.
    """
    return area_within(*zip(*points, strict=True)) if len(points) > 2 else 0


def area_within(xs: _Numbers, ys: _Numbers) -> float | int:
    """As `enclosed_area`, of three points or more, all x and all y apart."""
    if is_upright_box(xs, ys) or goes_around_once(xs, ys):
        return _shoelace(xs, ys)
    if _repeats_points_at_once(xs, ys):
        return enclosed_area(_distinct_neighbours(xs, ys))
    if goes_there_and_back(xs, ys):
        return _shoelace(xs, ys)
    loops = _touching_loops(xs, ys)
    if loops is not None:
        areas = [_shoelace([xs[at] for at in loop], [ys[at] for at in loop]) for loop in loops]
    else:
        rings = boundary_rings(list(zip(xs, ys, strict=True)))
        areas = [_shoelace(*zip(*ring, strict=True)) for ring in rings]
    return sum(areas) if areas else 0


def enclosing_rings(points: Sequence[Pair]) -> list[list[Pair]]:
    """Rings that cross nothing, of which an odd number encloses what the outline encloses.

    None when nothing is enclosed. `points` as in `enclosed_area`. Raises TangledOutline.
    """
    ring = _distinct_neighbours(*zip(*points, strict=True)) if points else []
    if len(ring) < 3:
        return []
    xs, ys = zip(*ring, strict=True)
    if _is_certainly_simple(xs, ys):
        return [ring]
    loops = _touching_loops(xs, ys)
    return boundary_rings(ring) if loops is None else [[ring[at] for at in loop] for loop in loops]


def is_plain(points: Sequence[Pair]) -> bool:
    """Whether an outline certainly does not meet itself, and encloses something."""
    ring = _distinct_neighbours(*zip(*points, strict=True)) if points else []
    if len(ring) < 3:
        return False
    xs, ys = zip(*ring, strict=True)
    if not _is_certainly_simple(xs, ys):
        loops = _touching_loops(xs, ys)
        if loops is None or len(loops) > 1:
            return False
    return _shoelace(xs, ys) > 0


def signed_area(points: Sequence[Pair]) -> float:
    """The area of an outline that does not cross itself, negative where it goes clockwise.

    `points` is not empty. Of another one, what it goes around several times counts as often.
    """
    start_x, start_y = points[0]
    total = 0.0
    for (ax, ay), (bx, by) in zip(points, (*points[1:], points[0]), strict=True):
        total += (ax - start_x) * (by - start_y) - (bx - start_x) * (ay - start_y)
    return total / 2


def _is_certainly_simple(xs: _Numbers, ys: _Numbers) -> bool:
    """By the cheap proofs; without one, it may be simple all the same."""
    return is_upright_box(xs, ys) or goes_around_once(xs, ys) or goes_there_and_back(xs, ys)


def _touching_loops(xs: _Numbers, ys: _Numbers) -> list[list[int]] | None:
    """The loops that a ring consists of, which comes to some points again but crosses nowhere.

    They hold the numbers of their points. None when they do not hang together as a tree does,
    each at one point of another: then what they bound depends on what lies between them. None
    also for a ring that crosses itself.
    """
    places: Sequence[Hashable] | None = touching_corners(xs, ys)
    if places is None:
        ring = list(zip(xs, ys, strict=True))
        if not only_touches(ring):
            return None
        places = ring
    loops = list(simple_loops(places))
    return loops if len(loops) == 1 + len(places) - len(set(places)) else None


def _repeats_points_at_once(xs: _Numbers, ys: _Numbers) -> bool:
    same_x, same_y = map(eq, xs, (*xs[1:], xs[0])), map(eq, ys, (*ys[1:], ys[0]))
    return any(map(and_, same_x, same_y))


def _distinct_neighbours(xs: _Numbers, ys: _Numbers) -> list[Pair]:
    ring: list[Pair] = []
    for point in zip(xs, ys, strict=True):
        if not ring or point != ring[-1]:
            ring.append(point)
    while len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    return ring


def _shoelace(xs: _Numbers, ys: _Numbers) -> float:
    # Summed from first to last, which `sum` does not promise: newer Pythons correct its error.
    first = xs[0] * ys[0]
    right: float = reduce(add, map(mul, (*xs[1:], xs[0]), ys), first)
    left: float = reduce(add, map(mul, (*ys[1:], ys[0]), xs), first)
    return 0.5 * abs(right - left)
