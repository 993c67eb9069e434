"""Labels taken apart: one line per annotation, with names where labels carry keys.

A line tells the asset, the label, the job and what was answered. A detection job gives a line per
annotation, any other job one line for its answer; an unanswered job gives none. What a label holds
never stops the rest: a job or category that the interface does not have (any more), or a value of
the wrong kind, still gives a line, and its `problems` say what is wrong with it.

Shape of a line, keys without a value left out but for the first eight and `categories`:

    assetId, externalId, labelId, author (e-mail), labelType, createdAt, job, jobName,
    frame (videos), mlTask, category and categoryName (of the first category),
    categories [{key, name, confidence, children}], confidence (of the first category), score,
    mid, name (given by the labeler), type (the tool), isKeyFrame, rotation (degrees of the view),
    geometry (see annotation_shapes), text, file {id, name, mimeType, path}, children [answers],
    problems

Each answer in `children` has job, jobName, mlTask and the same keys as a line from `categories` on;
children of an annotation are in the line, those of a category in that category.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kili_export.core.asset import JsonObject
from kili_export.core.project import Job, Project
from kili_export.formats.jsonl.annotation_shapes import (
    OF_POSITIONS,
    SHAPE_FIELDS,
    Canvas,
    geometry_of,
    note_unheld,
    size_in,
)
from kili_export.formats.shapes.geometry import ROTATION_JOB, rotation_of
from kili_export.formats.shapes.numbers import is_number

Line = dict[str, Any]
NAMES_JOB = "ANNOTATION_NAMES_JOB"
BOOKKEEPING = frozenset({"ANNOTATION_JOB_COUNTER", NAMES_JOB, ROTATION_JOB})
"""What a response holds besides answers."""
WITHOUT_FRAME = "assetLevel"
DEEPEST = 40
"""Children of children are followed so far; interfaces hardly nest deeper than three."""
_LONGEST_NUMBER = 15
_FILE_FIELDS = {"fileId": "id", "fileName": "name", "fileMimeType": "mimeType"}
_FILE_PATH = "filePath"
# `kind` is what poses say besides their `type`.
_HELD = frozenset(
    {
        *("annotations", "categories", "children", "isKeyFrame", "kind", "mid", "score", "text"),
        *("type", _FILE_PATH, *SHAPE_FIELDS, *OF_POSITIONS, *_FILE_FIELDS),
    }
)
_HELD_OF_CATEGORIES = frozenset({"children", "confidence", "name"})


@dataclass(slots=True)
class _Part:
    """A line or answer being put together."""

    shown: Line
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def finished(self) -> Line:
        return {**self.shown, "problems": self.problems} if self.problems else self.shown


@dataclass(frozen=True, slots=True)
class _View:
    """What the annotations of a label or frame share. `names` are those that a labeler gave."""

    canvas: Canvas
    rotation: Any
    names: Mapping[str, Any]


class LabelParser:
    """Takes the labels of one project apart."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._jobs = {job.name: job for job in project.jobs()}

    def lines(self, asset: JsonObject, label: JsonObject) -> Iterator[Line]:
        """The lines of a label in the order of its content, frame by frame in a video.

        `asset` has `id`, `externalId` and, as far as known, what tells sizes: `resolution`,
        `pageResolutions`, `geospatialExportMetadata`, `jsonContent`. `label` has `id`, `author`,
        `labelType`, `createdAt` and `jsonResponse`, parsed.
        """
        head = _head(asset, label)
        response = label.get("jsonResponse")
        if not isinstance(response, Mapping):
            yield {**head, "categories": [], "problems": ["the label's content is no object"]}
            return
        for frame, answers in self._frames(response):
            shared = {**head} if frame is None else {**head, "frame": frame}
            # A frame has the rotation of its label unless it notes its own.
            turned = answers if ROTATION_JOB in answers else response
            named = answers.get(NAMES_JOB)
            names = named if isinstance(named, Mapping) else {}
            rotation = rotation_of(turned)
            view = _View(self._canvas(asset, rotation), rotation, names)
            for job, answer in answers.items():
                if job not in BOOKKEEPING:
                    yield from self._job_lines(shared, job, answer, view)

    def _frames(
        self, response: Mapping[str, Any]
    ) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
        if self._project.input_type != "VIDEO":
            yield None, response
            return
        frames = [key for key, value in response.items() if _is_frame(key, value)]
        beside = response.get(WITHOUT_FRAME)
        if isinstance(beside, Mapping):
            yield None, beside
        taken = {*frames, WITHOUT_FRAME} if isinstance(beside, Mapping) else set(frames)
        yield None, {key: value for key, value in response.items() if key not in taken}
        for key in sorted(frames, key=int):
            yield int(key), response[key]

    def _job_lines(self, head: Line, name: str, answer: Any, view: _View) -> Iterator[Line]:
        if not isinstance(answer, Mapping):
            yield self._unreadable(head, name, "its answer is no object")
            return
        annotations = answer.get("annotations")
        if isinstance(annotations, list):
            for annotation in annotations:
                if isinstance(annotation, Mapping):
                    yield self._part(head, name, annotation, view, 0)
                else:
                    yield self._unreadable(head, name, "an annotation is no object")
        elif annotations is not None:
            yield self._unreadable(head, name, "its annotations are no list")
        if answer.keys() - {"annotations", "isKeyFrame"}:
            yield self._part(head, name, {**answer, "annotations": None}, view, 0)

    def _unreadable(self, head: Line, name: str, problem: str) -> Line:
        part = self._begun(head, name)
        part.shown["categories"] = []
        part.note(problem)
        return part.finished()

    def _begun(self, head: Line, name: str) -> _Part:
        job = self._jobs.get(name)
        part = _Part({**head, "job": name, "jobName": name})
        if job is None:
            part.note(f"the interface has no job {name}")
        else:
            part.shown |= {"jobName": _friendly(job), "mlTask": job.ml_task}
        return part

    def _part(
        self, head: Line, name: str, answer: Mapping[str, Any], view: _View, depth: int
    ) -> Line:
        """A line, or an answer below one: an annotation, or a job's whole answer."""
        part = self._begun(head, name)
        self._add_categories(part, name, answer, view, depth)
        for key in ("score", "mid"):
            if answer.get(key) is not None:
                part.shown[key] = answer[key]
        mid = answer.get("mid")
        if isinstance(mid, str) and mid in view.names:
            part.shown["name"] = view.names[mid]
        self._add_tool(part, name, answer)
        if "isKeyFrame" in answer:
            part.shown["isKeyFrame"] = answer["isKeyFrame"]
        if view.rotation and depth == 0:
            part.shown["rotation"] = view.rotation
        if place := geometry_of(answer, view.canvas, part.note):
            part.shown["geometry"] = place
        _add_text_and_file(part, answer)
        if answer.get("children"):
            part.shown["children"] = self._children(part, answer["children"], view, depth)
        note_unheld(answer, _HELD, part.note)
        return part.finished()

    def _add_tool(self, part: _Part, name: str, answer: Mapping[str, Any]) -> None:
        kind = answer.get("type")
        job = self._jobs.get(name)
        detects = job is not None and job.ml_task == "OBJECT_DETECTION"
        # Documents had boxes before they had other shapes, and those bear no type.
        if kind is None and detects and self._project.input_type == "PDF":
            kind = "rectangle"
        if kind is not None:
            part.shown["type"] = kind

    def _add_categories(
        self, part: _Part, name: str, answer: Mapping[str, Any], view: _View, depth: int
    ) -> None:
        given = answer.get("categories")
        listed = given if isinstance(given, list) else []
        if given is not None and not isinstance(given, list):
            part.note("its categories are no list")
        shown = [self._category(part, name, one, view, depth) for one in listed]
        if shown:
            part.shown |= {"category": shown[0]["key"], "categoryName": shown[0]["name"]}
        part.shown["categories"] = shown
        if shown and "confidence" in shown[0]:
            part.shown["confidence"] = shown[0]["confidence"]

    def _category(self, part: _Part, name: str, given: Any, view: _View, depth: int) -> Line:
        key = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(key, str):
            part.note("a category cannot be read")
            return {"key": None, "name": None}
        friendly = self._category_name(name, key)
        if friendly is None and name in self._jobs:
            part.note(f"job {name} has no category {key}")
        shown: Line = {"key": key, "name": friendly}
        if given.get("confidence") is not None:
            shown["confidence"] = given["confidence"]
        if given.get("children"):
            shown["children"] = self._children(part, given["children"], view, depth)
        note_unheld(given, _HELD_OF_CATEGORIES, part.note)
        return shown

    def _category_name(self, job: str, key: str) -> str | None:
        known = self._jobs[job].categories if job in self._jobs else ()
        return next((category.name for category in known if category.key == key), None)

    def _children(self, part: _Part, children: Any, view: _View, depth: int) -> list[Line]:
        if not isinstance(children, Mapping):
            part.note("its children are no object")
            return []
        if depth >= DEEPEST:
            part.note(f"its children nest more than {DEEPEST} deep and are left out")
            return []
        return [
            answer
            for name, given in children.items()
            if name not in BOOKKEEPING
            for answer in self._child_answers(part, name, given, view, depth + 1)
        ]

    def _child_answers(
        self, part: _Part, name: str, given: Any, view: _View, depth: int
    ) -> Iterator[Line]:
        if not isinstance(given, Mapping):
            part.note(f"the answer to its child {name} is no object")
            return
        annotations = given.get("annotations")
        for annotation in annotations if isinstance(annotations, list) else ():
            if isinstance(annotation, Mapping):
                yield self._part({}, name, annotation, view, depth)
            else:
                part.note(f"an annotation of its child {name} is no object")
        if given.keys() - {"annotations", "isKeyFrame"}:
            yield self._part({}, name, {**given, "annotations": None}, view, depth)

    def _canvas(self, asset: JsonObject, rotation: Any) -> Canvas:
        kind = self._project.input_type
        if kind == "PDF":
            # Nobody says how vertices on a turned page are meant: then there are no pixels.
            return Canvas() if rotation else Canvas(pages=_page_sizes(asset))
        if kind == "GEOSPATIAL":
            layers = asset.get("geospatialExportMetadata")
            first = layers[0] if isinstance(layers, list) and layers else None
            size = size_in(first) if self._project.is_labeled_in_pixels else None
            # In whole pixels, as the SDK counts them.
            return Canvas(None if size is None else (int(size[0]), int(size[1])))
        if _is_on_earth(asset.get("jsonContent")):
            return Canvas()
        return Canvas(size_in(asset.get("resolution")), rotation=rotation)


def _add_text_and_file(part: _Part, answer: Mapping[str, Any]) -> None:
    if "text" in answer:
        part.shown["text"] = answer["text"]
    if answer.get("fileId") is not None:
        part.shown["file"] = {new: answer.get(old) for old, new in _FILE_FIELDS.items()}
        if _FILE_PATH in answer:
            part.shown["file"]["path"] = answer[_FILE_PATH]


def _head(asset: JsonObject, label: JsonObject) -> Line:
    author = label.get("author")
    return {
        "assetId": asset.get("id"),
        "externalId": asset.get("externalId"),
        "labelId": label.get("id"),
        "author": author.get("email") if isinstance(author, Mapping) else None,
        "labelType": label.get("labelType"),
        "createdAt": label.get("createdAt"),
    }


def _friendly(job: Job) -> str:
    """What people see of a job, chosen as in GeoJSON exports."""
    return str(job.definition.get("exportName") or job.definition.get("instruction") or job.name)


def _is_frame(key: str, value: Any) -> bool:
    number = key.isascii() and key.isdigit() and len(key) <= _LONGEST_NUMBER
    return number and isinstance(value, Mapping)


def _is_on_earth(layers: Any) -> bool:
    """Whether labels of a picture hold longitudes and latitudes: its first layer tells."""
    first = layers[0] if isinstance(layers, list) and layers else None
    if not isinstance(first, Mapping) or first.get("useClassicCoordinates") is not False:
        return False
    return bool(first.get("epsg", "TiledImage") != "TiledImage")


def _page_sizes(asset: JsonObject) -> dict[int, tuple[int | float, int | float]]:
    pages = asset.get("pageResolutions")
    sizes = {}
    for page in pages if isinstance(pages, list) else ():
        size = size_in(page)
        number = page.get("pageNumber") if isinstance(page, Mapping) else None
        if size is not None and is_number(number):
            sizes[int(number)] = size
    return sizes
