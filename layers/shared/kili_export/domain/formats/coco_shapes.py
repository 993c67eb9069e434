"""Shapes of annotations as COCO holds them: bounding box, segmentation and area in pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kili_export.domain.crossings import Pair
from kili_export.domain.formats.base import LossCollector
from kili_export.domain.formats.bridged import bridged
from kili_export.domain.formats.jobs import has_nested_answers, rings_of
from kili_export.domain.formats.pixels import Size
from kili_export.domain.geometry import vertices_of
from kili_export.domain.polygon_area import enclosed_area

_NO_SHAPE = "an annotation has no outline of at least three points"
_NO_EXTENT = "an annotation has neither width nor height"
_BROKEN_HOLE = "a hole has fewer than three points"
_NESTED = "COCO cannot hold nested answers"


@dataclass(frozen=True, slots=True)
class Shape:
    """What COCO tells of a shape, in pixels.

    `bbox` is left, top, width, height. `segmentation` holds the outline and then its holes, each
    as x, y, x, y…; `area` is an int unless holes were subtracted.
    """

    bbox: list[int]
    segmentation: list[list[float]]
    area: float | int

    def bridged(self) -> list[list[float]]:
        """The segmentation as one ring, which encloses the outline without its holes."""
        rings = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in self.segmentation]
        return [_flat(bridged(rings[0], rings[1:]))]


def shape_of(
    annotation: Mapping[str, Any], size: Size, rotation: Any, losses: LossCollector, place: str
) -> Shape | None:
    """The shape of an annotation, None when it has none that COCO can hold."""
    rings = rings_of(annotation)
    outline = _pixels(rings[0], size, rotation) if rings else None
    if outline is None or len(outline) < 3:
        losses.add(_NO_SHAPE, place)
        return None
    bbox = _bbox(outline)
    if bbox[2] == 0 and bbox[3] == 0:
        losses.add(_NO_EXTENT, place)
        return None
    if has_nested_answers(annotation):
        losses.add(_NESTED, place)
    area: float | int = round(enclosed_area(outline))
    segmentation = [_flat(outline)]
    for ring in rings[1:]:
        hole = _pixels(ring, size, rotation)
        if hole is None or len(hole) < 3:
            losses.add(_BROKEN_HOLE, place)
            continue
        area -= enclosed_area(hole)
        segmentation.append(_flat(hole))
    return Shape(bbox, segmentation, area)


def _pixels(ring: Any, size: Size, rotation: Any) -> list[Pair] | None:
    points = vertices_of(ring, rotation)
    if points is None:
        return None
    width, height = size
    return [(float(x) * width, float(y) * height) for x, y in points]


def _bbox(points: list[Pair]) -> list[int]:
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    left, top = round(min(xs)), round(min(ys))
    return [left, top, round(max(xs)) - left, round(max(ys)) - top]


def _flat(points: list[Pair]) -> list[float]:
    return [coordinate for point in points for coordinate in point]
