"""A project with endpoints, and an event of it, for tests of notifications."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kili_export.core.bucket_layout import registration_key
from kili_export.notifications.event_messages import AnnouncedEvent
from kili_export.notifications.notifier import DeliveryFailed
from kili_export.registration.parse_registration import parse_registration
from kili_export.storage.object_store import ObjectStore

PROJECT: Final = "project1"
PUBLISHED: Final = {
    "version": "1",
    "project_id": PROJECT,
    "export_name": "yolo",
    "generation": 3,
    "run_id": "20260302T120000Z-1",
    "added": 0,
    "changed": 2,
    "removed": 1,
    "quarantined": 0,
    "freshness_seconds": 64.4,
}
FAILED: Final = {
    "version": "1",
    "project_id": PROJECT,
    "export_name": "yolo",
    "run_id": "20260302T120000Z-1",
    "execution_arn": "arn:1",
    "error": "Unavailable",
    "cause": "Kili does not answer",
}


def endpoint(**given: Any) -> dict[str, Any]:
    """An endpoint as a person declares it."""
    return {"name": "training", "url": "https://a.example/hook", "secret": "training", **given}


def declare(objects: ObjectStore, *endpoints: dict[str, Any], project: str = PROJECT) -> None:
    """Registers a project with just these endpoints."""
    declared = {"project_id": project, "exports": [{"format": "coco"}], "notify": list(endpoints)}
    objects.put(registration_key(project), parse_registration(declared).to_bytes())


def published(**changes: Any) -> AnnouncedEvent:
    """A generation that was published."""
    return AnnouncedEvent("Export Published", {**PUBLISHED, **changes}, "2026-03-02T12:00:01Z")


def failed(**changes: Any) -> AnnouncedEvent:
    """An export that failed."""
    return AnnouncedEvent("Export Failed", {**FAILED, **changes}, "2026-03-02T12:00:01Z")


def bus_event(event: AnnouncedEvent) -> str:
    """The event as EventBridge puts it into a queue."""
    envelope = {"version": "0", "id": "6a7e8feb", "source": "kili-continuous-export"}
    named = {"detail-type": event.detail_type, "detail": event.detail, "time": event.at}
    return json.dumps({**envelope, **named})


@dataclass
class ScriptedSender:
    """Answers by its script: a status, or why no answer came. 204 after its end."""

    script: list[int | str | BaseException] = field(default_factory=list)
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """See Sender."""
        self.sent.append((url, headers, body))
        step = self.script.pop(0) if self.script else 204
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, str):
            raise DeliveryFailed(step)
        return step

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the deliveries, in order."""
        return [headers["webhook-id"] for _, headers, _ in self.sent]
