"""What each query and mutation does: `OPERATIONS[root field](world, arguments)`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from graphql import GraphQLError

from kili_export.local.kili_standin.api.asset_fields import AssetView, LabelView
from kili_export.local.kili_standin.changes.project_changes import ProjectChanges
from kili_export.local.kili_standin.state.identifiers import iso, parse_date
from kili_export.local.kili_standin.state.model import Project, User
from kili_export.local.kili_standin.state.state import ORGANIZATION_ID, EventRecord
from kili_export.local.kili_standin.state.webhooks import DEFAULT_HANDLERS, Webhook

World = ProjectChanges
Arguments = Mapping[str, Any]
VIEWER = User("cstandin0viewer000000001", "admin@example.com", "Ada", "Min", "ADMIN")


def _projects(world: World, arguments: Arguments) -> list[Project]:
    return _paged(world.select_projects(arguments["where"]), arguments)


def _assets(world: World, arguments: Arguments) -> list[AssetView]:
    where = arguments["where"]
    page = world.select_assets(where, arguments["first"], arguments["skip"])
    return [AssetView(world, project, asset) for project, asset in page]


def _labels(world: World, arguments: Arguments) -> list[LabelView]:
    return [
        AssetView(world, project, asset).view(label)
        for project, asset, label in _paged(world.select_labels(arguments["where"]), arguments)
    ]


def _pushed_label(world: World, arguments: Arguments) -> LabelView:
    """The label that is being pushed to the subscribers of a project."""
    pushed = world.pushing
    if pushed is None or pushed.project.id != arguments["projectID"]:
        raise GraphQLError("Subscriptions are served over a websocket")
    return AssetView(world, pushed.project, pushed.asset).view(pushed.label)


def _paged(items: list[Any], arguments: Arguments) -> list[Any]:
    return items[arguments["skip"] : arguments["skip"] + arguments["first"]]


def _events(world: World, arguments: Arguments) -> list[EventRecord]:
    pagination = arguments["pagination"]
    records = [one for one in world.events if _is_wanted(one, arguments["where"])]
    if arguments.get("order") == "desc":
        records.reverse()
    records = _between(records, pagination.get("fromEventId"), pagination.get("untilEventId"))
    skip = pagination.get("skip") or 0
    first = pagination.get("first")
    return records[skip : skip + (100 if first is None else first)]


def _is_wanted(record: EventRecord, where: Mapping[str, Any]) -> bool:
    exact = {
        "projectId": record.project_id,
        "event": record.event,
        "userId": record.user_id,
        "organizationId": ORGANIZATION_ID,
    }
    if any(where.get(name) not in (None, value) for name, value in exact.items()):
        return False
    since, until = where.get("createdAtGte"), where.get("createdAtLte")
    return (since is None or record.created_at >= parse_date(since)) and (
        until is None or record.created_at <= parse_date(until)
    )


def _between(
    records: list[EventRecord], first_id: str | None, last_id: str | None
) -> list[EventRecord]:
    """From and until the events of these ids, both included; an unknown id limits nothing."""
    ids = [record.id for record in records]
    start = ids.index(first_id) if first_id in ids else 0
    end = ids.index(last_id) + 1 if last_id in ids else len(ids)
    return records[start:end]


def _annotation_file_url(world: World, arguments: Arguments) -> str:
    project, asset, file = (arguments[name] for name in ("projectId", "assetId", "fileId"))
    return world.urls.sign(f"/bucket/files/{project}/{asset}/{file}")


def _api_keys(world: World, arguments: Arguments) -> list[dict[str, str]]:
    expires = world.clock.now() + timedelta(days=365)
    return _paged([{"id": "key-of-the-stand-in", "expiryDate": iso(expires)}], arguments)


def _create_webhook(world: World, arguments: Arguments) -> str:
    data = arguments["data"]
    now = world.clock.tick()
    handlers = data.get("handlerTypes")
    world.webhooks.create(
        Webhook(
            id=world.identifiers.next_id(now),
            name=data["pluginName"],
            url=data["webhookUrl"],
            header=data.get("header"),
            handler_types=DEFAULT_HANDLERS if handlers is None else tuple(handlers),
            event_matcher=tuple(data.get("eventMatcher") or ()),
            created_at=now,
            updated_at=now,
        )
    )
    return "Webhook created"


def _update_webhook(world: World, arguments: Arguments) -> str:
    data = arguments["data"]
    changes: dict[str, Any] = {"url": data["webhookUrl"]}
    if data.get("header") is not None:
        changes["header"] = data["header"]
    if data.get("handlerTypes") is not None:
        changes["handler_types"] = tuple(data["handlerTypes"])
    if data.get("eventMatcher") is not None:
        changes["event_matcher"] = tuple(data["eventMatcher"])
    world.webhooks.update(data["pluginName"], changes, world.clock.tick())
    return "Webhook updated"


def _activate(world: World, arguments: Arguments) -> str:
    where = arguments["where"]
    if not world.select_projects({"id": where["projectId"]}):
        raise GraphQLError(f"No entity Project found with value {where['projectId']}")
    world.webhooks.activate(where["pluginName"], where["projectId"])
    return "Plugin activated"


def _deactivate(world: World, arguments: Arguments) -> str:
    where = arguments["where"]
    world.webhooks.deactivate(where["pluginName"], where["projectId"])
    return "Plugin deactivated"


def _delete_plugin(world: World, arguments: Arguments) -> str:
    world.webhooks.delete(arguments["where"]["pluginName"])
    return "Plugin deleted"


OPERATIONS: dict[str, Callable[[World, Arguments], Any]] = {
    "projects": _projects,
    "countProjects": lambda world, given: len(world.select_projects(given["where"])),
    "assets": _assets,
    "countAssets": lambda world, given: world.count_assets(given["where"]),
    "labels": _labels,
    "countLabels": lambda world, given: len(world.select_labels(given["where"])),
    "events": _events,
    "labelCreatedOrUpdated": _pushed_label,
    "viewer": lambda _world, _: VIEWER,
    "apiKeys": _api_keys,
    "listPlugins": lambda world, _: world.webhooks.listing(),
    "annotationFileUrl": _annotation_file_url,
    "createWebhook": _create_webhook,
    "updateWebhook": _update_webhook,
    "activatePluginOnProject": _activate,
    "deactivatePluginOnProject": _deactivate,
    "deletePlugin": _delete_plugin,
}
