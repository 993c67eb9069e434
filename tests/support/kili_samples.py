"""Projects, assets and labels as the server answers them, for tests of formats."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from kili_export.core.asset import FetchedAsset
from kili_export.core.project import Project

Json = dict[str, Any]


def job(
    categories: Sequence[str] | Mapping[str, Any],
    tools: Sequence[str] | None = ("rectangle",),
    task: str = "OBJECT_DETECTION",
    **more: Any,
) -> Json:
    """A job of an interface; categories by key, named like it with a capital."""
    if not isinstance(categories, Mapping):
        categories = {key: {"name": f"{key} (friendly)", "children": []} for key in categories}
    declared: Json = {
        "mlTask": task,
        "instruction": "Draw",
        "isChild": False,
        "required": 1,
        "content": {"input": "radio", "categories": dict(categories)},
        **more,
    }
    return declared if tools is None else {**declared, "tools": list(tools)}


def project(jobs: Mapping[str, Json], input_type: str = "IMAGE", **more: Any) -> Project:
    """A project whose interface has these jobs."""
    return Project(
        **{
            "project_id": "proj1",
            "title": "My title é",
            "description": "Desc",
            "input_type": input_type,
            "json_interface": {"jobs": dict(jobs)},
            **more,
        }
    )


def label(response: Json, **more: Any) -> Json:
    """A label with every field that exports ask for."""
    return {
        "id": "la_1",
        "author": {"id": "u1", "email": "a@b.c", "firstname": "Ada", "lastname": "Löwe"},
        "createdAt": "2026-11-20T10:00:00.000Z",
        "isLastForStep": True,
        "isLatestLabelForUser": True,
        "isSentBackToQueue": False,
        "jsonResponse": response,
        "jsonResponseUrl": None,
        "labelType": "DEFAULT",
        "modelName": None,
        **more,
    }


def asset(number: int, name: str, *labels: Json | None, **more: Any) -> Json:
    """An asset with these labels, under every selection by which labels can be asked for."""
    url = f"https://storage.example/{number}.jpg?X-Signature=s{number}&Expires=1"
    return {
        "id": f"as_{number}",
        "externalId": name,
        "content": url,
        "jsonContent": "",
        "jsonMetadata": {},
        "status": "LABELED",
        "pageResolutions": None,
        "resolution": {"height": 400, "width": 1000},
        "latestLabel": labels[-1] if labels else None,
        "latestLabels": list(labels),
        "labels": [item for item in labels if item is not None],
        **more,
    }


def fetched(answer: Mapping[str, Any], json_content: Any = None) -> FetchedAsset:
    """The asset as our client hands it to the formats.

    `json_content` is what its `jsonContent` points to, which the client reads for some formats.
    """
    answer = copy.deepcopy(dict(answer))
    selections = ("latestLabel", "latestLabels", "labels")
    latest_labels, labels = answer.get("latestLabels"), answer.get("labels")
    return FetchedAsset(
        asset_id=answer["id"],
        external_id=answer["externalId"],
        order_key=answer["id"],
        fields={name: value for name, value in answer.items() if name not in selections},
        latest_label=answer.get("latestLabel"),
        latest_labels=None if latest_labels is None else tuple(latest_labels),
        labels=None if labels is None else tuple(labels),
        json_content=json_content,
    )


def ring(*points: tuple[Any, Any]) -> Json:
    """An item of a `boundingPoly`."""
    return {"normalizedVertices": [{"x": x, "y": y} for x, y in points]}


def shape(kind: str, category: str, *rings: Json, **more: Any) -> Json:
    """An annotation with an outline and holes."""
    return {
        "categories": [{"name": category, "confidence": 100}],
        "children": {},
        "mid": f"m-{kind}-{category}",
        "type": kind,
        "boundingPoly": list(rings),
        **more,
    }


def box(category: str, left: Any, top: Any, right: Any, bottom: Any, **more: Any) -> Json:
    """A rectangle, its points in the order in which Kili's interface writes them."""
    points = ((left, bottom), (left, top), (right, top), (right, bottom))
    return shape("rectangle", category, ring(*points), **more)


def answers(**jobs: list[Any]) -> Json:
    """A response with these annotations by job."""
    return {name: {"annotations": annotations} for name, annotations in jobs.items()}
