"""Shapes of annotations as COCO holds them: bounding box, segmentation and area in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from kili_export.domain.crossings import Pair
from kili_export.domain.formats.base import LossCollector
from kili_export.domain.formats.bridged import bridged
from kili_export.domain.formats.jobs import has_nested_answers, place_of, rings_of
from kili_export.domain.formats.pixels import Size
from kili_export.domain.geometry import ring_axes
from kili_export.domain.numbers import joined_numbers
from kili_export.domain.polygon_area import enclosed_area

_NO_SHAPE = "an annotation has no outline of at least three points"
_NO_EXTENT = "an annotation has neither width nor height"
_BROKEN_HOLE = "a hole has fewer than three points"
_NESTED = "COCO cannot hold nested answers"


@dataclass(frozen=True, slots=True)
class Shape:
    """What COCO tells of a shape, in pixels.

    `bbox` is left, top, width, height. `rings` are the outline and then its holes; `area` is an
    int unless holes were subtracted.
    """

    bbox: tuple[int, int, int, int]
    rings: list[Sequence[Pair]]
    area: float | int

    def bridged(self) -> "Shape":
        """The same with one ring, which encloses the outline without its holes."""
        return replace(self, rings=[bridged(self.rings[0], self.rings[1:])])

    def to_json(self) -> str:
        """`bbox`, `segmentation` and `area` as items of a JSON object, as json.dumps writes it."""
        segmentation = "], [".join(
            joined_numbers(list(chain.from_iterable(ring)), ", ") for ring in self.rings
        )
        left, top, width, height = self.bbox
        box = f"{left}, {top}, {width}, {height}"
        return f'"bbox": [{box}], "segmentation": [[{segmentation}]], "area": {self.area!r}'


def shape_of(
    annotation: Mapping[str, Any], size: Size, rotation: Any, losses: LossCollector, job: str
) -> Shape | None:
    """The shape of an annotation, None when it has none that COCO can hold."""
    rings = rings_of(annotation)
    axes = _pixels(rings[0], size, rotation) if rings else None
    if axes is None or len(axes[0]) < 3:
        losses.add(_NO_SHAPE, place_of(job, annotation))
        return None
    bbox = _bbox(axes)
    if bbox[2] == 0 and bbox[3] == 0:
        losses.add(_NO_EXTENT, place_of(job, annotation))
        return None
    if has_nested_answers(annotation):
        losses.add(_NESTED, place_of(job, annotation))
    outline = list(zip(*axes, strict=True))
    area: float | int = round(enclosed_area(outline))
    shown: list[Sequence[Pair]] = [outline]
    for ring in rings[1:]:
        axes = _pixels(ring, size, rotation)
        if axes is None or len(axes[0]) < 3:
            losses.add(_BROKEN_HOLE, place_of(job, annotation))
            continue
        hole = list(zip(*axes, strict=True))
        area -= enclosed_area(hole)
        shown.append(hole)
    return Shape(bbox, shown, area)


def _pixels(ring: Any, size: Size, rotation: Any) -> tuple[list[float], list[float]] | None:
    axes = ring_axes(ring, rotation)
    if axes is None:
        return None
    # Floats also where both factors are whole.
    width, height = float(size[0]), float(size[1])
    return [x * width for x in axes[0]], [y * height for y in axes[1]]


def _bbox(axes: tuple[Sequence[float], Sequence[float]]) -> tuple[int, int, int, int]:
    xs, ys = axes
    left, top = round(min(xs)), round(min(ys))
    return left, top, round(max(xs)) - left, round(max(ys)) - top
