"""Where an annotation is: its vertices, and pixels beside them where the size is known.

Names are Kili's own: `boundingPoly` with `normalizedVertices`, `point`, `polyline`, `points`; in
pixels `vertices`, `pointPixels`, `polylinePixels`. Fractions stay as the label holds them, relative
to the view that the labeler saw; pixels are those of the stored picture, a turned view undone.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kili_export.formats.shapes.geometry import points_of
from kili_export.formats.shapes.numbers import Number, is_number

Size = tuple[Number, Number]
Note = Callable[[str], None]
"""Takes down what could not be read."""
_OFFSETS = ("content", "beginOffset", "endOffset", "beginId", "endId")
_RELATED = ("startEntities", "endEntities", "startObjects", "endObjects")
SHAPE_FIELDS = (*_OFFSETS, *_RELATED, "boundingPoly", "point", "points", "polyline")
"""The fields of an annotation that say where it is; `annotations` besides, on documents."""
_OF_POSES = ("code", "name", "jobName", "mid", "categories", "point")
_PAGES = "pageNumberArray"
OF_POSITIONS = ("boundingPoly", _PAGES, "polys")
"""What says where something is on the pages of a document."""
_UNREADABLE = "its vertices cannot be read, so it has no pixels"


@dataclass(frozen=True, slots=True)
class Canvas:
    """What fractions are relative to: a picture's size in pixels, or that of each page.

    `size` is None where it is not known, or where coordinates are no fractions but longitudes and
    latitudes. `rotation` is the angle of the view in degrees.
    """

    size: Size | None = None
    pages: Mapping[int, Size] = field(default_factory=dict)
    rotation: Any = 0


def size_in(holder: Any) -> Size | None:
    """Width and height of a `resolution` or a page, None when they are not known."""
    if not isinstance(holder, Mapping):
        return None
    width, height = holder.get("width"), holder.get("height")
    if not (is_number(width) and is_number(height)) or width <= 0 or height <= 0:
        return None
    return width, height


def geometry_of(annotation: Mapping[str, Any], canvas: Canvas, note: Note) -> dict[str, Any]:
    """The annotation's place; empty when it has none, as a classification."""
    place: dict[str, Any] = {}
    place.update({name: annotation[name] for name in _OFFSETS if name in annotation})
    place.update(
        {name: _mids(annotation[name]) for name in _RELATED if annotation.get(name) is not None}
    )
    pixels = _Pixels(canvas.size, canvas.rotation, note)
    if _PAGES in annotation:
        own = {name: annotation[name] for name in OF_POSITIONS if name in annotation}
        place["positions"] = list(_positions([own], canvas, note))
    elif annotation.get("boundingPoly"):
        place["boundingPoly"] = pixels.rings(annotation["boundingPoly"])
    if annotation.get("point"):
        place["point"] = annotation["point"]
        place |= pixels.named("pointPixels", [annotation["point"]], single=True)
    if annotation.get("polyline"):
        place["polyline"] = annotation["polyline"]
        place |= pixels.named("polylinePixels", annotation["polyline"])
    if isinstance(annotation.get("points"), list):
        place["points"] = [_pose_point(point, pixels) for point in annotation["points"]]
    if isinstance(annotation.get("annotations"), list):
        place["positions"] = list(_positions(annotation["annotations"], canvas, note))
    return place


def note_unheld(value: Mapping[str, Any], held: Collection[str], note: Note) -> None:
    """Notes the fields that are not among those that a line holds, unless they are empty."""
    unheld = sorted(name for name in value.keys() - held if value[name] not in (None, {}, []))
    if unheld:
        note(f"a line does not hold its {', '.join(unheld)}")


def _mids(related: Any) -> list[Any]:
    listed = related if isinstance(related, list) else [related]
    return [one.get("mid") if isinstance(one, Mapping) else one for one in listed]


def _pose_point(point: Any, pixels: "_Pixels") -> Any:
    if not isinstance(point, Mapping):
        pixels.note(_UNREADABLE)
        return point
    shown = {name: point[name] for name in _OF_POSES if name in point}
    note_unheld(point, (*_OF_POSES, "type"), pixels.note)
    if shown.get("point"):
        shown |= pixels.named("pointPixels", [shown["point"]], single=True)
    return shown


def _positions(nested: list[Any], canvas: Canvas, note: Note) -> Iterator[dict[str, Any]]:
    """A document's annotation lies on pages, and on each in several pieces."""
    for one in nested:
        if not isinstance(one, Mapping):
            note(_UNREADABLE)
            continue
        note_unheld(one, OF_POSITIONS, note)
        listed = one.get(_PAGES)
        numbers = listed if isinstance(listed, list) else []
        shapes = {
            name: one[name] for name in ("boundingPoly", "polys") if isinstance(one.get(name), list)
        }
        length = max([len(numbers), *map(len, shapes.values())])
        for index in range(length):
            number = numbers[index] if index < len(numbers) else None
            size = canvas.pages.get(number) if type(number) is int else None
            pixels = _Pixels(size, canvas.rotation, note)
            position: dict[str, Any] = {"pageNumber": number}
            for name, rings in shapes.items():
                if index < len(rings):
                    position[name] = pixels.rings(rings[index])
            yield position


@dataclass(frozen=True, slots=True)
class _Pixels:
    size: Size | None
    rotation: Any
    note: Note

    def rings(self, value: Any) -> Any:
        """Rings with `vertices` beside their `normalizedVertices`, grouped as they are."""
        if isinstance(value, list):
            return [self.rings(one) for one in value]
        if not isinstance(value, Mapping) or "normalizedVertices" not in value:
            self.note(_UNREADABLE)
            return value
        ring = {"normalizedVertices": value["normalizedVertices"]}
        return ring | self.named("vertices", value["normalizedVertices"])

    def named(self, name: str, vertices: Any, *, single: bool = False) -> dict[str, Any]:
        """The vertices in pixels under that name; nothing when they are not known."""
        if self.size is None:
            return {}
        found = self._scaled(vertices, self.size)
        if found is None:
            self.note(_UNREADABLE)
            return {}
        return {name: found[0] if single else found}

    def _scaled(self, vertices: Any, size: Size) -> list[Any] | None:
        if isinstance(vertices, list) and vertices and isinstance(vertices[0], list):
            nested = [self._scaled(ring, size) for ring in vertices]
            return None if None in nested else nested
        points = points_of(vertices, self.rotation)
        if points is None:
            return None
        return [{"x": x * size[0], "y": y * size[1]} for x, y in points]
