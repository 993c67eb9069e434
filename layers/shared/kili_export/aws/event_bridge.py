"""Sends events to the bus that consumers listen to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kili_export.aws.aws_errors import translated
from kili_export.core.errors import Unavailable
from kili_export.runs.announcements import SOURCE

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef


@dataclass(frozen=True, slots=True)
class EventBridgePublisher:
    """One event bus."""

    client: "EventBridgeClient"
    bus: str

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Sends one event. Raises Unavailable when the bus did not take it."""
        entry: PutEventsRequestEntryTypeDef = {
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "EventBusName": self.bus,
        }
        with translated("EventBridge"):
            answer = self.client.put_events(Entries=[entry])
        # PutEvents answers 200 for entries that it did not take.
        if answer["FailedEntryCount"]:
            code = answer["Entries"][0].get("ErrorCode", "no reason given")
            raise Unavailable(f"EventBridge did not take an event ({code})")
