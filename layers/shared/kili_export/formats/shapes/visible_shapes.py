"""Shapes of annotations as corrected datasets hold them: what of them is in the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import place_of, rings_of
from kili_export.formats.common.pixels import Size
from kili_export.formats.shapes.bridged import bridged, joined
from kili_export.formats.shapes.geometry import Point, bounds, vertices_of
from kili_export.formats.shapes.numbers import Number
from kili_export.formats.shapes.overlay import Piece, bounds_of, visible_pieces
from kili_export.formats.shapes.simple_outlines import is_upright_box

NO_SHAPE: Final = "an annotation has no outline of at least three points"
_BROKEN_HOLE = "a hole has fewer than three points"
_OUTSIDE = "an annotation lies outside of the picture, or has no width or no height within it"
_THIN = "an annotation is thinner than a pixel within the picture"
_ALL_HOLE = "the holes of an annotation leave nothing of it"
# Of a pixel: a side of one pixel may be off by that much as a difference of fractions.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class VisibleShape:
    """A shape in fractions of the picture: its pieces, never none, and the outline as drawn."""

    pieces: Sequence[Piece]
    drawn: Sequence[Point]

    @property
    def is_cut(self) -> bool:
        """Whether it is not written as it was drawn."""
        return self.pieces[0].outline != self.drawn

    def bounds(self) -> tuple[Number, Number, Number, Number]:
        """The smallest and largest coordinates: x min, y min, x max, y max."""
        return bounds_of(self.pieces)

    def rings(self) -> list[list[Point]]:
        """A ring for each piece, which encloses it without its holes."""
        return [bridged(piece.outline, piece.holes) for piece in self.pieces]

    def ring(self) -> list[Point]:
        """One ring that encloses all pieces without their holes."""
        return joined(self.rings())


def visible_shape(
    annotation: Mapping[str, Any], size: Size | None, losses: LossCollector, job: str
) -> VisibleShape | None:
    """What of an annotation, of a label that is upright, is in the picture.

    None, with a loss, when there is nothing, or less than a pixel in width or in height; `size`
    is the picture's in pixels where it is known. Raises TangledOutline.
    """
    place = place_of(job, annotation)
    rings = rings_of(annotation)
    outline = vertices_of(rings[0], 0) if rings else None
    if outline is None or len(outline) < 3:
        losses.add(NO_SHAPE, place)
        return None
    holes = [hole for ring in rings[1:] if (hole := vertices_of(ring, 0)) and len(hole) > 2]
    if len(holes) < len(rings) - 1:
        losses.add(_BROKEN_HOLE, place)
    shape = _visible(outline, holes)
    if shape is None:
        is_hole = bool(holes) and _visible(outline, []) is not None
        losses.add(_ALL_HOLE if is_hole else _OUTSIDE, place)
    elif size is not None and _is_thin(shape.bounds(), size):
        losses.add(_THIN, place)
        return None
    return shape


def _visible(outline: list[Point], holes: list[list[Point]]) -> VisibleShape | None:
    xs, ys = zip(*outline, strict=True)
    if not holes and is_upright_box(xs, ys):
        inside = [(_within(x), _within(y)) for x, y in outline]
        left, top, right, bottom = bounds(inside)
        # Its corners stay what they are.
        return VisibleShape([Piece(inside)], inside) if left < right and top < bottom else None
    pieces = visible_pieces(outline, holes)
    return VisibleShape(pieces, outline) if pieces else None


def _within(share: Number) -> Number:
    return min(max(share, 0), 1)


def _is_thin(extent: tuple[Number, Number, Number, Number], size: Size) -> bool:
    left, top, right, bottom = extent
    least = 1 - _ROUNDING
    return (right - left) * size[0] < least or (bottom - top) * size[1] < least


def pixel_box(shape: VisibleShape, size: Size) -> tuple[int, int, int, int]:
    """The box around a shape, x min, y min, x max, y max, in whole pixels; one wide at least."""
    left, top, right, bottom = shape.bounds()
    width, height = size
    x, y = round(left * width), round(top * height)
    return x, y, max(round(right * width), x + 1), max(round(bottom * height), y + 1)
