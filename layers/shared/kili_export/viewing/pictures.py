"""What a page shows of an asset: its picture, its labels, and the shapes of these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final, Self

Point = tuple[float, float]
Line = tuple[Point, ...]
PICTURES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}
"""The pictures that browsers show, by the ends of their names. None of them runs anything."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Something drawn: its class, and its lines as shares of the picture's width and height.

    Closed lines are outlines, those within another one holes. An open line of one point is a point.
    """

    label: str
    lines: tuple[Line, ...]
    is_closed: bool = True


@dataclass(frozen=True, slots=True)
class Label:
    """One label of an asset. `author` is who made it, as the export tells it."""

    shapes: tuple[Shape, ...] = ()
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One asset, or a frame of it, with its labels; the last of them is shown.

    `path` is its label file, or its place in a document of all labels, and `name` what it is
    called there. `medium` is the path of its picture in the export, `link` where it is otherwise.
    """

    path: str
    asset_id: str | None = None
    labels: tuple[Label, ...] = ()
    medium: str | None = None
    link: str | None = None
    name: str | None = None

    @property
    def shown(self) -> Label:
        """The label that is shown; an empty one where there is none."""
        return self.labels[-1] if self.labels else Label()

    def of_author(self, author: str) -> Self:
        """The same with the labels of one author alone."""
        return replace(self, labels=tuple(one for one in self.labels if one.author == author))


def is_picture(path: str) -> bool:
    """Whether browsers show a file, by its name."""
    return PurePosixPath(path).suffix.lower() in PICTURES


def box(left: float, top: float, right: float, bottom: float) -> tuple[Line]:
    """The outline of a box."""
    return (((left, top), (right, top), (right, bottom), (left, bottom)),)


def shape_of(annotation: Mapping[str, Any], label: str) -> Shape | None:
    """The shape of an annotation of Kili's, None where it has none on a picture.

    Raises what a wrong type raises.
    """
    if annotation.get("boundingPoly"):
        return Shape(label, tuple(_rings(annotation["boundingPoly"])))
    if annotation.get("polyline"):
        return Shape(label, (_line(annotation["polyline"]),), is_closed=False)
    holders = (annotation, *(annotation.get("points") or ()))
    points = [one["point"] for one in holders if one.get("point")]
    if not points:
        return None
    return Shape(label, tuple(_line([point]) for point in points), is_closed=False)


def _rings(outlines: Any) -> Iterator[Line]:
    """The rings of an outline, which may be grouped in lists."""
    if isinstance(outlines, list):
        for one in outlines:
            yield from _rings(one)
        return
    vertices = outlines["normalizedVertices"]
    # A polygon of several rings has lists of vertices.
    for ring in vertices if isinstance(vertices[0], list) else [vertices]:
        yield _line(ring)


def _line(vertices: Any) -> Line:
    return tuple((float(point["x"]), float(point["y"])) for point in vertices)
