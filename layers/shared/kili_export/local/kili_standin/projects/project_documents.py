"""Reads a project from a JSON document.

```json
{"title": "T", "description": null, "inputType": "IMAGE", "jsonInterface": {"jobs": {}},
 "users": [{"email": "a@b.c", "firstname": "A", "lastname": "B", "role": "LABELER"}],
 "inlineJsonResponse": false, "mediaBehindKey": false, "dataConnections": [],
 "geospatialSettings": null, "workflowVersion": "V2",
 "steps": [{"name": "Labeling", "type": "DEFAULT"}, {"name": "Review", "type": "REVIEW"}],
 "assets": [{"externalId": "a.png", "resolution": {"width": 4, "height": 3},
   "content": "https://example.com/a.png", "contentBase64": "...", "contentType": "image/png",
   "frames": 0, "jsonContent": null, "jsonMetadata": {}, "pageResolutions": null,
   "geospatialExportMetadata": null, "skipped": false, "toReview": false, "isHoneypot": false,
   "consensusMark": null, "honeypotMark": null, "inferenceMark": null, "groupName": null,
   "isUsedForConsensus": false, "assignees": ["a@b.c"],
   "issues": [{"type": "ISSUE", "status": "OPEN"}],
   "labels": [{"author": "a@b.c", "labelType": "DEFAULT", "step": "Labeling", "jsonResponse": {},
               "isSentBackToQueue": false, "modelName": null, "consensusMark": null,
               "honeypotMark": null, "inferenceMark": null}]}]}
```
`title`, `jsonInterface` and `assets` are required, and `externalId` of each asset; the others
have the values shown or are absent. An asset without `content` or `contentBase64` shows a
generated picture of its resolution. A video has `content` (or its bytes), or a number of
generated `frames`, which its `jsonContent` then lists. Ids (`id` of project, asset, label) may
be given; dates are made up in order.
"""

from base64 import b64decode
from datetime import datetime, timedelta
from typing import Any, get_args

from kili_export.local.kili_standin.projects.generated_project import STARTED
from kili_export.local.kili_standin.projects.pictures import ScenePicture
from kili_export.local.kili_standin.state.identifiers import IdentifierSource
from kili_export.local.kili_standin.state.model import (
    Asset,
    Issue,
    Label,
    LabelType,
    MediaSource,
    Project,
    Step,
    StoredContent,
    StoredMedia,
    User,
)

Document = dict[str, Any]
_DEFAULT_STEPS: tuple[Document, ...] = (
    {"name": "Labeling", "type": "DEFAULT"},
    {"name": "Review", "type": "REVIEW"},
)
_DEFAULT_USER: Document = {"email": "alice@example.com", "firstname": "Alice", "lastname": "Adams"}


class InvalidProject(ValueError):
    """The document is not a project; the message names what is missing or wrong."""


def read_project(document: Document, seed: int = 1) -> Project:
    """The project of a document. Raises InvalidProject."""
    try:
        return _Reader(seed).project(document)
    except (KeyError, TypeError, AttributeError, LookupError) as error:
        raise InvalidProject(f"not a project document: {error!r}") from error


class _Reader:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._ids = IdentifierSource(seed)
        self._now = STARTED

    def _next(self, wanted: str | None) -> tuple[str, datetime]:
        self._now += timedelta(milliseconds=1370)
        generated = self._ids.next_id(self._now)
        return wanted or generated, self._now

    def project(self, document: Document) -> Project:
        users = [self._user(user) for user in document.get("users") or [_DEFAULT_USER]]
        steps = [
            Step(self._next(step.get("id"))[0], step["name"], step["type"])
            for step in document.get("steps") or _DEFAULT_STEPS
        ]
        identifier, created_at = self._next(document.get("id"))
        project = Project(
            id=identifier,
            title=document["title"],
            description=document.get("description"),
            input_type=document.get("inputType", "IMAGE"),
            json_interface=document["jsonInterface"],
            created_at=created_at,
            updated_at=created_at,
            users=users,
            steps=steps,
            workflow_version=document.get("workflowVersion", "V2"),
            geospatial_settings=document.get("geospatialSettings"),
            data_connections=list(document.get("dataConnections") or ()),
            inline_json_response=bool(document.get("inlineJsonResponse", False)),
            media_behind_key=bool(document.get("mediaBehindKey", False)),
        )
        for entry in document["assets"]:
            asset = self._asset(project, entry)
            project.assets[asset.id] = asset
        return project

    def _user(self, entry: Document) -> User:
        return User(
            id=self._next(entry.get("id"))[0],
            email=entry["email"],
            firstname=entry.get("firstname", ""),
            lastname=entry.get("lastname", ""),
            role=entry.get("role", "LABELER"),
        )

    def _asset(self, project: Project, entry: Document) -> Asset:
        identifier, created_at = self._next(entry.get("id"))
        size = entry.get("resolution")
        resolution = (size["width"], size["height"]) if size else None
        asset = Asset(
            id=identifier,
            external_id=entry["externalId"],
            created_at=created_at,
            updated_at=created_at,
            media=self._media(entry, resolution, len(project.assets)),
            content_url=entry.get("content"),
            json_content=entry.get("jsonContent"),
            frames=self._frames(entry, resolution, len(project.assets)),
            resolution=resolution,
            page_resolutions=entry.get("pageResolutions"),
            json_metadata=dict(entry.get("jsonMetadata") or {}),
            skipped=bool(entry.get("skipped", False)),
            geospatial_export_metadata=entry.get("geospatialExportMetadata"),
            to_review=bool(entry.get("toReview", False)),
            is_honeypot=bool(entry.get("isHoneypot", False)),
            is_used_for_consensus=bool(entry.get("isUsedForConsensus", False)),
            assignees=[project.user(one) for one in entry.get("assignees") or ()],
            group_name=entry.get("groupName"),
            issues=[self._issue(issue) for issue in entry.get("issues") or ()],
        )
        _set_marks(asset, entry)
        asset.labels = [self._label(project, label) for label in entry.get("labels") or ()]
        return asset

    def _media(
        self, entry: Document, resolution: tuple[int, int] | None, number: int
    ) -> MediaSource | None:
        if "content" in entry or (entry.get("frames") and "contentBase64" not in entry):
            return None
        if "contentBase64" in entry:
            kind = entry.get("contentType", "image/png")
            return StoredMedia(b64decode(entry["contentBase64"]), kind)
        return ScenePicture(self._seed * 1_000_003 + number, *(resolution or (320, 240)))

    def _frames(
        self, entry: Document, resolution: tuple[int, int] | None, number: int
    ) -> list[MediaSource]:
        size = resolution or (320, 240)
        first = (self._seed * 1_000_003 + number) * 1_009
        return [ScenePicture(first + frame, *size) for frame in range(entry.get("frames") or 0)]

    def _issue(self, entry: Document) -> Issue:
        return Issue(self._next(entry.get("id"))[0], entry["type"], entry["status"])

    def _label(self, project: Project, entry: Document) -> Label:
        identifier, created_at = self._next(entry.get("id"))
        label_type = entry.get("labelType", "DEFAULT")
        if label_type not in get_args(LabelType):
            raise InvalidProject(f"unknown label type {label_type!r}")
        label = Label(
            id=identifier,
            author=project.user(entry.get("author")),
            label_type=label_type,
            created_at=created_at,
            updated_at=created_at,
            content=StoredContent.of(entry.get("jsonResponse") or {}),
            is_sent_back=bool(entry.get("isSentBackToQueue", False)),
            model_name=entry.get("modelName"),
            step_id=_step_id(project, entry.get("step")),
        )
        _set_marks(label, entry)
        return label


def _set_marks(target: Asset | Label, entry: Document) -> None:
    target.consensus_mark = entry.get("consensusMark")
    target.honeypot_mark = entry.get("honeypotMark")
    target.inference_mark = entry.get("inferenceMark")


def _step_id(project: Project, name: str | None) -> str | None:
    if name is None:
        return None
    for step in project.steps:
        if step.name == name:
            return step.id
    raise InvalidProject(f"unknown step {name!r}")
