"""The datasets of a corrected YOLO export: one for each task, and its label lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import member_path, safe_path
from kili_export.core.project import Job, Project
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import (
    annotations_of,
    first_category,
    has_nested_answers,
    has_only_tools,
    place_of,
    rings_of,
)
from kili_export.formats.shapes.bridged import bridged
from kili_export.formats.shapes.geometry import Point, bounds, vertices_of

_BOXES = frozenset({"rectangle"})
_OUTLINES = frozenset({"polygon", "semantic"})
_SHAPES = _BOXES | _OUTLINES
_NOT_AN_ANNOTATION = "an annotation is empty"
_UNKNOWN_CATEGORY = "an annotation's category is not in the interface"
_NO_SHAPE = "an annotation has no outline of at least three points"
_OTHER_TOOL = "YOLO holds boxes, polygons and masks only"
_BROKEN_HOLE = "a hole has fewer than three points"
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

    def lines(self, response: Mapping[str, Any], losses: LossCollector) -> Iterator[str]:
        """A line per annotation, of a label or frame that is upright and within the picture."""
        for job, numbers in self.numbers.items():
            for annotation in annotations_of(response, job):
                line = self._line(annotation, numbers, losses, job)
                if line is not None:
                    yield line

    def _line(
        self, annotation: Any, numbers: Mapping[str, int], losses: LossCollector, job: str
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
        rings = rings_of(annotation)
        outline = vertices_of(rings[0], 0) if rings else None
        if outline is None or len(outline) < 3:
            losses.add(_NO_SHAPE, place)
            return None
        if has_nested_answers(annotation):
            losses.add(_NESTED, place)
        return f"{number} {self._shape(outline, rings, losses, place)}\n"

    def _shape(
        self, outline: list[Point], rings: list[Any], losses: LossCollector, place: str
    ) -> str:
        if self.task is Task.DETECT:
            return _numbers(_box(outline))
        if self.task is Task.OBB:
            return _numbers(*(outline if len(outline) == 4 else _corners(outline)))
        holes = []
        for ring in rings[1:]:
            hole = vertices_of(ring, 0)
            if hole is None or len(hole) < 3:
                losses.add(_BROKEN_HOLE, place)
            else:
                holes.append(hole)
        return _numbers(*bridged(outline, holes))


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
                folder = task.value if merged else member_path(safe_path(held[0].name), task.value)
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


def _box(points: list[Point]) -> tuple[Any, ...]:
    left, top, right, bottom = bounds(points)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _corners(points: list[Point]) -> list[Point]:
    left, top, right, bottom = bounds(points)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _numbers(*groups: tuple[Any, ...]) -> str:
    return " ".join(str(number) for group in groups for number in group)
