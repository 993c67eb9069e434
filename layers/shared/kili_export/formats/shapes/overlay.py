"""What of an outline, less its holes, lies in the picture.

Coordinates are fractions of the picture, which is the square from 0 to 1. Whatever an outline
encloses is decided exactly, as areas are: see `polygon_area`. Where outlines cut each other, and
the border, pyclipper decides on a grid of 10^12 steps to the picture's side, so that points where
lines cross are off by less. Points that were drawn stay as they were.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import isclose
from typing import Any, Final

import pyclipper

from kili_export.formats.shapes.geometry import Point, bounds
from kili_export.formats.shapes.numbers import Number
from kili_export.formats.shapes.polygon_area import enclosing_rings, is_plain, signed_area

Ring = Sequence[Point]
_Cell = tuple[int, int]
_Path = list[_Cell]

_STEPS: Final = 10**12
_PICTURE: Final[_Path] = [(0, 0), (0, _STEPS), (_STEPS, _STEPS), (_STEPS, 0)]
# Further out than this, outlines are cut down first: the grid has an end.
_FAR: Final = 1000
# What is narrower, in steps, is what rounding left between lines that lie on each other.
_NARROW: Final = 10
# Less than a hundredth of a pixel in a picture of 10,000 by 10,000.
_NOTHING: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Piece:
    """An outline and its holes, which lie in it and apart from each other."""

    outline: Ring
    holes: Sequence[Ring] = ()

    @property
    def area(self) -> float:
        """What it encloses, in the square of the coordinates' unit."""
        return abs(signed_area(self.outline)) - sum(abs(signed_area(hole)) for hole in self.holes)


def visible_pieces(outline: Ring, holes: Sequence[Ring] = ()) -> list[Piece]:
    """The pieces of a shape that are in the picture, none when nothing is.

    A shape that lies in the picture and means the same to all readers is the one piece, as it was
    drawn. Raises TangledOutline.
    """
    left, top, right, bottom = bounds(outline)
    is_inside = min(left, top) >= 0 and max(right, bottom) <= 1
    if is_inside and not holes and is_plain(outline):
        return [Piece(outline, holes)]
    pieces = _cut(outline, holes)
    drawn = Piece(outline, holes)
    return [drawn] if is_inside and _mean_alike(drawn, pieces) else pieces


def _mean_alike(drawn: Piece, pieces: Sequence[Piece]) -> bool:
    """Whether a shape is read as its pieces, whichever way a reader fills outlines.

    Holes that lie in the outline and apart from each other, and no others, take away what they
    enclose.
    """
    if not pieces or not all(map(is_plain, drawn.holes)):
        return False
    sides = zip(bounds(drawn.outline), bounds_of(pieces), strict=True)
    return all(abs(one - other) < _NOTHING for one, other in sides) and isclose(
        drawn.area, sum(piece.area for piece in pieces), rel_tol=1e-9, abs_tol=_NOTHING
    )


def bounds_of(pieces: Sequence[Piece]) -> tuple[Number, Number, Number, Number]:
    """The smallest and largest coordinates of pieces, of which there is at least one."""
    return bounds([point for piece in pieces for point in piece.outline])


def _cut(outline: Ring, holes: Sequence[Ring]) -> list[Piece]:
    """The shape without its holes and without what surrounds the picture."""
    clipper = pyclipper.Pyclipper()
    grid = _Grid()
    _add(clipper, grid.paths(outline), pyclipper.PT_SUBJECT)
    for hole in holes:
        _add(clipper, grid.paths(hole), pyclipper.PT_CLIP)
    end = 2 * _FAR * _STEPS
    surroundings = [(-end, -end), (end, -end), (end, end), (-end, end)]
    _add(clipper, [surroundings, _PICTURE], pyclipper.PT_CLIP)
    tree = clipper.Execute2(pyclipper.CT_DIFFERENCE, pyclipper.PFT_NONZERO, pyclipper.PFT_NONZERO)
    pieces = (_piece(node, grid) for node in _outlines(tree))
    return [piece for piece in pieces if piece is not None and piece.area > _NOTHING]


def _add(clipper: Any, paths: Sequence[_Path], kind: int) -> None:
    # It refuses paths of which none encloses anything on the grid: they change nothing.
    with suppress(pyclipper.ClipperException):
        clipper.AddPaths(paths, kind, True)


def _outlines(node: Any) -> Iterator[Any]:
    """The nodes of a tree that are outlines: their children are holes, and so on."""
    for outline in node.Childs:
        yield outline
        for hole in outline.Childs:
            yield from _outlines(hole)


def _piece(node: Any, grid: "_Grid") -> Piece | None:
    outline = _without_slivers(node.Contour)
    if len(outline) < 3:
        return None
    holes = [_without_slivers(child.Contour) for child in node.Childs]
    return Piece(grid.points(outline), [grid.points(hole) for hole in holes if len(hole) > 2])


def _without_slivers(path: _Path) -> _Path:
    return [(x, y) for x, y in pyclipper.CleanPolygon(path, _NARROW)]


class _Grid:
    """Points as cells of the grid and back; what was drawn comes back as it was."""

    def __init__(self) -> None:
        self._xs: dict[int, Number] = {0: 0, _STEPS: 1}
        self._ys: dict[int, Number] = {0: 0, _STEPS: 1}

    def paths(self, ring: Ring) -> list[_Path]:
        """What the ring encloses: outlines go one way around, holes in it the other."""
        rings = enclosing_rings(_cut_down(ring))
        paths = [[self._cell(point) for point in one] for one in rings]
        if len(paths) != 1:
            simplified = pyclipper.SimplifyPolygons(paths, pyclipper.PFT_EVENODD) if paths else []
            return [[(x, y) for x, y in path] for path in simplified]
        return paths if pyclipper.Orientation(paths[0]) else [paths[0][::-1]]

    def points(self, path: _Path) -> list[Point]:
        """The path in fractions."""
        return [(self._xs.get(x, x / _STEPS), self._ys.get(y, y / _STEPS)) for x, y in path]

    def _cell(self, point: Point) -> _Cell:
        x, y = round(point[0] * _STEPS), round(point[1] * _STEPS)
        self._xs.setdefault(x, point[0])
        self._ys.setdefault(y, point[1])
        return x, y


def _cut_down(ring: Ring) -> Ring:
    """The ring without what is far from the picture; what is near stays enclosed as it was."""
    left, top, right, bottom = bounds(ring)
    if min(left, top) >= -_FAR and max(right, bottom) <= _FAR:
        return ring
    exact = [(Fraction(x), Fraction(y)) for x, y in ring]
    for axis in (0, 1):
        for sign in (1, -1):
            exact = list(_up_to(exact, axis, sign))
    return [(float(x), float(y)) for x, y in exact]


_Exact = tuple[Fraction, Fraction]


def _up_to(ring: Sequence[_Exact], axis: int, sign: int) -> Iterator[_Exact]:
    """The ring with what lies beyond a line across an axis moved onto that line."""
    limit = Fraction(sign * _FAR)
    for start, end in zip(ring, [*ring[1:], *ring[:1]], strict=True):
        is_start_near = sign * start[axis] <= _FAR
        if is_start_near:
            yield start
        if is_start_near != (sign * end[axis] <= _FAR):
            share = (limit - start[axis]) / (end[axis] - start[axis])
            other = start[1 - axis] + share * (end[1 - axis] - start[1 - axis])
            yield (limit, other) if axis == 0 else (other, limit)
