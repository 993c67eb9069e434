"""What delivers events to the endpoints that projects declare: on AWS, a function of a queue."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, Field, TypeAdapter

from kili_export.core.document import Document
from kili_export.kili.http.notification_sender import NotificationSender
from kili_export.notifications.deliveries import Delivery
from kili_export.notifications.event_messages import AnnouncedEvent
from kili_export.notifications.notifier import Notifier
from kili_export.registration.notify_endpoint import MOST_ENDPOINTS
from kili_export.wiring.application import Application, application
from kili_export.wiring.invocation import Invocation

if TYPE_CHECKING:
    from kili_export.aws.delivery_queue import DeliveryQueue
    from kili_export.aws.dynamodb.delivery_store import DynamoDeliveries


class BusEvent(BaseModel):
    """An event as EventBridge puts it into a queue. It has more fields than these."""

    detail_type: str = Field(alias="detail-type")
    detail: dict[str, Any]
    time: str


class RetryRequest(Document):
    """A delivery that a person asks to be tried again, as `kili-export deliveries` queues it."""

    project_id: str
    delivery_id: str


class QueueRecord(BaseModel):
    """A message as the queue hands it over."""

    message_id: str = Field(alias="messageId")
    receipt: str = Field(alias="receiptHandle")
    body: str


class NotifyRequest(BaseModel):
    """What the function is called with."""

    records: tuple[QueueRecord, ...] = Field(alias="Records")


_MESSAGE: TypeAdapter[RetryRequest | BusEvent] = TypeAdapter(RetryRequest | BusEvent)


def notifier(app: Application) -> Notifier:
    """Delivers events. Keep it: it keeps connections."""
    return Notifier(
        objects=app.objects,
        store=app.deliveries,
        sender=NotificationSender(app.clock, app.settings.networks),
        secret_of=lambda name: app.notify_secret(name).value(),
        clock=app.clock,
        chance=random.random,
    )


def retry_delivery(app: Application, project_id: str, delivery_id: str) -> Delivery:
    """Makes a delivery due again. Raises InvalidConfiguration when it is not known."""
    again = notifier(app).retry(project_id, delivery_id)
    if app.delivery_queue is not None:
        request = RetryRequest(project_id=project_id, delivery_id=delivery_id)
        app.delivery_queue.send(request.model_dump_json())
    return again


class QueuedDeliveries:
    """Delivers what messages of a queue ask for; a message stays until all of it is settled."""

    def __init__(self, app: Application) -> None:
        self.notifier = notifier(app)
        self.store = cast("DynamoDeliveries", app.deliveries)
        self.queue = cast("DeliveryQueue", app.delivery_queue)

    def __call__(self, record: QueueRecord) -> Sequence[Delivery]:
        """Tries what is due of a message. Answers all its deliveries.

        Raises pydantic's ValidationError for a malformed message, IntegrityError,
        TransientError: the message comes again, and goes to the dead letters in the end.
        """
        found = self._deliveries(_MESSAGE.validate_json(record.body))
        if not found:
            return found
        # An endpoint that does not answer holds up no other.
        with ThreadPoolExecutor(MOST_ENDPOINTS) as threads:
            done = list(threads.map(self._try, found))
        waits = [one.next_attempt_at for one in done if one.next_attempt_at is not None]
        if waits:
            self.queue.hide(record.receipt, self._seconds_to(min(waits)))
        return done

    def _deliveries(self, message: RetryRequest | BusEvent) -> list[Delivery]:
        if isinstance(message, RetryRequest):
            one = self.store.get(message.project_id, message.delivery_id)
            return [] if one is None else [one]
        event = AnnouncedEvent(message.detail_type, message.detail, message.time)
        if event.name is None or not event.project_id:
            return []
        if self.store.is_recorded(event.project_id, event.id):
            return self.store.of_event(event.project_id, event.id)
        new = self.notifier.deliveries_of(event)
        self.store.record_event(event.project_id, event.id, new)
        return list(new)

    def _try(self, delivery: Delivery) -> Delivery:
        due = delivery.next_attempt_at
        if due is None or self._seconds_to(due) > 0:
            return delivery
        return self.notifier.attempt(delivery)

    def _seconds_to(self, at: datetime) -> float:
        return (at - self.notifier.clock.now()).total_seconds()


@lru_cache(maxsize=1)
def _deliver() -> QueuedDeliveries:
    return QueuedDeliveries(application())


def answer_request(event: dict[str, Any], invocation: Invocation) -> dict[str, Any]:
    """Answers which messages are to come again. Raises the errors of core.errors."""
    request = NotifyRequest.model_validate(event)
    failures = []
    for record in request.records:
        done = _deliver()(record)
        for one in done:
            known = {"project_id": one.project_id, "endpoint": one.endpoint, "delivery": one.id}
            state = {"state": one.state, "attempts": one.attempts, "error": one.error}
            invocation.log("Delivery checked", {**known, **state})
        if any(one.next_attempt_at is not None for one in done):
            failures.append({"itemIdentifier": record.message_id})
    return {"batchItemFailures": failures}
