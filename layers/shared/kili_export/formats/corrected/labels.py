"""Labels as in the picture that is stored: turned back, and within its borders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kili_export.core.asset import JsonObject, SelectedAsset
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.frame_pictures import frame_number
from kili_export.formats.common.jobs import place_of
from kili_export.formats.common.refusals import refusing_endless_nesting
from kili_export.formats.shapes.geometry import (
    ROTATION_JOB,
    bounds,
    points_of,
    rotation_of,
    unrotated,
)
from kili_export.formats.shapes.numbers import Number, is_number

_OUTSIDE = "an annotation lies outside of the picture, or has no width or no height within it"


def upright(asset: SelectedAsset, losses: LossCollector, *, clamped: bool) -> SelectedAsset:
    """The asset with every shape of its labels, points and lines too, as in the stored picture.

    A video's frame is turned back by its own rotation, and by the label's where it notes none.
    No note of a rotation is left. With `clamped`, coordinates are moved to the border that they
    lie beyond, and a shape of which nothing is left is left out.
    """
    with refusing_endless_nesting(asset):
        labels = tuple(
            {**label, "jsonResponse": _response(label["jsonResponse"], losses, clamped=clamped)}
            if isinstance(label.get("jsonResponse"), Mapping)
            else label
            for label in asset.labels
        )
    return replace(asset, labels=labels)


def _response(response: JsonObject, losses: LossCollector, *, clamped: bool) -> JsonObject:
    rotation = rotation_of(response)
    turned: dict[str, Any] = {}
    for key, answer in response.items():
        if key == ROTATION_JOB:
            continue
        if frame_number(key) is not None and isinstance(answer, Mapping):
            own = rotation_of(answer) if ROTATION_JOB in answer else rotation
            view = _View(own, clamped, losses)
            turned[key] = {
                job: view.answer(job, given) for job, given in answer.items() if job != ROTATION_JOB
            }
        else:
            turned[key] = _View(rotation, clamped, losses).answer(key, answer)
    return turned


@dataclass(frozen=True, slots=True)
class _View:
    """The view that a labeler saw."""

    rotation: Any
    clamped: bool
    losses: LossCollector

    def answer(self, job: str, answer: Any) -> Any:
        """A job's answer; what cannot be read stays as it is, for the format to report."""
        annotations = answer.get("annotations") if isinstance(answer, Mapping) else None
        if not isinstance(annotations, list):
            return answer
        kept = []
        for annotation in annotations:
            shape = self._annotation(annotation)
            if self.clamped and _is_nothing(shape):
                self.losses.add(_OUTSIDE, place_of(job, annotation))
            else:
                kept.append(shape)
        return {**answer, "annotations": kept}

    def _annotation(self, annotation: Any) -> Any:
        if not isinstance(annotation, Mapping):
            return annotation
        changed = dict(annotation)
        for name in ("boundingPoly", "point", "polyline", "points"):
            if name in changed:
                changed[name] = self._turned(changed[name])
        return changed

    def _turned(self, value: Any) -> Any:
        """Whatever holds points, with each of them turned; pixels, which views lack, untouched."""
        if isinstance(value, list):
            return [self._turned(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        x, y = value.get("x"), value.get("y")
        if is_number(x) and is_number(y):
            x, y = unrotated((x, y), self.rotation)
            if self.clamped:
                x, y = _within(x), _within(y)
            return {**value, "x": x, "y": y}
        return {
            name: self._turned(held) if name in ("normalizedVertices", "point") else held
            for name, held in value.items()
        }


def _within(share: Number) -> Number:
    return min(max(share, 0), 1)


def _is_nothing(annotation: Any) -> bool:
    """Whether an outline can be read and encloses nothing."""
    rings = annotation.get("boundingPoly") if isinstance(annotation, Mapping) else None
    if not isinstance(rings, list) or not rings or not isinstance(rings[0], Mapping):
        return False
    points = points_of(rings[0].get("normalizedVertices"), 0)
    if not points:
        return False
    left, top, right, bottom = bounds(points)
    return left == right or top == bottom
