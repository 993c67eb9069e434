"""Pixel coordinates beside the fractions in answers on documents, page by page."""

from collections.abc import Mapping
from typing import Any

from kili_export.core.project import Project
from kili_export.formats.common.format import LossCollector
from kili_export.formats.common.jobs import OBJECT_DETECTION, place_of
from kili_export.formats.common.pixels import Size, Unreadable, scaled
from kili_export.formats.shapes.geometry import rotation_of
from kili_export.formats.shapes.numbers import is_number

_NAMED_ENTITIES = "NAMED_ENTITIES_RECOGNITION"
_NO_PIXELS = "an annotation is written without pixels: its pages or its shape are not known"
_TURNED = "a document's view was turned, so its label is written without pixels"


def with_page_pixels(
    response: Mapping[str, Any], fields: Mapping[str, Any], project: Project, losses: LossCollector
) -> Mapping[str, Any]:
    """The answers of a label with `vertices` beside the fractions of each page.

    The SDK gives up the whole export where pages are not known or the view was turned; here such
    a label is written with fractions alone, and reported.
    """
    if rotation_of(response) in (90, 270):
        losses.add(_TURNED)
        return response
    pages = _page_sizes(fields.get("pageResolutions"))
    tasks = (OBJECT_DETECTION, _NAMED_ENTITIES)
    jobs = {job.name for job in project.jobs() if job.ml_task in tasks}
    return {
        job: _answer(job, answer, pages, losses) if job in jobs else answer
        for job, answer in response.items()
    }


def _page_sizes(resolutions: Any) -> dict[Any, Size]:
    sizes: dict[Any, Size] = {}
    for page in resolutions if isinstance(resolutions, list) else []:
        if isinstance(page, Mapping) and isinstance(page.get("pageNumber"), int):
            width, height = page.get("width"), page.get("height")
            if is_number(width) and is_number(height):
                sizes[page["pageNumber"]] = (width, height)
    return sizes


def _answer(job: str, answer: Any, pages: Mapping[Any, Size], losses: LossCollector) -> Any:
    annotations = answer.get("annotations") if isinstance(answer, Mapping) else None
    if not isinstance(annotations, list) or not annotations:
        return answer
    return {
        **answer,
        "annotations": [_annotation(job, item, pages, losses) for item in annotations],
    }


def _annotation(job: str, annotation: Any, pages: Mapping[Any, Size], losses: LossCollector) -> Any:
    if not isinstance(annotation, Mapping):
        return annotation
    changed = dict(annotation)
    inner = annotation.get("annotations")
    if isinstance(inner, list):
        changed["annotations"] = [_annotation(job, item, pages, losses) for item in inner]
    if "polys" in annotation and "boundingPoly" in annotation:
        try:
            for name in ("polys", "boundingPoly"):
                changed[name] = _shapes(annotation[name], annotation.get("pageNumberArray"), pages)
        except Unreadable:
            losses.add(_NO_PIXELS, place_of(job, annotation))
            return annotation
    return changed


def _shapes(shapes: Any, numbers: Any, pages: Mapping[Any, Size]) -> list[Any]:
    """The shapes with their pixels, one for each page number: the longer list is cut."""
    if not isinstance(shapes, list) or not isinstance(numbers, list):
        raise Unreadable
    return [_shape(shape, number, pages) for shape, number in zip(shapes, numbers, strict=False)]


def _shape(shape: Any, number: Any, pages: Mapping[Any, Size]) -> Any:
    size = pages.get(number) if isinstance(number, int) else None
    if size is None or not isinstance(shape, Mapping) or "normalizedVertices" not in shape:
        raise Unreadable
    return {**shape, "vertices": scaled(shape["normalizedVertices"], size)}
