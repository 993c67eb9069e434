"""The area of a polygon that may cross itself, as the SDK reports it.

The SDK mends the polygon first: what the outline goes around an odd number of times is inside,
as in a bow-tie's two halves. Then it sums the areas enclosed by every ring of the result, outlines
and holes alike, so that a hole that an outline makes by touching itself is counted and not
subtracted. For an outline that does not cross itself, that is its area.

Crossings are decided exactly here, and in floats there: an outline that misses itself by less
than floats resolve may be mended differently.
"""

from collections.abc import Sequence

from kili_export.domain.planar import Pair, boundary_rings, is_simple


def enclosed_area(points: Sequence[Pair]) -> float | int:
    """The area in the square of the coordinates' unit; the integer 0 when nothing is enclosed.

    `points` are finite, the last one is joined to the first.
    """
    ring = _distinct_neighbours(points)
    if len(ring) < 3:
        return 0
    if is_simple(ring):
        return _shoelace(ring)
    areas = [_shoelace(loop) for loop in boundary_rings(ring)]
    return sum(areas) if areas else 0


def _distinct_neighbours(points: Sequence[Pair]) -> list[Pair]:
    ring: list[Pair] = []
    for point in points:
        if not ring or point != ring[-1]:
            ring.append(point)
    while len(ring) > 1 and ring[0] == ring[-1]:
        ring.pop()
    return ring


def _shoelace(ring: Sequence[Pair]) -> float:
    closed = [*ring, ring[0]]
    xs = [x for x, _ in closed]
    ys = [y for _, y in closed]
    right = left = 0.0
    previous_x, previous_y = xs[-1], ys[-1]
    for x, y in closed:
        right += x * previous_y
        left += y * previous_x
        previous_x, previous_y = x, y
    return 0.5 * abs(right - left)
