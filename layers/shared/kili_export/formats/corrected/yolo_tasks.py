"""The datasets of a corrected YOLO export: one for each task, and its label lines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import job_folder, member_path
from kili_export.core.project import Job, Project
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import (
    annotations_of,
    first_category,
    has_nested_answers,
    has_only_tools,
    place_of,
)
from kili_export.formats.common.pixels import Size
from kili_export.formats.corrected.oriented_boxes import smallest_box_around, upright_corners
from kili_export.formats.shapes.geometry import Point
from kili_export.formats.shapes.visible_shapes import VisibleShape, visible_shape

_BOXES = frozenset({"rectangle"})
_OUTLINES = frozenset({"polygon", "semantic"})
_SHAPES = _BOXES | _OUTLINES
_NOT_AN_ANNOTATION = "an annotation is empty"
_UNKNOWN_CATEGORY = "an annotation's category is not in the interface"
_OTHER_TOOL = "YOLO holds boxes, polygons and masks only"
_NESTED = "YOLO cannot hold nested answers"


class Task(StrEnum):
    """What a model is trained for, by the name of its folder."""

    DETECT = "detect"
    OBB = "obb"
    SEGMENT = "segment"


_TOOLS = {Task.DETECT: _BOXES, Task.OBB: _BOXES, Task.SEGMENT: _OUTLINES}
# Where a job takes boxes and outlines, an object that got an outline is one to detect as well.
_HELD = {Task.DETECT: _SHAPES, Task.OBB: _BOXES, Task.SEGMENT: _OUTLINES}


@dataclass(frozen=True, slots=True)
class Dataset:
    """`numbers` are those of the categories, by job and key; `names` has them in their order."""

    folder: str
    task: Task
    numbers: Mapping[str, Mapping[str, int]]
    names: tuple[str, ...]

    def lines(
        self, response: Mapping[str, Any], size: Size | None, losses: LossCollector
    ) -> Iterator[str]:
        """A line per annotation of which something is in the picture.

        The label or frame is upright; `size` is the picture's in pixels where it is known. Raises
        TangledOutline.
        """
        for job, numbers in self.numbers.items():
            for annotation in annotations_of(response, job):
                line = self._line(annotation, numbers, size, losses, job)
                if line is not None:
                    yield line

    def _line(
        self,
        annotation: Any,
        numbers: Mapping[str, int],
        size: Size | None,
        losses: LossCollector,
        job: str,
    ) -> str | None:
        if not isinstance(annotation, Mapping):
            losses.add(_NOT_AN_ANNOTATION, job)
            return None
        place = place_of(job, annotation)
        number = numbers.get(first_category(annotation) or "")
        if number is None:
            losses.add(_UNKNOWN_CATEGORY, place)
            return None
        kind = annotation.get("type")
        if not isinstance(kind, str) or kind not in _SHAPES:
            losses.add(_OTHER_TOOL, place)
            return None
        if kind not in _HELD[self.task]:
            return None
        shape = visible_shape(annotation, size, losses, job)
        if shape is None:
            return None
        if has_nested_answers(annotation):
            losses.add(_NESTED, place)
        return f"{number} {self._numbers(shape)}\n"

    def _numbers(self, shape: VisibleShape) -> str:
        if self.task is Task.DETECT:
            return _numbers(_box(shape))
        return _numbers(*(shape.ring() if self.task is Task.SEGMENT else _corners(shape)))


def datasets(project: Project, options: ExportOptions) -> Iterator[Dataset]:
    """A dataset for each task that the tools allow; of each job with the layout `split`.

    Boxes can be drawn turned, which the interface does not tell: they make a dataset to detect
    and one of oriented boxes.
    """
    jobs = [job for job in project.jobs() if has_only_tools(job, _SHAPES) and job.categories]
    merged = options.layout is Layout.MERGED
    for group in [jobs] if merged else [[job] for job in jobs]:
        for task in Task:
            held = [job for job in group if not _TOOLS[task].isdisjoint(job.tools or ())]
            if held:
                folder = task.value if merged else member_path(job_folder(held[0].name), task.value)
                yield _dataset(folder, task, held, merged=merged)


def _dataset(folder: str, task: Task, jobs: list[Job], *, merged: bool) -> Dataset:
    numbers: dict[str, dict[str, int]] = {}
    names: list[str] = []
    for job in jobs:
        numbers[job.name] = {}
        for category in job.categories:
            numbers[job.name][category.key] = len(names)
            names.append(f"{job.name}/{category.key}" if merged else category.key)
    return Dataset(folder, task, numbers, tuple(names))


def _box(shape: VisibleShape) -> tuple[Any, ...]:
    left, top, right, bottom = shape.bounds()
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _corners(shape: VisibleShape) -> Sequence[Point]:
    inside = [point for piece in shape.pieces for point in piece.outline]
    if shape.is_cut:
        return smallest_box_around(inside, shape.drawn)
    return inside if len(inside) == 4 else upright_corners(inside)


def _numbers(*groups: tuple[Any, ...]) -> str:
    return " ".join(str(number) for group in groups for number in group)
