"""Answers (jsonResponse) to an interface: the truth about a scene, chance ones, and edits.

Vertices are normalised to the picture as the labeller saw it, so a label with a ROTATION_JOB has
its vertices turned along.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

import orjson

from kili_export.local.kili_standin.projects.scenes import Scene, Shape, make_scene

Answers = dict[str, Any]
Vertex = dict[str, float]
BOX_JOB = "OBJECTS"
MASK_JOB = "SURFACES"
CLASS_JOB = "SCENE"
CHILD_JOB = "WEATHER"
SCENE_INTERFACE: dict[str, Any] = {
    "jobs": {
        BOX_JOB: {
            "content": {
                "categories": {
                    "BOX": {"children": [], "color": "#D64541", "name": "Box"},
                    "BALL": {"children": [], "color": "#F4D03F", "name": "Ball"},
                    "CONE": {"children": [], "color": "#F39C12", "name": "Traffic cone"},
                    "FLAG": {"children": [], "color": "#9B59B6", "name": "Flag"},
                },
                "input": "radio",
            },
            "instruction": "Draw a box around every object",
            "isChild": False,
            "mlTask": "OBJECT_DETECTION",
            "models": {},
            "required": 0,
            "tools": ["rectangle"],
        },
        MASK_JOB: {
            "content": {
                "categories": {
                    "PUDDLE": {"children": [], "color": "#3498DB", "name": "Puddle"},
                    "PATH": {"children": [], "color": "#95A5A6", "name": "Path"},
                },
                "input": "radio",
            },
            "instruction": "Paint the surfaces",
            "isChild": False,
            "mlTask": "OBJECT_DETECTION",
            "models": {},
            "required": 0,
            "tools": ["semantic"],
        },
        CLASS_JOB: {
            "content": {
                "categories": {
                    "DAY": {"children": [CHILD_JOB], "color": "#D5E8D4", "name": "By day"},
                    "NIGHT": {"children": [], "color": "#2C3E50", "name": "At night"},
                },
                "input": "radio",
            },
            "instruction": "When was it taken?",
            "isChild": False,
            "mlTask": "CLASSIFICATION",
            "required": 1,
        },
        CHILD_JOB: {
            "content": {
                "categories": {
                    "CLEAR": {"children": [], "name": "Clear sky"},
                    "RAIN": {"children": [], "name": "Rain"},
                },
                "input": "radio",
            },
            "instruction": "What was the weather like?",
            "isChild": True,
            "mlTask": "CLASSIFICATION",
            "required": 0,
        },
    }
}


@dataclass(frozen=True, slots=True)
class SceneContent:
    """A label of a scene, worked out when it is read.

    `variant` 0 is the exact truth; another one is a person's, a little off. `rotation` is that of
    the view, in degrees.
    """

    seed: int
    width: int
    height: int
    variant: int = 0
    rotation: int = 0

    def render(self) -> bytes:
        """The jsonResponse, serialised."""
        return _rendered(self)


@lru_cache(maxsize=4096)
def _rendered(content: SceneContent) -> bytes:
    answers = truth(make_scene(content.seed, content.width, content.height), content.rotation)
    if content.variant:
        answers = edited(answers, Random(content.seed * 1009 + content.variant))
    return orjson.dumps(answers)


def truth(scene: Scene, rotation: int = 0) -> Answers:
    """The right answer for a scene."""
    answers: Answers = {}
    if scene.objects:
        answers[BOX_JOB] = {
            "annotations": [
                _annotation(shape, [_box(scene, shape, rotation)], "rectangle", number)
                for number, shape in enumerate(scene.objects)
            ]
        }
    if scene.surfaces:
        answers[MASK_JOB] = {
            "annotations": [
                _annotation(shape, _rings(scene, shape, rotation), "semantic", 100 + number)
                for number, shape in enumerate(scene.surfaces)
            ]
        }
    answers[CLASS_JOB] = {"categories": [_daytime(scene)]}
    if rotation:
        answers["ROTATION_JOB"] = {"rotation": rotation}
    return answers


def _daytime(scene: Scene) -> Answers:
    category: Answers = {"confidence": 100, "name": scene.daytime}
    if scene.daytime == "DAY":
        category["children"] = {
            CHILD_JOB: {"categories": [{"confidence": 100, "name": scene.weather}]}
        }
    return category


def _annotation(shape: Shape, rings: list[list[Vertex]], kind: str, number: int) -> Answers:
    left, top, _, _ = shape.bounds()
    return {
        "boundingPoly": [{"normalizedVertices": ring} for ring in rings],
        "categories": [{"confidence": 100, "name": shape.category}],
        "children": {},
        "mid": f"20260105080000{number:03d}-{left * 100 + top}",
        "type": kind,
    }


def _box(scene: Scene, shape: Shape, rotation: int) -> list[Vertex]:
    left, top, right, bottom = shape.bounds()
    corners = ((left, bottom), (left, top), (right, top), (right, bottom))
    return [_vertex(scene, x, y, rotation) for x, y in corners]


def _rings(scene: Scene, shape: Shape, rotation: int) -> list[list[Vertex]]:
    return [[_vertex(scene, x, y, rotation) for x, y in ring] for ring in shape.rings]


def _vertex(scene: Scene, x: int, y: int, rotation: int) -> Vertex:
    u, v = x / scene.width, y / scene.height
    seen = {90: (1 - v, u), 180: (1 - u, 1 - v), 270: (v, 1 - u)}.get(rotation, (u, v))
    return {"x": seen[0], "y": seen[1]}


def edited(answers: Answers, random: Random) -> Answers:
    """The answers with one thing changed: an annotation moved, removed or doubled.

    Answers without annotations come back as they are.
    """
    changed = _copied(answers)
    lists = list(_annotation_lists(changed))
    if not lists:
        return changed
    annotations = random.choice(lists)
    at = random.randrange(len(annotations))
    deed = random.random()
    if deed < 0.15 and len(annotations) > 1:
        del annotations[at]
    elif deed < 0.3:
        annotations.append(_moved(annotations[at], random))
    else:
        annotations[at] = _moved(annotations[at], random)
    return changed


def _annotation_lists(answers: Answers) -> Iterator[list[Answers]]:
    """The lists of annotations that hold something, of every job and of every frame's jobs."""
    for answer in answers.values():
        if not isinstance(answer, dict):
            continue
        annotations = answer.get("annotations")
        if isinstance(annotations, list) and annotations and all(annotations):
            yield annotations
        elif annotations is None:
            yield from _annotation_lists(answer)


def _moved(annotation: Answers, random: Random) -> Answers:
    across, down = random.uniform(-0.03, 0.03), random.uniform(-0.03, 0.03)
    moved = _copied(annotation)
    for ring in moved.get("boundingPoly") or []:
        for vertex in ring.get("normalizedVertices") or []:
            vertex["x"] = min(max(vertex["x"] + across, 0.0), 1.0)
            vertex["y"] = min(max(vertex["y"] + down, 0.0), 1.0)
    moved["mid"] = f"20260105090000000-{random.randrange(100000)}"
    return moved


def _copied(answers: Answers) -> Answers:
    copied: Answers = orjson.loads(orjson.dumps(answers))
    return copied


def random_answers(interface: dict[str, Any], random: Random) -> Answers:
    """An answer by chance to the top-level jobs of any interface.

    Shape jobs get one to three annotations with a rectangle's vertices under their first tool,
    classifications their first category or another; other tasks are left unanswered.
    """
    answers: Answers = {}
    for name, job in interface.get("jobs", {}).items():
        categories = list((job.get("content") or {}).get("categories") or {})
        if job.get("isChild") or not categories:
            continue
        if job.get("mlTask") == "CLASSIFICATION":
            answers[name] = {"categories": [{"confidence": 100, "name": random.choice(categories)}]}
        elif job.get("mlTask") == "OBJECT_DETECTION" and job.get("tools"):
            answers[name] = {
                "annotations": [
                    _by_chance(random.choice(categories), job["tools"][0], random)
                    for _ in range(random.randint(1, 3))
                ]
            }
    return answers


def _by_chance(category: str, tool: str, random: Random) -> Answers:
    left, top = random.uniform(0, 0.7), random.uniform(0, 0.7)
    right, bottom = left + random.uniform(0.05, 0.3), top + random.uniform(0.05, 0.3)
    corners = ((left, bottom), (left, top), (right, top), (right, bottom))
    return {
        "boundingPoly": [{"normalizedVertices": [{"x": x, "y": y} for x, y in corners]}],
        "categories": [{"confidence": 100, "name": category}],
        "children": {},
        "mid": f"20260105100000000-{random.randrange(100000)}",
        "type": tool,
    }
