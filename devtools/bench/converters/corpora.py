"""Labels to convert, as the server answers them: real ones, large masks, and generated ones.

A corpus holds JSON texts. Each conversion parses them again, outside of what is measured, because
the SDK changes what it converts.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Any

import orjson

from devtools.bench.converters.traced_masks import Outline, traced_mask
from devtools.corpus.drawing import Json, Points, box, job, outline
from devtools.parity.real_pictures import real_pictures, real_pictures_are_there
from kili_export.core.project import Project

Answer = dict[str, Any]
_CATEGORIES = ("CAR", "BUS", "PERSON", "TREE")
_SEED = 7


@dataclass(frozen=True, slots=True)
class Corpus:
    """Assets of a project of pictures, each with its latest label, as JSON texts."""

    name: str
    project: Project
    texts: tuple[bytes, ...]

    def answers(self) -> list[Answer]:
        """The assets parsed, which the caller may change."""
        return [orjson.loads(text) for text in self.texts]

    def megabytes(self) -> float:
        """The size of the JSON texts."""
        return sum(map(len, self.texts)) / 1e6


def real_corpus(count: int) -> Corpus | None:
    """`count` pictures of a sample of COCO 2017, repeated; None where the sample is absent."""
    if not real_pictures_are_there():
        return None
    sample = real_pictures(_SEED)
    responses = [
        (orjson.loads(asset.labels[0].content.render()), asset.resolution or (1, 1))
        for asset in sample.assets.values()
    ]
    return _corpus("real", sample.json_interface["jobs"], cycle(responses), count)


def generated_corpus(count: int) -> Corpus:
    """`count` pictures like those of the sample: outlines of some points, and boxes around them."""
    random = Random(_SEED)
    shapes = iter(lambda: [_blot(random) for _ in range(11)], [])
    return _corpus("generated", _jobs(), map(_drawn, shapes), count)


def mask_corpus(count: int) -> Corpus:
    """`count` pictures of three large masks each, traced along pixels, and boxes around them."""
    random = Random(_SEED)
    traced = [traced_mask(random, size) for size in (220, 280, 340)]
    shapes = [_placed(rings, shift) for rings in traced for shift in (0.0, 0.1, 0.2)]
    drawn = [_drawn(shapes[first::3]) for first in range(3)]
    return _corpus("masks", _jobs(), cycle(drawn), count)


def _jobs() -> Json:
    return {
        "MASKS": job(_CATEGORIES, ["semantic"]),
        "BOXES": job(_CATEGORIES, ["rectangle"]),
    }


Drawn = tuple[Json, tuple[int, int]]


def _drawn(shapes: Sequence[Sequence[Points]]) -> Drawn:
    """A mask for each shape, and a box around it."""
    masks, boxes = [], []
    for number, rings in enumerate(shapes):
        category = _CATEGORIES[number % len(_CATEGORIES)]
        masks.append(outline("semantic", category, *rings, mid=f"mask-{number}"))
        xs, ys = zip(*rings[0], strict=True)
        boxes.append(box(category, min(xs), min(ys), max(xs), max(ys), mid=f"box-{number}"))
    return {"MASKS": {"annotations": masks}, "BOXES": {"annotations": boxes}}, (4000, 3000)


def _placed(rings: Sequence[Outline], shift: float) -> list[Points]:
    """Corners of pixels as fractions of a picture of 1,000 by 750 pixels."""
    return [[(x / 1000 + shift, y / 750 + shift) for x, y in ring] for ring in rings]


def _blot(random: Random) -> list[Points]:
    """A ring around a centre that never crosses itself: its angles only grow."""
    corners, points = random.randint(5, 35), []
    x, y = random.uniform(0.1, 0.9), random.uniform(0.1, 0.9)
    for number in range(corners):
        angle = math.tau * number / corners
        radius = 0.05 * random.uniform(0.5, 1.5)
        points.append((x + radius * math.cos(angle), y + radius * math.sin(angle)))
    return [points]


def _corpus(name: str, jobs: Json, drawn: Iterator[Drawn], count: int) -> Corpus:
    project = Project(
        project_id="bench",
        title="Bench",
        description=None,
        input_type="IMAGE",
        json_interface={"jobs": jobs},
    )
    texts = tuple(
        orjson.dumps(_answer(number, response, size))
        for number, (response, size) in enumerate(islice(drawn, count))
    )
    return Corpus(name, project, texts)


def _answer(number: int, response: Json, size: tuple[int, int]) -> Answer:
    return {
        "id": f"asset-{number:06d}",
        "externalId": f"pictures/{number:06d}.jpg",
        "content": f"https://media.example/{number:06d}.jpg?X-Signature=s{number}",
        "jsonContent": "",
        "jsonMetadata": {},
        "pageResolutions": None,
        "resolution": {"width": size[0], "height": size[1]},
        "status": "LABELED",
        "latestLabel": {
            "author": {
                "email": "ada@example.com",
                "firstname": "Ada",
                "id": "user-1",
                "lastname": "Adams",
            },
            "createdAt": "2026-01-02T03:04:05.678Z",
            "isLatestLabelForUser": True,
            "isSentBackToQueue": False,
            "jsonResponse": response,
            "jsonResponseUrl": None,
            "labelType": "DEFAULT",
            "modelName": None,
        },
    }
