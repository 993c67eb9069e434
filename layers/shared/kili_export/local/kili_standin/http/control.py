"""Directs the stand-in over HTTP, without authorisation: `POST /control/{operation}` with JSON.

Everything answers 200 with a JSON object, 400 with `{"error": ...}` when the body does not fit, or
404 for what does not exist. `asset` is an asset id or an externalId; `project_id` may be left out
while there is one project. Fields in brackets are optional.

Labels
- `submit_label` {asset, [author, label_type, json_response, model_name, project_id]}: without
  `json_response` the answer is a chance edit of the newest label -> {label_id, asset_id}
- `review` {asset, [author, json_response, project_id]} -> {label_id, asset_id}
- `edit_label` {label_id, [json_response]} -> {label_id, asset_id}
- `delete_label` {label_id}: no event announces it
- `send_back` {asset, [user, project_id]} -> {label_id, asset_id}
- `bulk_send_back` {assets, [project_id]}: one event that names no asset

Assets
- `add_asset` {external_id, [width, height, first, project_id]} -> {asset_id}
- `rename_asset` {asset, external_id, [project_id]}
- `set_metadata` {asset, metadata, [project_id]}
- `delete_asset` {asset, [silent, project_id]}
- `skip_asset` {asset, [skipped, project_id]}

Project
- `set_interface` {json_interface, [project_id]}
- `set_settings` {[title, description, project_id]}
- `archive_project` {[project_id]}
- `load_project` {project} or {path}: see `project_documents` -> {project_id}
- `generate_project` {seed, assets, [title, unlabelled_share, reviewed_share]} -> {project_id}
- `projects` {}; `assets` {[project_id, first, skip]}: short listings
- `events` {[project_id]}: everything that was recorded

Faults, delivery and accounts
- `set_fault` {kind, [target, times, ...]}, `clear_faults` {[kind]}, `faults` {}: see `faults`
- `set_delivery` {[lose, double, delay, delay_seconds, reorder, attempts, backoff_seconds]},
  `release_deliveries` {}, `deliveries` {}, `clear_deliveries` {},
  `wait_deliveries` {[timeout]} -> {idle}: see `deliveries`
- `webhooks` {}: the webhooks, with URL, header and where they are active
- `set_urls` {lifetime}: seconds that links signed from now on are good for
- `counters` {}, `reset_counters` {}: see `counters`
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import orjson

from kili_export.local.kili_standin.changes.world import KiliWorld
from kili_export.local.kili_standin.projects.generated_project import generate_project
from kili_export.local.kili_standin.projects.project_documents import read_project
from kili_export.local.kili_standin.state.deliveries import DeliveryPolicy
from kili_export.local.kili_standin.state.identifiers import iso
from kili_export.local.kili_standin.state.model import Asset, Label
from kili_export.local.kili_standin.state.state import UnknownEntity

Body = dict[str, Any]
_POLICY_FIELDS = frozenset(one.name for one in fields(DeliveryPolicy))


class Control:
    """The control endpoint of one world."""

    def __init__(self, world: KiliWorld) -> None:
        self._world = world
        self._operations: Mapping[str, Callable[..., Any]] = {
            "submit_label": self._labelling(world.submit_label),
            "review": self._labelling(world.review),
            "edit_label": self._labelling(world.edit_label),
            "delete_label": world.delete_label,
            "send_back": self._labelling(world.send_back),
            "bulk_send_back": world.bulk_send_back,
            "add_asset": self._add_asset,
            "rename_asset": world.rename_asset,
            "set_metadata": world.set_metadata,
            "delete_asset": world.delete_asset,
            "skip_asset": world.skip_asset,
            "set_interface": world.set_interface,
            "set_settings": world.set_settings,
            "archive_project": world.archive_project,
            "load_project": self._load_project,
            "generate_project": self._generate_project,
            "projects": self._projects,
            "assets": self._assets,
            "events": self._events,
            "set_fault": lambda **body: asdict(world.faults.set(**body)),
            "clear_faults": world.faults.clear,
            "faults": lambda: {"faults": world.faults.listing()},
            "set_delivery": self._set_delivery,
            "release_deliveries": world.courier.release,
            "deliveries": lambda: {"deliveries": world.courier.log()},
            "clear_deliveries": world.courier.clear_log,
            "wait_deliveries": lambda timeout=10.0: {"idle": world.courier.wait_idle(timeout)},
            "webhooks": self._webhooks,
            "set_urls": self._set_urls,
            "counters": world.counters.snapshot,
            "reset_counters": world.counters.reset,
        }

    def answer(self, operation: str, body: bytes) -> tuple[int, Body]:
        """Status and JSON object for one request."""
        act = self._operations.get(operation)
        if act is None:
            return 404, {"error": f"no operation {operation!r}"}
        try:
            given = orjson.loads(body) if body.strip() else {}
            if not isinstance(given, dict):
                return 400, {"error": "the body must be a JSON object"}
            answer = act(**given)
        except UnknownEntity as error:
            return 404, {"error": str(error)}
        except (TypeError, ValueError, LookupError, OSError) as error:
            return 400, {"error": str(error)}
        return 200, _presented(answer)

    def _labelling(self, act: Callable[..., Label]) -> Callable[..., Body]:
        def perform(**given: Any) -> Body:
            label = act(**given)
            _, asset, _ = self._world.label(label.id)
            return {"label_id": label.id, "asset_id": asset.id}

        return perform

    def _add_asset(
        self, external_id: str, width: int = 320, height: int = 240, **given: Any
    ) -> Asset:
        return self._world.add_asset(external_id, resolution=(width, height), **given)

    def _load_project(self, project: Body | None = None, path: str | None = None) -> Body:
        if (project is None) == (path is None):
            raise ValueError("give either project or path")
        document = project or orjson.loads(Path(str(path)).read_bytes())
        return {"project_id": self._world.add_project(read_project(document)).id}

    def _generate_project(self, seed: int, assets: int, **given: Any) -> Body:
        project = generate_project(seed, assets, **given)
        return {"project_id": self._world.add_project(project).id}

    def _projects(self) -> Body:
        with self._world.lock:
            return {
                "projects": [
                    {"id": one.id, "title": one.title, "assets": len(one.assets)}
                    for one in self._world.projects.values()
                ]
            }

    def _assets(self, project_id: str | None = None, first: int = 100, skip: int = 0) -> Body:
        with self._world.lock:
            project = self._world.project(project_id)
            page = list(project.assets.values())[skip : skip + first]
            return {"assets": [_brief(asset) for asset in page], "count": len(project.assets)}

    def _events(self, project_id: str | None = None) -> Body:
        with self._world.lock:
            return {
                "events": [
                    asdict(one) | {"created_at": iso(one.created_at)}
                    for one in self._world.events
                    if project_id in (None, one.project_id)
                ]
            }

    def _set_delivery(self, **given: Any) -> Body:
        if unknown := given.keys() - _POLICY_FIELDS:
            raise ValueError(f"unknown delivery settings: {sorted(unknown)}")
        policy = self._world.courier.policy
        for name, value in given.items():
            setattr(policy, name, value)
        return asdict(policy)

    def _webhooks(self) -> Body:
        return {
            "webhooks": [
                {
                    "name": one.name,
                    "url": one.url,
                    "header": one.header,
                    "handler_types": list(one.handler_types),
                    "event_matcher": list(one.event_matcher),
                    "project_ids": list(one.project_ids),
                }
                for one in self._world.webhooks.listing()
            ]
        }

    def _set_urls(self, lifetime: float) -> None:
        self._world.urls.lifetime = lifetime


def _brief(asset: Asset) -> Body:
    return {
        "id": asset.id,
        "external_id": asset.external_id,
        "labels": [{"id": label.id, "type": label.label_type} for label in asset.labels],
    }


def _presented(answer: Any) -> Body:
    if isinstance(answer, dict):
        return answer
    return {"asset_id": answer.id} if isinstance(answer, Asset) else {}
