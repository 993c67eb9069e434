"""A project of real annotations, where a sample of COCO 2017 lies beside the checkout."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson

from devtools.corpus.drawing import Json, box, job, outline
from devtools.corpus.pictures import document, label, picture
from kili_export.local.kili_standin.projects.project_documents import read_project
from kili_export.local.kili_standin.state.model import Project

_ANNOTATIONS = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "coco-real" / "instances.json"
)


def real_pictures_are_there() -> bool:
    """Whether the sample can be read."""
    return _ANNOTATIONS.is_file()


def real_pictures(seed: int) -> Project:
    """The sample as a project: a job of masks and one of boxes. Raises OSError without it."""
    sample = orjson.loads(_ANNOTATIONS.read_bytes())
    keys = {category["id"]: category["name"].upper() for category in sample["categories"]}
    pictures = {one["id"]: one for one in sample["images"]}
    drawn: dict[int, tuple[list[Json], list[Json]]] = defaultdict(lambda: ([], []))
    for annotation in sample["annotations"]:
        of = pictures[annotation["image_id"]]
        masks, boxes = drawn[of["id"]]
        size, key = (of["width"], of["height"]), keys[annotation["category_id"]]
        boxes.append(_box(annotation, key, size))
        masks.extend(_masks(annotation, key, size))
    categories = list(dict.fromkeys(keys.values()))
    jobs = {"MASKS": job(categories, ["semantic"]), "BOXES": job(categories, ["rectangle"])}
    assets = [
        picture(
            of["file_name"],
            label({"MASKS": {"annotations": masks}, "BOXES": {"annotations": boxes}}),
            size=(of["width"], of["height"]),
        )
        for of in pictures.values()
        for masks, boxes in (drawn[of["id"]],)
    ]
    project = document("Real pictures", jsonInterface={"jobs": jobs}, assets=assets)
    return read_project(project, seed=seed * 1_000 + 999)


def _box(annotation: dict[str, Any], key: str, size: tuple[int, int]) -> Json:
    left, top, width, height = annotation["bbox"]
    across, down = size
    sides = (left / across, top / down, (left + width) / across, (top + height) / down)
    return box(key, *sides, mid=str(annotation["id"]))


def _masks(annotation: dict[str, Any], key: str, size: tuple[int, int]) -> list[Json]:
    rings = annotation["segmentation"]
    if not isinstance(rings, list):
        return []
    across, down = size
    return [
        outline(
            "semantic",
            key,
            [(x / across, y / down) for x, y in zip(flat[::2], flat[1::2], strict=True)],
            mid=str(annotation["id"]),
        )
        for flat in rings
    ]
