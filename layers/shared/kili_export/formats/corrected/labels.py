"""Labels as in the picture that is stored: turned back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kili_export.core.asset import JsonObject, SelectedAsset
from kili_export.formats.common.frame_pictures import frame_number
from kili_export.formats.common.refusals import refusing_endless_nesting
from kili_export.formats.shapes.geometry import ROTATION_JOB, rotation_of, unrotated
from kili_export.formats.shapes.numbers import is_number


def upright(asset: SelectedAsset) -> SelectedAsset:
    """The asset with every shape of its labels, points and lines too, as in the stored picture.

    A video's frame is turned back by its own rotation, and by the label's where it notes none.
    No note of a rotation is left.
    """
    with refusing_endless_nesting(asset):
        labels = tuple(
            {**label, "jsonResponse": _response(label["jsonResponse"])}
            if isinstance(label.get("jsonResponse"), Mapping)
            else label
            for label in asset.labels
        )
    return replace(asset, labels=labels)


def _response(response: JsonObject) -> JsonObject:
    rotation = rotation_of(response)
    turned: dict[str, Any] = {}
    for key, answer in response.items():
        if key == ROTATION_JOB:
            continue
        if frame_number(key) is not None and isinstance(answer, Mapping):
            own = rotation_of(answer) if ROTATION_JOB in answer else rotation
            view = _View(own)
            turned[key] = {
                job: view.answer(given) for job, given in answer.items() if job != ROTATION_JOB
            }
        else:
            turned[key] = _View(rotation).answer(answer)
    return turned


@dataclass(frozen=True, slots=True)
class _View:
    """The view that a labeler saw."""

    rotation: Any

    def answer(self, answer: Any) -> Any:
        """A job's answer; what cannot be read stays as it is, for the format to report."""
        annotations = answer.get("annotations") if isinstance(answer, Mapping) else None
        if not isinstance(annotations, list):
            return answer
        return {**answer, "annotations": [*map(self._annotation, annotations)]}

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
            return {**value, "x": x, "y": y}
        return {
            name: self._turned(held) if name in ("normalizedVertices", "point") else held
            for name, held in value.items()
        }
