"""Deliveries of events to endpoints, in the partition `deliveries#{project}`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from kili_export.aws.dynamodb.table import (
    Item,
    Table,
    Value,
    moment,
    number,
    optional_text,
    text,
)
from kili_export.notifications.deliveries import Delivery, DisabledEndpoint, State

PARTITION = "deliveries#"
"""Begins the keys of partitions with deliveries."""
_DELIVERY, _DISABLED, _RECORDED = "delivery#", "disabled#", "recorded#"
_SET = (
    "SET endpoint = :endpoint, event_name = :event, body = :body, recorded_at = :recorded,"
    " delivery_state = :state, attempts = :attempts, http_status = :status, problem = :problem,"
    " attempted_at = :attempted, next_attempt_at = :next, expires = :expires"
)


@dataclass(frozen=True, slots=True)
class DynamoDeliveries:
    """Implements DeliveryStore. The table's time to live removes what was kept long enough."""

    table: Table

    def record(self, deliveries: Sequence[Delivery]) -> None:
        """See DeliveryStore."""
        for one in deliveries:
            self.table.update(
                _partition(one.project_id),
                _DELIVERY + one.id,
                _SET,
                _values(one),
                condition="attribute_not_exists(pk)",
            )

    def record_event(self, project_id: str, event_id: str, deliveries: Sequence[Delivery]) -> None:
        """Stores all deliveries of an event, then a record that they are complete."""
        self.record(deliveries)
        for one in deliveries[:1]:
            self.table.update(
                _partition(project_id),
                _RECORDED + event_id,
                "SET expires = :expires",
                {":expires": int(one.expires_at.timestamp())},
            )

    def is_recorded(self, project_id: str, event_id: str) -> bool:
        """Whether all of an event was stored."""
        return self.table.get(_partition(project_id), _RECORDED + event_id) is not None

    def get(self, project_id: str, delivery_id: str) -> Delivery | None:
        """See DeliveryStore."""
        item = self.table.get(_partition(project_id), _DELIVERY + delivery_id)
        return None if item is None else _delivery(project_id, item)

    def of_project(self, project_id: str) -> Iterator[Delivery]:
        """See DeliveryStore."""
        for item in self.table.query(_partition(project_id), _DELIVERY):
            yield _delivery(project_id, item)

    def of_event(self, project_id: str, event_id: str) -> list[Delivery]:
        """Those of one event."""
        items = self.table.query(_partition(project_id), _DELIVERY + event_id)
        return [_delivery(project_id, item) for item in items]

    def replace(self, seen: Delivery, by: Delivery) -> bool:
        """See DeliveryStore."""
        values: dict[str, Value] = {":seen": seen.attempts, ":was": seen.state}
        return self.table.update(
            _partition(seen.project_id),
            _DELIVERY + seen.id,
            _SET,
            {**_values(by), **values},
            condition="attempts = :seen AND delivery_state = :was",
        )

    def disabled(self, project_id: str) -> Mapping[str, DisabledEndpoint]:
        """See DeliveryStore."""
        return {
            text(item, "sk").removeprefix(_DISABLED): DisabledEndpoint(
                text(item, "fingerprint"), moment(item, "disabled_at")
            )
            for item in self.table.query(_partition(project_id), _DISABLED)
        }

    def disable(self, project_id: str, endpoint: str, gone: DisabledEndpoint) -> None:
        """See DeliveryStore."""
        self.table.update(
            _partition(project_id),
            _DISABLED + endpoint,
            "SET fingerprint = :fingerprint, disabled_at = :since",
            {":fingerprint": gone.fingerprint, ":since": gone.at},
        )

    def enable(self, project_id: str, endpoint: str) -> None:
        """See DeliveryStore."""
        self.table.delete(_partition(project_id), _DISABLED + endpoint)

    def erase(self, project_id: str) -> None:
        """See DeliveryStore."""
        for item in self.table.query(_partition(project_id)):
            self.table.delete(_partition(project_id), text(item, "sk"))


def _values(delivery: Delivery) -> dict[str, Value]:
    return {
        ":endpoint": delivery.endpoint,
        ":event": delivery.event,
        ":body": delivery.body,
        ":recorded": delivery.recorded_at,
        ":state": delivery.state,
        ":attempts": delivery.attempts,
        ":status": delivery.status,
        ":problem": delivery.error,
        ":attempted": delivery.attempted_at,
        ":next": delivery.next_attempt_at,
        ":expires": int(delivery.expires_at.timestamp()),
    }


def _delivery(project_id: str, item: Item) -> Delivery:
    return Delivery(
        id=text(item, "sk").removeprefix(_DELIVERY),
        project_id=project_id,
        endpoint=text(item, "endpoint"),
        event=text(item, "event_name"),
        body=text(item, "body"),
        recorded_at=moment(item, "recorded_at"),
        state=cast("State", text(item, "delivery_state")),
        attempts=number(item, "attempts"),
        status=number(item, "http_status") or None,
        error=optional_text(item, "problem"),
        attempted_at=_moment(item, "attempted_at"),
        next_attempt_at=_moment(item, "next_attempt_at"),
    )


def _moment(item: Item, name: str) -> datetime | None:
    found = optional_text(item, name)
    return None if found is None else datetime.fromisoformat(found)


def _partition(project_id: str) -> str:
    return f"{PARTITION}{project_id}"
