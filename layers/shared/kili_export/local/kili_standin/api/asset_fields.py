"""How each field of an asset and of a label is read, as the API shows it.

Answers are built from views, one per object and answer, so that an asset's labels are picked once
however many of its fields look at them.
"""

from collections.abc import Callable
from typing import Any

import orjson

from kili_export.local.kili_standin.changes.label_changes import count_annotations
from kili_export.local.kili_standin.state import label_rules
from kili_export.local.kili_standin.state.identifiers import iso
from kili_export.local.kili_standin.state.model import Asset, Label, Project
from kili_export.local.kili_standin.state.state import WorldState


class AssetView:
    """An asset in one answer."""

    __slots__ = ("_labels", "asset", "project", "world")

    def __init__(self, world: WorldState, project: Project, asset: Asset) -> None:
        self.world = world
        self.project = project
        self.asset = asset
        self._labels: list[Label] | None = None

    @property
    def labels(self) -> list[Label]:
        """The labels that are visible in this answer."""
        if self._labels is None:
            self._labels = self.world.visible_labels(self.asset, counted=True)
        return self._labels

    def view(self, label: Label) -> "LabelView":
        """One of its labels in the same answer."""
        return LabelView(self, label)


class LabelView:
    """A label in one answer."""

    __slots__ = ("label", "of")

    def __init__(self, of: AssetView, label: Label) -> None:
        self.of = of
        self.label = label


def content_url(view: AssetView) -> str:
    """A link to the media: somebody else's, the API's own, a fresh signed one, or nothing."""
    asset = view.asset
    if asset.content_url is not None:
        return asset.content_url
    if asset.media is None:
        return ""
    if view.project.media_behind_key:
        return f"{view.world.urls.base}/api/label/v2/files?id={asset.id}"
    return view.world.urls.sign(f"/bucket/media/{asset.id}")


def json_content(view: AssetView) -> str:
    """A fresh signed link to the asset's JSON document, or nothing."""
    if view.asset.json_content is None and not view.asset.frames:
        return ""
    return view.world.urls.sign(f"/bucket/json-content/{view.asset.id}.json")


def _latest_label(view: AssetView) -> LabelView | None:
    label = label_rules.latest_label(view.labels)
    return view.view(label) if label else None


def _latest_labels(view: AssetView) -> list[LabelView | None]:
    latest = label_rules.latest_labels(view.asset, view.labels)
    return [view.view(label) if label else None for label in latest]


def _current_step(view: AssetView) -> dict[str, str] | None:
    here = label_rules.position(view.project, view.asset, view.labels)
    if here is None:
        return None
    return {"id": here.step.id, "name": here.step.name, "status": here.status}


def _resolution(view: AssetView) -> dict[str, int] | None:
    size = view.asset.resolution
    return {"width": size[0], "height": size[1]} if size else None


def _json_response(view: LabelView) -> str:
    if not view.of.project.inline_json_response:
        return "{}"
    return view.of.world.content(view.label, counted=True).render().decode()


def _json_response_url(view: LabelView) -> str | None:
    if view.of.project.inline_json_response:
        return None
    return view.of.world.urls.sign(f"/bucket/labels/{view.of.asset.id}/{view.label.id}.json")


def _number_of_annotations(view: LabelView) -> int:
    content = view.of.world.content(view.label, counted=False)
    return count_annotations(orjson.loads(content.render()))


def _step_of_label(view: LabelView) -> dict[str, str] | None:
    step = view.of.project.step_of_label(view.label)
    return {"id": step.id, "name": step.name, "status": "DONE"} if step else None


def _is_latest(label_type: str) -> Callable[[LabelView], bool]:
    return lambda view: label_rules.is_latest_of_type(view.of.labels, view.label, label_type)


ASSET_FIELDS: dict[str, Callable[[AssetView], Any]] = {
    "id": lambda view: view.asset.id,
    "externalId": lambda view: view.asset.external_id,
    "content": content_url,
    "jsonContent": json_content,
    "jsonMetadata": lambda view: orjson.dumps(view.asset.json_metadata).decode(),
    "status": lambda view: label_rules.asset_status(view.asset, view.labels),
    "currentStep": _current_step,
    "resolution": _resolution,
    "pageResolutions": lambda view: view.asset.page_resolutions,
    "geospatialExportMetadata": lambda view: view.asset.geospatial_export_metadata,
    "createdAt": lambda view: iso(view.asset.created_at),
    "updatedAt": lambda view: iso(view.asset.updated_at),
    "skipped": lambda view: view.asset.skipped,
    "isHoneypot": lambda view: view.asset.is_honeypot,
    "isUsedForConsensus": lambda view: view.asset.is_used_for_consensus,
    "consensusMark": lambda view: view.asset.consensus_mark,
    "honeypotMark": lambda view: view.asset.honeypot_mark,
    "inferenceMark": lambda view: view.asset.inference_mark,
    "priority": lambda view: view.asset.priority,
    "issues": lambda view: view.asset.issues,
    "assignees": lambda view: view.asset.assignees,
    "project": lambda view: view.project,
    "labels": lambda view: [view.view(label) for label in view.labels],
    "latestLabel": _latest_label,
    "latestLabels": _latest_labels,
}
LABEL_FIELDS: dict[str, Callable[[LabelView], Any]] = {
    "id": lambda view: view.label.id,
    "author": lambda view: view.label.author,
    "authorId": lambda view: view.label.author.id,
    "assetId": lambda view: view.of.asset.id,
    "labelOf": lambda view: view.of,
    "assetStep": _step_of_label,
    "labelType": lambda view: view.label.label_type,
    "jsonResponse": _json_response,
    "jsonResponseUrl": _json_response_url,
    "createdAt": lambda view: iso(view.label.created_at),
    "updatedAt": lambda view: iso(view.label.updated_at),
    "isLatestLabelForUser": lambda view: label_rules.is_latest_for_user(view.of.labels, view.label),
    "isLatestDefaultLabelForUser": _is_latest("DEFAULT"),
    "isLatestReviewLabelForUser": _is_latest("REVIEW"),
    "isLastForStep": lambda view: label_rules.is_last_for_step(
        view.of.asset, view.of.labels, view.label
    ),
    "isSentBackToQueue": lambda view: view.label.is_sent_back,
    "modelName": lambda view: view.label.model_name,
    "secondsToLabel": lambda view: view.label.seconds_to_label,
    "version": lambda view: view.label.version,
    "numberOfAnnotations": _number_of_annotations,
    "honeypotMark": lambda view: view.label.honeypot_mark,
    "consensusMark": lambda view: view.label.consensus_mark,
    "inferenceMark": lambda view: view.label.inference_mark,
    "skipped": lambda view: view.of.asset.skipped,
}
