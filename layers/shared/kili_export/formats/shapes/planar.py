"""The rings that bound what a closed outline encloses, decided exactly."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise

from kili_export.formats.shapes.crossings import meetings
from kili_export.formats.shapes.turns import Pair

Exact = tuple[Fraction, Fraction]
Edge = tuple[int, int]
# A sum of determinants whose size exceeds this share of its terms has the right sign in floats.
_CERTAIN_SUM = 1e-9


def boundary_rings(ring: Sequence[Pair]) -> list[list[Pair]]:
    """The rings that bound the inside of a ring that crosses itself: outlines and holes.

    Inside is what lies behind an odd number of the lines that enclose anything; a line that is
    walked twice counts once, and one that ends nowhere not at all. A ring passes no point twice.
    """
    nodes, passes = _noded(ring)
    lines = set(passes)
    if len(lines) < passes.total():
        lines = _enclosing(lines, nodes)
    walks = _walks(lines, nodes)
    inside = _inside_walks(walks, lines, nodes)
    return [
        [(float(nodes[walk[at][0]][0]), float(nodes[walk[at][0]][1])) for at in loop]
        for walk in inside
        for loop in simple_loops([node for node, _ in walk])
    ]


def _cross(a: Exact, b: Exact, c: Exact) -> Fraction:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)


def _exact(point: Pair) -> Exact:
    return Fraction(point[0]), Fraction(point[1])


def _noded(ring: Sequence[Pair]) -> tuple[list[Exact], Counter[Edge]]:
    """The ring cut wherever it meets itself: points, and how often it passes each edge."""
    count = len(ring)
    exact = [_exact(point) for point in ring]
    on_segment: list[list[Exact]] = [[exact[i], exact[i + 1 - count]] for i in range(count)]
    for first, second in meetings(ring):
        common = _common_points(tuple(on_segment[first][:2]), tuple(on_segment[second][:2]))
        on_segment[first].extend(common)
        on_segment[second].extend(common)
    numbers: dict[Exact, int] = {}
    edges: Counter[Edge] = Counter()
    for points in on_segment:
        start, end = points[0], points[1]
        along = [
            numbers.setdefault(point, len(numbers))
            for point in sorted(set(points), reverse=start > end)
        ]
        edges.update((min(a, b), max(a, b)) for a, b in pairwise(along))
    return list(numbers), edges


def _common_points(one: tuple[Exact, ...], two: tuple[Exact, ...]) -> list[Exact]:
    (a, b), (c, d) = one, two
    ux, uy = b[0] - a[0], b[1] - a[1]
    vx, vy = d[0] - c[0], d[1] - c[1]
    denominator = ux * vy - uy * vx
    if denominator:
        share = ((c[0] - a[0]) * vy - (c[1] - a[1]) * vx) / denominator
        return [(a[0] + share * ux, a[1] + share * uy)]
    low, high = max(min(a, b), min(c, d)), min(max(a, b), max(c, d))
    return [low, high] if low <= high else []


def _enclosing(edges: set[Edge], nodes: Sequence[Exact]) -> set[Edge]:
    """The edges that enclose something: peeled off from outside, one outline after another.

    Where no edge is passed twice, all of them do.
    """
    left, used = set(edges), set[Edge]()
    while left:
        walks = _walks(left, nodes)
        face = {half: number for number, walk in enumerate(walks) for half in walk}
        loose = {(a, b) for a, b in left if face[a, b] == face[b, a]}
        if loose:
            left -= loose
            continue
        for walk in walks:
            if _goes_clockwise(walk, nodes):
                outline = {(min(half), max(half)) for half in walk}
                used |= outline
                left -= outline
    return used


def _walks(edges: set[Edge], nodes: Sequence[Exact]) -> list[list[Edge]]:
    """The faces that edges divide the plane into, each as the edges along it, face to the left."""
    around: dict[int, list[int]] = defaultdict(list)
    for a, b in edges:
        around[a].append(b)
        around[b].append(a)
    following: dict[Edge, Edge] = {}
    for node, others in around.items():
        if len(others) > 2:
            others.sort(key=cmp_to_key(_ByAngle(nodes, node)))
        for index, other in enumerate(others):
            following[other, node] = (node, others[index - 1])
    walks = []
    while following:
        half = next(iter(following))
        walk = []
        while half in following:
            walk.append(half)
            half = following.pop(half)
        walks.append(walk)
    return walks


class _ByAngle:
    """Compares nodes by the angle at which they are seen from another, counter-clockwise."""

    def __init__(self, nodes: Sequence[Exact], node: int) -> None:
        self._nodes = nodes
        self._centre = nodes[node]

    def __call__(self, one: int, two: int) -> int:
        a, b = self._nodes[one], self._nodes[two]
        half = self._upper(b) - self._upper(a)
        return half or -_sign(_cross(self._centre, a, b))

    def _upper(self, point: Exact) -> int:
        x, y = point[0] - self._centre[0], point[1] - self._centre[1]
        return 1 if y > 0 or (y == 0 and x > 0) else 0


def _goes_clockwise(walk: Sequence[Edge], nodes: Sequence[Exact]) -> bool:
    """Whether the face to the left of a walk is the one around it, or it encloses nothing."""
    points = [(float(nodes[a][0]), float(nodes[a][1])) for a, _ in walk]
    total = size = 0.0
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        total += ax * by - bx * ay
        size += abs(ax * by) + abs(bx * ay)
    if abs(total) > _CERTAIN_SUM * size:
        return total < 0
    exact = (nodes[a][0] * nodes[b][1] - nodes[b][0] * nodes[a][1] for a, b in walk)
    return sum(exact, Fraction(0)) <= 0


def _inside_walks(
    walks: Sequence[list[Edge]], edges: set[Edge], nodes: Sequence[Exact]
) -> list[list[Edge]]:
    """The walks whose face is inside: every edge parts an inside from an outside."""
    face = {half: number for number, walk in enumerate(walks) for half in walk}
    inside: dict[int, bool] = {}
    for number, walk in enumerate(walks):
        if number in inside or not _goes_clockwise(walk, nodes):
            continue
        # An outermost walk: its face is the plane around it, or the inside of another outline.
        inside[number] = _is_enclosed(walk, face, edges, walks, nodes)
        pending = [number]
        while pending:
            current = pending.pop()
            for a, b in walks[current]:
                neighbour = face[b, a]
                if neighbour not in inside:
                    inside[neighbour] = not inside[current]
                    pending.append(neighbour)
    return [walk for number, walk in enumerate(walks) if inside[number]]


def _is_enclosed(
    walk: Sequence[Edge],
    face: dict[Edge, int],
    edges: set[Edge],
    walks: Sequence[list[Edge]],
    nodes: Sequence[Exact],
) -> bool:
    """Whether an odd number of edges of other outlines lie below the walk's first point."""
    own = _connected(walk, face, walks)
    x, y = nodes[walk[0][0]]
    crossed = 0
    for a, b in edges:
        if face[a, b] in own:
            continue
        (ax, ay), (bx, by) = nodes[a], nodes[b]
        if (ax > x) != (bx > x) and ay + (by - ay) * (x - ax) / (bx - ax) < y:
            crossed += 1
    return crossed % 2 == 1


def _connected(
    walk: Sequence[Edge], face: dict[Edge, int], walks: Sequence[list[Edge]]
) -> set[int]:
    """The numbers of all walks that are reached from one by crossing edges."""
    own = {face[walk[0]]}
    pending = list(own)
    while pending:
        for a, b in walks[pending.pop()]:
            if face[b, a] not in own:
                own.add(face[b, a])
                pending.append(face[b, a])
    return own


def simple_loops(path: Sequence[Hashable]) -> Iterator[list[int]]:
    """A closed path split wherever it passes a place again: the numbers of each loop's places."""
    passes = Counter(path)
    if len(passes) == len(path):
        yield list(range(len(path)))
        return
    passed: list[int] = []
    where: dict[Hashable, int] = {}
    taken = 0
    # Nothing begins or ends between places that the path comes to again.
    for number in [number for number, place in enumerate(path) if passes[place] > 1]:
        passed += range(taken, number)
        taken = number
        place = path[number]
        if place in where:
            start = where[place]
            loop = passed[start:]
            yield loop
            for left in loop:
                where.pop(path[left], None)
            del passed[start:]
        where[place] = len(passed)
    yield [*passed, *range(taken, len(path))]
