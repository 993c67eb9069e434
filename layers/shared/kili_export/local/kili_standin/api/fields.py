"""How every type of the schema is read: `FIELDS[type][field]` turns an object into a value."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import orjson

from kili_export.local.kili_standin.api.asset_fields import ASSET_FIELDS, LABEL_FIELDS
from kili_export.local.kili_standin.state.identifiers import iso
from kili_export.local.kili_standin.state.model import Issue, Project, Step, User
from kili_export.local.kili_standin.state.state import ORGANIZATION_ID, EventRecord
from kili_export.local.kili_standin.state.webhooks import Webhook

Getter = Callable[[Any], Any]


def _interface(project: Project) -> Any:
    if project.interface_as_object:
        return project.json_interface
    return orjson.dumps(project.json_interface).decode()


def _steps(project: Project) -> list[tuple[Project, Step]]:
    return [(project, step) for step in project.steps]


def _step_people(pair: tuple[Project, Step]) -> list[User]:
    project, step = pair
    role = "REVIEWER" if step.type == "REVIEW" else "LABELER"
    return [user for user in project.users if user.role == role]


_PROJECT: dict[str, Callable[[Project], Any]] = {
    "id": lambda project: project.id,
    "title": lambda project: project.title,
    "description": lambda project: project.description,
    "inputType": lambda project: project.input_type,
    "jsonInterface": _interface,
    "geospatialSettings": lambda project: project.geospatial_settings,
    "workflowVersion": lambda project: project.workflow_version,
    "dataConnections": lambda project: [{"id": one} for one in project.data_connections],
    "steps": _steps,
    "roles": lambda project: project.users,
    "archived": lambda project: project.archived,
    "createdAt": lambda project: iso(project.created_at),
    "updatedAt": lambda project: iso(project.updated_at),
    "numberOfAssets": lambda project: len(project.assets),
    "consensusTotCoverage": lambda _: 0,
    "minConsensusSize": lambda _: 2,
    "reviewCoverage": lambda _: 0,
}
_STEP: dict[str, Callable[[tuple[Project, Step]], Any]] = {
    "id": lambda pair: pair[1].id,
    "name": lambda pair: pair[1].name,
    "type": lambda pair: pair[1].type,
    "stepGroupId": lambda _: None,
    "assignees": _step_people,
}
_USER: dict[str, Callable[[User], Any]] = {
    "id": lambda user: user.id,
    "email": lambda user: user.email,
    "firstname": lambda user: user.firstname,
    "lastname": lambda user: user.lastname,
    "name": lambda user: f"{user.firstname} {user.lastname}",
}
_PROJECT_USER: dict[str, Callable[[User], Any]] = {
    "id": lambda user: f"role-{user.id}",
    "role": lambda user: user.role,
    "user": lambda user: user,
}
_ISSUE: dict[str, Callable[[Issue], Any]] = {
    "id": lambda issue: issue.id,
    "type": lambda issue: issue.type,
    "status": lambda issue: issue.status,
}
_EVENT: dict[str, Callable[[EventRecord], Any]] = {
    "id": lambda record: record.id,
    "createdAt": lambda record: iso(record.created_at),
    "event": lambda record: record.event,
    "organizationId": lambda _: ORGANIZATION_ID,
    "payload": lambda record: record.payload,
    "projectId": lambda record: record.project_id,
    "userId": lambda record: record.user_id,
}
_PLUGIN: dict[str, Callable[[Webhook], Any]] = {
    "id": lambda webhook: webhook.id,
    "name": lambda webhook: webhook.name,
    "projectIds": lambda webhook: list(webhook.project_ids),
    "createdAt": lambda webhook: iso(webhook.created_at),
    "updatedAt": lambda webhook: iso(webhook.updated_at),
    "webhookUrl": lambda webhook: webhook.url,
    "eventMatcher": lambda webhook: list(webhook.event_matcher),
    "handlerTypes": lambda webhook: list(webhook.handler_types),
}


def _entries(*names: str) -> dict[str, Getter]:
    return {name: itemgetter(name) for name in names}


def _page(name: str) -> Getter:
    return lambda page: page.get(name)


FIELDS: dict[str, dict[str, Getter]] = {
    "Project": _PROJECT,
    "DataConnection": _entries("id"),
    "Step": _STEP,
    "ProjectUser": _PROJECT_USER,
    "User": _USER,
    "CurrentStep": _entries("id", "name", "status"),
    "Resolution": _entries("width", "height"),
    "PageResolution": {name: _page(name) for name in ("pageNumber", "height", "width", "rotation")},
    "Issue": _ISSUE,
    "Asset": ASSET_FIELDS,
    "Label": LABEL_FIELDS,
    "ApiKey": _entries("id", "expiryDate"),
    "Event": _EVENT,
    "Plugin": _PLUGIN,
}
