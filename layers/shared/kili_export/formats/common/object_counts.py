"""How many objects of each class the exported labels of an asset have, and how large they are."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from kili_export.core.asset import SelectedAsset
from kili_export.core.object_counts import ObjectCount
from kili_export.core.project import Project
from kili_export.formats.common.frame_pictures import frame_number, is_video
from kili_export.formats.common.jobs import (
    annotations_of,
    first_category,
    response_of,
    rings_of,
)
from kili_export.formats.common.refusals import is_geotiff

SMALL: Final = 0.01
"""An object is small if its bounding box covers less of the picture."""
MEDIUM: Final = 0.1
"""It is medium if it covers less than this, else large."""
_GEOSPATIAL: Final = "GEOSPATIAL"
_SIZES: Final = 3


def counted_classes(project: Project, jobs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The keys of the categories of some jobs, by job."""
    return {
        job.name: frozenset(category.key for category in job.categories)
        for job in project.jobs()
        if job.name in jobs
    }


def count_objects(
    asset: SelectedAsset, project: Project, classes: Mapping[str, frozenset[str]]
) -> tuple[ObjectCount, ...]:
    """Annotations by job and first category, and answers to classifications by category.

    Of these classes alone, in all labels of the asset; of a video in each frame. Objects are sized
    by the first outline, where vertices are fractions of a picture.
    """
    sized = project.input_type != _GEOSPATIAL and not is_geotiff(asset)
    found: dict[tuple[str, str], list[int]] = {}
    for response in _responses(asset, project):
        for job, keys in classes.items():
            for category, annotation in _categories(response, job):
                if category not in keys:
                    continue
                numbers = found.setdefault((job, category), [0] * (1 + _SIZES))
                numbers[0] += 1
                share = _share(annotation) if sized and annotation is not None else None
                if share is not None:
                    numbers[1 + (share >= SMALL) + (share >= MEDIUM)] += 1
    return tuple(ObjectCount(*key, *numbers) for key, numbers in sorted(found.items()))


def _responses(asset: SelectedAsset, project: Project) -> Iterator[Mapping[str, Any]]:
    """The answers of every label, or of every frame of every label."""
    for label in asset.labels:
        response = response_of(label)
        if not is_video(project):
            yield response
            continue
        for key, answers in response.items():
            if frame_number(key) is not None and isinstance(answers, Mapping):
                yield answers


def _categories(
    response: Mapping[str, Any], job: str
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Categories of a job's annotations, each with its annotation, and of a classification."""
    for annotation in annotations_of(response, job):
        if isinstance(annotation, Mapping):
            category = first_category(annotation)
            if category is not None:
                yield category, annotation
    answer = response.get(job)
    chosen = answer.get("categories") if isinstance(answer, Mapping) else None
    for category in chosen if isinstance(chosen, list) else ():
        name = category.get("name") if isinstance(category, Mapping) else None
        if isinstance(name, str):
            yield name, None


def _share(annotation: Mapping[str, Any]) -> float | None:
    """How much of the picture the bounding box of the first outline covers; None if not known."""
    rings = rings_of(annotation)
    vertices = rings[0].get("normalizedVertices") if rings and isinstance(rings[0], dict) else None
    if not isinstance(vertices, list) or not vertices:
        return None
    try:
        across = [vertex["x"] for vertex in vertices]
        down = [vertex["y"] for vertex in vertices]
        return float((max(across) - min(across)) * (max(down) - min(down)))
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
