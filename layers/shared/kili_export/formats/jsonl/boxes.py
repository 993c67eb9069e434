"""Upright boxes around whatever a line's geometry holds, for queries that compute with them."""

from collections.abc import Iterator, Mapping
from typing import Any

from kili_export.formats.common.pixels import Unreadable
from kili_export.formats.shapes.geometry import Axes, axes_of
from kili_export.formats.shapes.numbers import is_number

_PIXELS = frozenset({"vertices", "pointPixels", "polylinePixels"})
Box = list[float]


def boxes_of(geometry: Mapping[str, Any]) -> dict[str, Any]:
    """`page`, `bbox` and `bboxPixels` of a line; None where they are not known.

    A box is left, top, width and height. On documents it is that of the one page that the
    annotation lies on, and there is none where it lies on several.
    """
    pages = {
        one["pageNumber"]
        for one in geometry.get("positions", ())
        if isinstance(one["pageNumber"], int)
    }
    if len(pages) > 1:
        return {"page": None, "bbox": None, "bboxPixels": None}
    return {
        "page": next(iter(pages), None),
        "bbox": _box(geometry, in_pixels=False),
        "bboxPixels": _box(geometry, in_pixels=True),
    }


def _box(geometry: Mapping[str, Any], *, in_pixels: bool) -> Box | None:
    try:
        found = [*_axes(geometry, in_pixels, False)]
    except Unreadable:
        return None
    if not found:
        return None
    left, top = min(min(xs) for xs, _ in found), min(min(ys) for _, ys in found)
    right, bottom = max(max(xs) for xs, _ in found), max(max(ys) for _, ys in found)
    return [float(left), float(top), float(right - left), float(bottom - top)]


def _axes(value: Any, wanted: bool, in_pixels: bool) -> Iterator[Axes]:
    """The vertices below a value that are in pixels, or those that are not, as is wanted."""
    if isinstance(value, list):
        axes = axes_of(value, 0) if value else None
        if axes is None:
            for one in value:
                yield from _axes(one, wanted, in_pixels)
        elif in_pixels == wanted:
            yield axes
    elif isinstance(value, Mapping):
        if "x" in value or "y" in value:
            x, y = value.get("x"), value.get("y")
            if not (is_number(x) and is_number(y)):
                raise Unreadable
            if in_pixels == wanted:
                yield [x], [y]
            return
        for name, held in value.items():
            yield from _axes(held, wanted, in_pixels or name in _PIXELS)
