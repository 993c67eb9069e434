"""Geometries of annotations as GeoJSON holds them: stored x and y as longitude and latitude."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kili_export.formats.shapes.geometry import points_of, vertices_of
from kili_export.formats.shapes.numbers import nested_numbers
from kili_export.formats.shapes.vertex_texts import vertices_between

Position = tuple[Any, Any]
Report = Callable[[str], None]
GeometryWriter = Callable[[Sequence[Mapping[str, Any]], Report], str]
"""The geometry of an annotation, which may have several parts, as JSON. Raises NoGeometry."""
_SHORT_LINE = "a line has fewer than two different points"
_FLAT_OUTLINE = "an outline has fewer than three different points"
_FLAT_HOLE = "a hole has fewer than three different points, so the hole is left out"
_FLAT_PART = "a part of a mask has fewer than three different points, so the part is left out"


class NoGeometry(Exception):
    """The annotation has no shape that GeoJSON can hold; the message says why."""


# What holds the shape of an annotation, by its type.
SHAPE_FIELDS = {
    "rectangle": "boundingPoly",
    "polygon": "boundingPoly",
    "semantic": "boundingPoly",
    "marker": "point",
    "polyline": "polyline",
}


def any_geometry(parts: Sequence[Mapping[str, Any]], report: Report) -> str:
    """The geometry as the SDK writes it, also where RFC 7946 forbids it. Raises NoGeometry."""
    del report
    if parts[0].get("type") == "semantic":
        return _mask(_polygons(parts))
    return _geometry_of(parts[0])


def lawful_geometry(parts: Sequence[Mapping[str, Any]], report: Report) -> str:
    """The geometry without what RFC 7946 forbids, section 3.1: rings that go around nothing.

    Reports holes and parts of a mask that it leaves out. Raises NoGeometry where nothing is left,
    and for a line that leads nowhere.
    """
    annotation = parts[0]
    kind = annotation.get("type")
    if kind == "semantic":
        return _mask(_lawful_polygons(parts, report))
    if kind == "polyline" and len(set(_positions(annotation.get("polyline")))) < 2:
        raise NoGeometry(_SHORT_LINE)
    if kind in ("rectangle", "polygon") and _is_flat(_outline(annotation)):
        raise NoGeometry(_FLAT_OUTLINE)
    return _geometry_of(annotation)


def _geometry_of(annotation: Mapping[str, Any]) -> str:
    """The geometry of an annotation other than a mask."""
    kind = annotation.get("type")
    if kind == "rectangle":
        return _polygon(nested_numbers([_box_ring(_outline(annotation))]))
    if kind == "polygon":
        return _polygon(nested_numbers([_counter_clockwise(_outline(annotation))]))
    if kind == "marker":
        return _geometry("Point", nested_numbers(_positions([annotation.get("point")])[0]))
    if kind == "polyline":
        return _geometry("LineString", nested_numbers(_positions(annotation.get("polyline"))))
    raise NoGeometry("GeoJSON export holds no annotations of this type")


def _polygons(parts: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The polygons of a mask, each a list of rings."""
    polygons: list[Any] = []
    for part in parts:
        rings = part.get("boundingPoly")
        if not isinstance(rings, list) or (not rings and len(parts) == 1):
            raise NoGeometry("a mask has no outline")
        grouped = bool(rings) and isinstance(rings[0], list)
        polygons += rings if grouped else [rings]
    return polygons


def _lawful_polygons(parts: Sequence[Mapping[str, Any]], report: Report) -> list[list[Any]]:
    lawful = []
    polygons = _polygons(parts)
    for outline, *holes in filter(None, map(_listed, polygons)):
        if _is_flat(_ring(outline)):
            if len(polygons) > 1:
                report(_FLAT_PART)
            continue
        kept = [hole for hole in holes if not _is_flat(_ring(hole))]
        if len(kept) < len(holes):
            report(_FLAT_HOLE)
        lawful.append([outline, *kept])
    if not lawful:
        raise NoGeometry(_FLAT_OUTLINE)
    return lawful


def _mask(polygons: Sequence[Any]) -> str:
    """Rings keep their order and direction; they are closed where they are open."""
    shapes = [f"[{', '.join(map(_closed, _listed(polygon)))}]" for polygon in polygons]
    if len(shapes) == 1:
        return _polygon(shapes[0])
    return _geometry("MultiPolygon", f"[{', '.join(shapes)}]")


def _is_flat(ring: Sequence[Position]) -> bool:
    return len(set(ring)) < 3


def _geometry(kind: str, coordinates: str) -> str:
    return f'{{"type": "{kind}", "coordinates": {coordinates}}}'


def _polygon(rings: str) -> str:
    return _geometry("Polygon", rings)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NoGeometry("a mask's outline cannot be read")
    return value


def _outline(annotation: Mapping[str, Any]) -> list[Position]:
    rings = annotation.get("boundingPoly")
    if not isinstance(rings, list) or not rings:
        raise NoGeometry("an annotation has no outline")
    return _ring(rings[0])


def _ring(ring: Any) -> list[Position]:
    points = vertices_of(ring, None)
    if points is None:
        raise NoGeometry("an annotation's coordinates cannot be read")
    return list(points)


def _positions(vertices: Any) -> list[Position]:
    points = points_of(vertices, None)
    if points is None:
        raise NoGeometry("an annotation's coordinates cannot be read")
    return list(points)


def _box_ring(corners: list[Position]) -> list[Position]:
    """A box, whose corners are stored from the lower left up and around by the right."""
    if len(corners) < 4:
        raise NoGeometry("a box has fewer than four corners")
    first, second, third, fourth = corners[:4]
    return [first, fourth, third, second, first]


def _counter_clockwise(ring: list[Position]) -> list[Position]:
    """The ring closed and turned counter-clockwise, as RFC 7946 asks for outlines."""
    turn = 0
    for (x, y), (next_x, next_y) in zip(ring, [*ring[1:], *ring[:1]], strict=True):
        turn += (x - next_x) * (y + next_y)
    if turn == 0:
        raise NoGeometry("a polygon goes around neither way")
    turned = ring[::-1] if turn < 0 else ring
    return [*turned, turned[0]]


def _closed(ring: Any) -> str:
    """A ring as JSON, its first point again at its end unless that is there."""
    vertices: Any = ring.get("normalizedVertices") if isinstance(ring, dict) else None
    text = vertices_between(vertices, ", ", "], [")
    if text is None:
        points = _ring(ring)
        return nested_numbers(
            [*points, points[0]] if points and points[0] != points[-1] else points
        )
    if vertices[0] == vertices[-1]:
        return f"[[{text}]]"
    return f"[[{text}], [{text.partition(']')[0]}]]"
