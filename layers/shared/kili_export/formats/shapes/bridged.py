"""An outline with holes, or several outlines, as one ring, for formats that know of one alone."""

from collections.abc import Sequence

from kili_export.formats.shapes.geometry import Point


def bridged(outline: Sequence[Point], holes: Sequence[Sequence[Point]]) -> list[Point]:
    """One ring that encloses the outline without its holes.

    From the outline's first point it walks to each hole, around it the other way than the
    outline goes, and back the way it came. What is walked to and fro encloses nothing, wherever
    it runs, so that readers that fill by parity and those that fill by direction agree.
    """
    ring = list(outline)
    start = ring[0]
    clockwise = _doubled_area(ring) < 0
    for hole in holes:
        around = list(hole)
        if (_doubled_area(around) < 0) == clockwise:
            around.reverse()
        ring += [start, *around, around[0]]
    return [*ring, start] if holes else ring


def joined(rings: Sequence[Sequence[Point]]) -> list[Point]:
    """One ring that encloses what several enclose, which lie apart and go the same way around.

    It walks to each from the first one's first point, and back, as `bridged` does; by the shortest
    way from there.
    """
    first, *others = rings
    ring, start = list(first), first[0]
    for other in others:
        near = min(range(len(other)), key=lambda at: _squared_distance(start, other[at]))
        ring += [start, *other[near:], *other[:near], other[near]]
    return [*ring, start] if others else ring


def _squared_distance(one: Point, two: Point) -> float:
    return float((one[0] - two[0]) ** 2 + (one[1] - two[1]) ** 2)


def _doubled_area(ring: Sequence[Point]) -> float:
    return float(
        sum(x * v - u * y for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True))
    )
