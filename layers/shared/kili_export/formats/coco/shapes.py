"""Shapes of annotations as COCO holds them: bounding box, segmentation and area in pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import has_nested_answers, place_of, rings_of
from kili_export.formats.common.pixels import Size
from kili_export.formats.shapes.geometry import ring_axes
from kili_export.formats.shapes.numbers import joined_numbers
from kili_export.formats.shapes.overlay import Ring
from kili_export.formats.shapes.polygon_area import area_within
from kili_export.formats.shapes.visible_shapes import pixel_box, visible_shape

_NO_SHAPE = "an annotation has no outline of at least three points"
_NO_EXTENT = "an annotation has neither width nor height"
_BROKEN_HOLE = "a hole has fewer than three points"
_NESTED = "COCO cannot hold nested answers"

# All x and all y of a ring in pixels.
_Ring = tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class Shape:
    """What COCO tells of a shape, in pixels.

    `bbox` is left, top, width, height. `rings` are the outline and then its holes, or a ring for
    each piece of the shape.
    """

    bbox: tuple[int, int, int, int]
    rings: list[_Ring]
    area: float | int

    def to_json(self) -> str:
        """`bbox`, `segmentation` and `area` as items of a JSON object, as json.dumps writes it."""
        left, top, width, height = self.bbox
        segmentation = "], [".join([_points_text(*ring) for ring in self.rings])
        box = f"{left}, {top}, {width}, {height}"
        return f'"bbox": [{box}], "segmentation": [[{segmentation}]], "area": {self.area!r}'


class ShapeReader(Protocol):
    """Reads the shape of an annotation, None when it has none that COCO can hold."""

    def __call__(
        self,
        annotation: Mapping[str, Any],
        size: Size,
        rotation: Any,
        losses: LossCollector,
        job: str,
        /,
    ) -> Shape | None:
        """Notes what cannot be held. `rotation` is what the shape must be turned back by."""


def shape_within(
    annotation: Mapping[str, Any], size: Size, rotation: Any, losses: LossCollector, job: str
) -> Shape | None:
    """The shape as far as it is in the picture: a ring for each piece, holes cut out.

    Its label is upright. Readers fill a hole that is written as a ring of its own, which is what
    the SDK does.
    """
    del rotation
    visible = visible_shape(annotation, size, losses, job)
    if visible is None:
        return None
    if has_nested_answers(annotation):
        losses.add(_NESTED, place_of(job, annotation))
    left, top, right, bottom = pixel_box(visible, size)
    rings = [_scaled(ring, size) for ring in visible.rings()]
    exact = sum(piece.area for piece in visible.pieces) * size[0] * size[1]
    # Readers leave out what has no area.
    area = round(exact) or exact
    return Shape((left, top, right - left, bottom - top), rings, area)


def _scaled(ring: Ring, size: Size) -> _Ring:
    width, height = float(size[0]), float(size[1])
    return [x * width for x, _ in ring], [y * height for _, y in ring]


def shape_of(
    annotation: Mapping[str, Any], size: Size, rotation: Any, losses: LossCollector, job: str
) -> Shape | None:
    """The shape of an annotation, None when it has none that COCO can hold."""
    rings = rings_of(annotation)
    outline = _pixels(rings[0], size, rotation) if rings else None
    if outline is None:
        losses.add(_NO_SHAPE, place_of(job, annotation))
        return None
    bbox = _bbox(outline)
    if bbox[2] == 0 and bbox[3] == 0:
        losses.add(_NO_EXTENT, place_of(job, annotation))
        return None
    if has_nested_answers(annotation):
        losses.add(_NESTED, place_of(job, annotation))
    area: float | int = round(area_within(*outline))
    if len(rings) == 1:
        return Shape(bbox, [outline], area)
    shown = [outline]
    for ring in rings[1:]:
        hole = _pixels(ring, size, rotation)
        if hole is None:
            losses.add(_BROKEN_HOLE, place_of(job, annotation))
            continue
        area -= area_within(*hole)
        shown.append(hole)
    return Shape(bbox, shown, area)


def _pixels(ring: Any, size: Size, rotation: Any) -> _Ring | None:
    """None of what is no ring of three points or more."""
    axes = ring_axes(ring, rotation)
    if axes is None or len(axes[0]) < 3:
        return None
    # Floats also where both factors are whole.
    width, height = float(size[0]), float(size[1])
    return [x * width for x in axes[0]], [y * height for y in axes[1]]


def _bbox(ring: _Ring) -> tuple[int, int, int, int]:
    xs, ys = ring
    left, top = round(min(xs)), round(min(ys))
    return left, top, round(max(xs)) - left, round(max(ys)) - top


def _points_text(xs: list[float], ys: list[float]) -> str:
    return joined_numbers([*chain.from_iterable(zip(xs, ys, strict=True))], ", ")
