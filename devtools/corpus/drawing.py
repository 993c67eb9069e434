"""Annotations by chance and by design, and interfaces to draw them with."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

Json = dict[str, Any]
Points = Sequence[tuple[float, float]]
TRIANGLE: Points = ((0.1, 0.1), (0.3333333333333333, 0.2), (0.5, 1e-05))
SQUARE: Points = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
HOLE: Points = ((0.3, 0.3), (0.5, 0.3), (0.5, 0.5))
OTHER_HOLE: Points = ((0.6, 0.6), (0.7, 0.6), (0.7, 0.8), (0.6, 0.8))
BOW_TIE: Points = ((0, 0), (1, 1), (1, 0), (0, 1))
KEYHOLE: Points = (
    *((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)),
    *((0.2, 0.2), (0.2, 0.6), (0.6, 0.2), (0.2, 0.2)),
)
_NOTABLE = (0, 1, 0.1, 0.2, 0.8, 0.5, 1e-05, 1e-07, -0.0, -0.125, 1.25, 0.3333333333333333)


def job(
    categories: Sequence[str] | Mapping[str, Json],
    tools: Sequence[str] | None = ("rectangle",),
    task: str = "OBJECT_DETECTION",
    *,
    input_kind: str = "radio",
    **more: Any,
) -> Json:
    """A job of an interface. Categories are keys, or their definitions by key."""
    if not isinstance(categories, Mapping):
        categories = {key: {"name": key.capitalize(), "children": []} for key in categories}
    declared: Json = {
        "content": {"categories": dict(categories), "input": input_kind},
        "instruction": "",
        "isChild": False,
        "mlTask": task,
        "required": 0,
        **more,
    }
    return declared if tools is None else {**declared, "tools": list(tools)}


def ring(points: Points) -> Json:
    """An item of a `boundingPoly`."""
    return {"normalizedVertices": [{"x": x, "y": y} for x, y in points]}


def outline(kind: str, category: str, *rings: Points, mid: str | None = None, **more: Any) -> Json:
    """An annotation of a tool with an outline and holes."""
    return {
        "boundingPoly": [ring(points) for points in rings],
        "categories": [{"confidence": 100, "name": category}],
        "children": {},
        "mid": mid or f"mid-{kind}-{category}",
        "type": kind,
        **more,
    }


def box(category: str, left: float, top: float, right: float, bottom: float, **more: Any) -> Json:
    """A rectangle, its corners in the order in which Kili's interface writes them."""
    corners = ((left, bottom), (left, top), (right, top), (right, bottom))
    return outline("rectangle", category, corners, **more)


def marker(category: str, x: float, y: float, **more: Any) -> Json:
    """A point."""
    named = {"categories": [{"name": category}], "mid": f"point-{category}"}
    return {"type": "marker", "point": {"x": x, "y": y}, **named, **more}


def polyline(category: str, points: Points, **more: Any) -> Json:
    """An open line."""
    line = [{"x": x, "y": y} for x, y in points]
    named = {"categories": [{"name": category}], "mid": f"line-{category}"}
    return {"type": "polyline", "polyline": line, **named, **more}


def pose(category: str, points: Mapping[str, tuple[float, float]]) -> Json:
    """A pose of named points."""
    placed = [{"code": code, "point": {"x": x, "y": y}} for code, (x, y) in points.items()]
    return {
        "categories": [{"name": category}],
        "mid": f"pose-{category}",
        "points": placed,
        "type": "pose",
    }


def answers(**jobs: list[Any]) -> Json:
    """An answer with these annotations by job."""
    return {name: {"annotations": annotations} for name, annotations in jobs.items()}


class Pen:
    """Draws by chance. Vertices are fractions of the picture, some of them outside of it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._drawn = 0

    def box(self, category: str) -> Json:
        """A rectangle; its sides may lie anywhere, and in any order."""
        return box(category, *(self._coordinate() for _ in range(4)), mid=self._mid())

    def mask(self, category: str, tool: str = "semantic") -> Json:
        """An outline that may cross itself; a semantic one may have a hole or share its `mid`."""
        rings = [self._outline(self.random.randint(3, 9))]
        if tool == "semantic" and self.random.random() < 0.3:
            rings.append(self._outline(self.random.randint(3, 5)))
        shared = "mid-shared" if self.random.random() < 0.2 else self._mid()
        return outline(tool, category, *rings, mid=shared)

    def _outline(self, corners: int) -> Points:
        # Three digits, so that no two lines meet closer than floats can tell.
        places = [round(self.random.uniform(-0.1, 1.1), 3) for _ in range(2 * corners)]
        return list(zip(places[::2], places[1::2], strict=True))

    def _coordinate(self) -> float:
        if self.random.random() < 0.3:
            return self.random.choice(_NOTABLE)
        return self.random.uniform(-0.05, 1.05)

    def _mid(self) -> str:
        self._drawn += 1
        return f"2026010508{self._drawn:07d}-{self.random.randrange(100_000)}"
