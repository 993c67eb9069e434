"""Webhooks of the organisation: which event goes to which URL, and in what envelope.

A handler type (`onSubmit`, `onReview`, `onSendBackToQueue`) gets the older envelope
`{eventType, logPayload, payload}`; an event matcher gets the event itself. A webhook that was
created without handler types has `onSubmit` and `onReview`, the documented default.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9]+")
DEFAULT_HANDLERS = ("onSubmit", "onReview")
# Never sent to plugins or webhooks, whatever they match.
SYSTEM_EVENTS = (
    "asset.analytics.labelMetric.*",
    "label.analytics.metrics.save.started",
    "label.jsonResponse.store.started",
    "project.member.analytics.*",
    "project.workflow.distribution.rebuild.*",
)


def matches(pattern: str, event: str) -> bool:
    """Whether a dotted pattern covers an event; `*` stands for one or more whole names.

    Raises ValueError for a malformed pattern.
    """
    names = pattern.split(".")
    well_formed = all(name == "*" or _NAME.fullmatch(name) for name in names)
    if names[0] == "*" or not well_formed:
        raise ValueError(f"Invalid event pattern {pattern!r}")
    expression = r"\.".join(r"[^.]+(?:\.[^.]+)*" if name == "*" else name for name in names)
    return re.fullmatch(expression, event) is not None


def is_system_event(event: str) -> bool:
    """Whether the event stays inside the server."""
    return any(matches(pattern, event) for pattern in SYSTEM_EVENTS)


@dataclass(slots=True)
class Webhook:
    """A URL that gets events, on the projects where it is active."""

    id: str
    name: str
    url: str
    header: str | None
    handler_types: tuple[str, ...]
    event_matcher: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    project_ids: list[str] = field(default_factory=list)

    def wants(self, event: str) -> bool:
        """Whether its matcher covers the event."""
        return any(matches(pattern, event) for pattern in self.event_matcher)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call to make. `label` names what it is about, for the log."""

    webhook: str
    url: str
    header: str | None
    event: str
    body: dict[str, Any]


class WebhookConflict(Exception):
    """The mutation cannot be done; the message is the server's."""


class WebhookRegistry:
    """The webhooks by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Webhook] = {}

    def listing(self) -> list[Webhook]:
        """All webhooks, oldest first."""
        return list(self._by_name.values())

    def create(self, webhook: Webhook) -> None:
        """Adds one; raises WebhookConflict when the name is taken or a pattern is malformed."""
        if webhook.name in self._by_name:
            raise WebhookConflict(f"an entity Plugin already exists with value {webhook.name}")
        _check(webhook.event_matcher)
        self._by_name[webhook.name] = webhook

    def update(self, name: str, changes: dict[str, Any], now: datetime) -> None:
        """Changes url, header, handler_types or event_matcher, those that are given."""
        webhook = self.get(name)
        _check(changes.get("event_matcher", ()))
        for attribute, value in changes.items():
            setattr(webhook, attribute, value)
        webhook.updated_at = now

    def get(self, name: str) -> Webhook:
        """The webhook of this name; raises WebhookConflict when there is none."""
        if name not in self._by_name:
            raise WebhookConflict(f"No entity Plugin found with value {name}")
        return self._by_name[name]

    def activate(self, name: str, project_id: str) -> None:
        """Turns it on for a project; raises WebhookConflict when it already is."""
        webhook = self.get(name)
        if project_id in webhook.project_ids:
            raise WebhookConflict(f"an entity Project already exists with value {project_id}")
        webhook.project_ids.append(project_id)

    def deactivate(self, name: str, project_id: str) -> None:
        """Turns it off for a project."""
        webhook = self.get(name)
        if project_id not in webhook.project_ids:
            raise WebhookConflict(f"No entity Project found with value {project_id}")
        webhook.project_ids.remove(project_id)

    def delete(self, name: str) -> None:
        """Removes it everywhere."""
        self.get(name)
        del self._by_name[name]

    def deliveries_of_event(self, event: dict[str, Any]) -> list[Delivery]:
        """The calls that a new-style event causes."""
        if is_system_event(event["event"]):
            return []
        return [
            _delivery(webhook, event["event"], event)
            for webhook in self._active_on(event["projectId"])
            if webhook.wants(event["event"])
        ]

    def deliveries_of_handler(
        self, handler: str, project_id: str, payload: dict[str, Any], run_id: str
    ) -> list[Delivery]:
        """The calls that a handler type causes, in the older envelope."""
        body = {
            "eventType": handler,
            "logPayload": {"runId": run_id, "projectId": project_id},
            "payload": payload,
        }
        return [
            _delivery(webhook, handler, body)
            for webhook in self._active_on(project_id)
            if handler in webhook.handler_types
        ]

    def _active_on(self, project_id: str) -> list[Webhook]:
        return [one for one in self._by_name.values() if project_id in one.project_ids]


def _delivery(webhook: Webhook, event: str, body: dict[str, Any]) -> Delivery:
    return Delivery(webhook.name, webhook.url, webhook.header, event, body)


def _check(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        try:
            matches(pattern, "project.updated")
        except ValueError as error:
            raise WebhookConflict(str(error)) from error
