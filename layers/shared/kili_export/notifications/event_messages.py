"""What an endpoint gets of an event: which event it is, its identity, its body."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from kili_export.core.project import PROJECT_ID
from kili_export.registration.notify_endpoint import EventName, NotifyEndpoint

_HELD: Final = "RemovalsHeld"
# What may differ when the same is announced again.
_PASSING: Final = frozenset({"freshness_seconds", "quarantined", "newly_quarantined"})
_LONGEST_LINE: Final = 300


@dataclass(frozen=True, slots=True)
class AnnouncedEvent:
    """An event as it went to the bus. `at` is when, as text of RFC 3339."""

    detail_type: str
    detail: Mapping[str, Any]
    at: str

    @property
    def project_id(self) -> str:
        """The project that it is about, empty when it names none."""
        named = self.detail.get("project_id")
        return named if isinstance(named, str) and PROJECT_ID.fullmatch(named) else ""

    @property
    def name(self) -> EventName | None:
        """What endpoints subscribe to it by; None for what is not delivered.

        The bus carries held removals as an export that failed.
        """
        if self.detail_type == "Export Failed" and self.detail.get("error") == _HELD:
            return "Removals Held"
        known = self.detail_type in get_args(EventName)
        return cast("EventName", self.detail_type) if known else None

    @property
    def id(self) -> str:
        """The same for an event that is announced again; ids of its deliveries begin with it."""
        kept = {name: value for name, value in self.detail.items() if name not in _PASSING}
        return f"msg_{_digest([self.name, kept])[:24]}"

    def delivery_id(self, endpoint: NotifyEndpoint) -> str:
        """Names event and endpoint: receivers tell duplicates by it."""
        return f"{self.id}{_digest([endpoint.name])[:8]}"

    def body(self, endpoint: NotifyEndpoint) -> str:
        """The body of its requests, as JSON."""
        if endpoint.style == "slack":
            return json.dumps({"text": _escaped(self._line())})
        return json.dumps({"type": self.name, "timestamp": self.at, "data": self.detail})

    def _line(self) -> str:
        detail = self.detail
        export = detail.get("export_name")
        about = f"{self.project_id}/{export}" if export else self.project_id
        match self.name:
            case "Export Published":
                numbers = ", ".join(f"{detail.get(n)} {n}" for n in ("added", "changed", "removed"))
                text = f"generation {detail.get('generation')}, files: {numbers}"
            case "Assets Quarantined":
                text = f"{detail.get('newly_quarantined')} more assets could not be exported"
            case "Removals Held":
                text = str(detail.get("cause"))
            case _:
                text = f"{detail.get('error')}: {detail.get('cause')}"
        return f"{self.name}: {about}: {text}"[:_LONGEST_LINE]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _escaped(text: str) -> str:
    """As Slack asks for it, so that nothing in it is a link, a mention or a command.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
