"""What all parts of the world stand on: lock, clock, projects, reading, and events."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from random import Random
from threading import RLock
from typing import Any

import orjson

from kili_export.local.kili_standin.state.counters import Counters
from kili_export.local.kili_standin.state.deliveries import Courier
from kili_export.local.kili_standin.state.faults import FaultBoard
from kili_export.local.kili_standin.state.filters import (
    Candidate,
    LabelTest,
    asset_tests,
    label_tests,
)
from kili_export.local.kili_standin.state.identifiers import Clock, IdentifierSource
from kili_export.local.kili_standin.state.model import (
    Asset,
    ContentSource,
    Label,
    Lag,
    Project,
    User,
)
from kili_export.local.kili_standin.state.signed_urls import UrlSigner
from kili_export.local.kili_standin.state.webhooks import WebhookRegistry

ORGANIZATION_ID = "cstandin0organization0001"
_CACHED_LISTINGS = 32


class UnknownEntity(LookupError):
    """No project, asset, label or member has this id."""


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as the events list keeps it."""

    id: str
    created_at: datetime
    event: str
    project_id: str
    user_id: str | None
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PushedLabel:
    """A label that was made or edited, for those who subscribed."""

    project: Project
    asset: Asset
    label: Label


class WorldState:
    """The server's state. Every method takes the lock; `lock` may be held over several calls."""

    def __init__(
        self,
        *,
        api_key: str = "stand-in-key",
        seed: int = 1,
        url_lifetime: float = 3600.0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.lock = RLock()
        self.api_key = api_key
        self.clock = Clock(now)
        self.random = Random(seed)
        self.identifiers = IdentifierSource(seed)
        self.projects: dict[str, Project] = {}
        self.events: list[EventRecord] = []
        self.pushed: deque[PushedLabel] = deque(maxlen=1000)
        self.pushes = 0
        self.pushing: PushedLabel | None = None
        self.webhooks = WebhookRegistry()
        self.courier = Courier(self.clock)
        self.faults = FaultBoard()
        self.counters = Counters()
        self.urls = UrlSigner(f"stand-in {seed}".encode(), self.clock.now, url_lifetime)
        self._lagging: list[Label] = []
        self._revisions = count(1)
        self._listings: dict[tuple[str, int, bytes], list[Asset]] = {}

    # Finding

    def project(self, project_id: str | None = None) -> Project:
        """The project of this id; the only one when none is named. Raises UnknownEntity."""
        with self.lock:
            if project_id is None and len(self.projects) == 1:
                return next(iter(self.projects.values()))
            if project_id not in self.projects:
                raise UnknownEntity(f"no project {project_id!r}")
            return self.projects[project_id]

    def asset(self, asset: str, project_id: str | None = None) -> tuple[Project, Asset]:
        """The asset of this id, or else of this externalId. Raises UnknownEntity."""
        with self.lock:
            projects = [self.project(project_id)] if project_id else list(self.projects.values())
            for project in projects:
                if asset in project.assets:
                    return project, project.assets[asset]
            for project in projects:
                for one in project.assets.values():
                    if one.external_id == asset:
                        return project, one
            raise UnknownEntity(f"no asset {asset!r}")

    def label(self, label_id: str) -> tuple[Project, Asset, Label]:
        """The label of this id with where it is. Raises UnknownEntity."""
        with self.lock:
            for project in self.projects.values():
                for asset, label in project.labels():
                    if label.id == label_id:
                        return project, asset, label
            raise UnknownEntity(f"no label {label_id!r}")

    # Reading, as clients see it

    def select_projects(self, where: Mapping[str, Any]) -> list[Project]:
        """The visible projects of a `where`."""
        with self.lock:
            wanted = where.get("id")
            return [
                project
                for project in self.projects.values()
                if wanted in (None, project.id)
                and where.get("archived") in (None, project.archived)
                and self._is_visible(project)
            ]

    def count_assets(self, where: Mapping[str, Any]) -> int:
        """How many visible assets a `where` selects. Raises ValueError."""
        with self.lock:
            return sum(len(self._assets_of(project, where)) for project in self._projects_of(where))

    def select_assets(
        self, where: Mapping[str, Any], first: int, skip: int = 0
    ) -> list[tuple[Project, Asset]]:
        """A page of the visible assets of a `where`, in creation order. Raises ValueError."""
        page: list[tuple[Project, Asset]] = []
        with self.lock:
            for project in self._projects_of(where):
                assets = self._assets_of(project, where)
                page += [(project, asset) for asset in assets[skip : skip + first - len(page)]]
                skip = max(skip - len(assets), 0)
        return page

    def select_labels(self, where: Mapping[str, Any]) -> list[tuple[Project, Asset, Label]]:
        """The visible labels of a `where`, in creation order. Raises ValueError."""
        with self.lock:
            tests = label_tests(where)
            found = [
                (project, asset, label)
                for project in self._projects_of(where)
                for asset in self._assets_of(project, where.get("asset") or {})
                for label in self.visible_labels(asset, counted=False)
                if _passes(label, tests)
            ]
            return sorted(found, key=lambda one: (one[2].created_at, one[2].id))

    def _projects_of(self, where: Mapping[str, Any]) -> list[Project]:
        wanted = (where.get("project") or {}).get("id")
        return self.select_projects({"id": wanted})

    def _is_visible(self, project: Project) -> bool:
        return self.faults.on_data("access_lost", project.id) is None

    def _assets_of(self, project: Project, where: Mapping[str, Any]) -> list[Asset]:
        if self._lagging:
            return self._filtered(project, where)
        filters = {name: value for name, value in where.items() if name != "project"}
        key = (project.id, project.revision, orjson.dumps(filters, option=orjson.OPT_SORT_KEYS))
        if key not in self._listings:
            if len(self._listings) >= _CACHED_LISTINGS:
                self._listings.clear()
            self._listings[key] = self._filtered(project, where)
        return self._listings[key]

    def _filtered(self, project: Project, where: Mapping[str, Any]) -> list[Asset]:
        tests = asset_tests(where)
        return [
            asset
            for asset in _possible(project, where)
            if all(
                test(Candidate(project, asset, self.visible_labels(asset, counted=False)))
                for test in tests
            )
        ]

    def visible_labels(self, asset: Asset, *, counted: bool) -> list[Label]:
        """The labels of an asset that are listed by now; `counted` if this is for an answer."""
        with self.lock:
            if not self._lagging:
                return asset.labels
            return [label for label in asset.labels if self._is_listed(label, counted=counted)]

    def _is_listed(self, label: Label, *, counted: bool) -> bool:
        lag = label.lag
        if lag is None or lag.kind != "late" or self._is_over(label, lag):
            return True
        if counted and lag.reads_left is not None:
            lag.reads_left -= 1
        return False

    def content(self, label: Label, *, counted: bool) -> ContentSource:
        """What the label's document shows by now; `counted` if this is for an answer."""
        with self.lock:
            lag = label.lag
            if lag is None or lag.kind != "former" or self._is_over(label, lag):
                return label.content
            if counted and lag.reads_left is not None:
                lag.reads_left -= 1
            return lag.former

    def _is_over(self, label: Label, lag: Lag) -> bool:
        timed_out = lag.until is not None and self.clock.now() >= lag.until
        if not timed_out and (lag.reads_left is None or lag.reads_left > 0):
            return False
        label.lag = None
        self._lagging = [one for one in self._lagging if one is not label]
        return True

    # Changing

    def delay_visibility(self, label: Label, lag: Lag) -> None:
        """Makes the last change to a label visible late."""
        label.lag = lag
        self._lagging.append(label)

    def push(self, label: PushedLabel) -> None:
        """Lets those who subscribed know of a label that was made or edited."""
        self.pushed.append(label)
        self.pushes += 1

    def pushed_since(self, count: int) -> tuple[int, list[PushedLabel]]:
        """What was pushed after the first `count`, and how many that are in all."""
        with self.lock:
            fresh = min(self.pushes - count, len(self.pushed))
            return self.pushes, list(self.pushed)[len(self.pushed) - fresh :]

    def changed(self, project: Project) -> None:
        """Makes listings of the project be worked out again."""
        project.revision = next(self._revisions)

    def emit(
        self,
        project: Project,
        event: str,
        payload: dict[str, Any] | None = None,
        user: User | None = None,
    ) -> None:
        """Records an event and sends it to the webhooks whose matcher covers it."""
        created_at = self.clock.tick()
        record = EventRecord(
            self.identifiers.next_id(created_at),
            created_at,
            event,
            project.id,
            user.id if user else None,
            payload,
        )
        self.events.append(record)
        body: dict[str, Any] = {
            "event": event,
            "organizationId": ORGANIZATION_ID,
            "projectId": project.id,
        }
        if user is not None:
            body["userId"] = user.id
        if payload is not None:
            body["payload"] = payload
        self.courier.post(self.webhooks.deliveries_of_event(body))

    def call_handler(self, project: Project, handler: str, payload: dict[str, Any]) -> None:
        """Sends the older kind of event to the webhooks that have this handler type."""
        run_id = f"run-{self.identifiers.next_id(self.clock.tick())}"
        calls = self.webhooks.deliveries_of_handler(handler, project.id, payload, run_id)
        self.courier.post(calls)


def _possible(project: Project, where: Mapping[str, Any]) -> Iterable[Asset]:
    ids = [where["id"]] if where.get("id") is not None else where.get("idIn")
    if ids is None:
        return list(project.assets.values())
    wanted = frozenset(ids)
    if len(wanted) * 20 > len(project.assets):
        return [asset for asset in project.assets.values() if asset.id in wanted]
    found = [project.assets[one] for one in wanted if one in project.assets]
    return sorted(found, key=lambda asset: (asset.created_at, asset.id))


def _passes(label: Label, tests: Iterable[LabelTest]) -> bool:
    return all(test(label) for test in tests)
