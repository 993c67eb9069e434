"""Records what is to be delivered of an event, and delivers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from kili_export.core.clock import Clock
from kili_export.core.errors import ExportError, InvalidConfiguration
from kili_export.notifications.deliveries import Delivery, DeliveryStore, DisabledEndpoint
from kili_export.notifications.event_messages import AnnouncedEvent
from kili_export.notifications.signing import signed_headers
from kili_export.registration.notify_endpoint import NotifyEndpoint, is_address
from kili_export.registration.stored_registrations import load_registration
from kili_export.storage.object_store import ObjectStore

_GONE: Final = 410
_DISABLED: Final = "the endpoint answered 410 Gone and is disabled"
_UNDECLARED: Final = "the endpoint is not declared any more"
_UNFINISHED: Final = "the last attempt did not come to an end"


class DeliveryFailed(Exception):
    """No answer came; the message says why, and nothing of an address but its origin."""


class Sender(Protocol):
    """Sends one request, once, and follows no redirection."""

    def send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The status of the answer. Raises DeliveryFailed."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """The use case. `secret_of` reads a secret by the name that a registration gives.

    `chance` answers a number from 0 to 1.
    """

    objects: ObjectStore
    store: DeliveryStore
    sender: Sender
    secret_of: Callable[[str], str]
    clock: Clock
    chance: Callable[[], float]

    def deliveries_of(self, event: AnnouncedEvent) -> tuple[Delivery, ...]:
        """What is to be sent, as its project declares it now. Nothing is stored.

        Raises IntegrityError when the registration cannot be read, TransientError.
        """
        if event.name is None or not event.project_id:
            return ()
        registration = load_registration(self.objects, event.project_id)
        endpoints = registration.notify if registration else ()
        return tuple(
            self._delivery(event, one, str(event.name))
            for one in endpoints
            if event.name in one.events
        )

    def attempt(self, delivery: Delivery) -> Delivery:
        """Tries a delivery that is pending, and stores what came of it.

        It is stored before, too: whatever ends this in between, a later attempt follows, and not
        at once. Raises TransientError when it cannot be stored; then nothing was sent, or what
        was sent is sent again.
        """
        if delivery.is_over:
            # The last attempt did not come to an end, and the next might not either.
            over = delivery.given_up(_UNFINISHED)
            return over if self.store.replace(delivery, over) else self._stored(delivery)
        begun = delivery.begun(self.clock.now(), self.chance())
        if not self.store.replace(delivery, begun):
            # Somebody else tries it.
            return self._stored(delivery)
        done = self._sent(begun)
        self.store.replace(begun, done)
        return done

    def retry(self, project_id: str, delivery_id: str) -> Delivery:
        """Makes a delivery due again, also to an endpoint that was disabled.

        Raises InvalidConfiguration when it is not known.
        """
        found = self.store.get(project_id, delivery_id)
        if found is None:
            raise InvalidConfiguration(
                f"Project {project_id} has no delivery {delivery_id[:64]!r}; see kili-export"
                f" deliveries {project_id}"
            )
        again = found.again(self.clock.now())
        self.store.enable(project_id, found.endpoint)
        return again if self.store.replace(found, again) else self.retry(project_id, delivery_id)

    def _stored(self, delivery: Delivery) -> Delivery:
        return self.store.get(delivery.project_id, delivery.id) or delivery

    def _delivery(self, event: AnnouncedEvent, endpoint: NotifyEndpoint, name: str) -> Delivery:
        now = self.clock.now()
        return Delivery(
            id=event.delivery_id(endpoint),
            project_id=event.project_id,
            endpoint=endpoint.name,
            event=name,
            body=event.body(endpoint),
            recorded_at=now,
            next_attempt_at=now,
        )

    def _sent(self, delivery: Delivery) -> Delivery:
        try:
            endpoint = self._endpoint(delivery)
            if endpoint is None:
                return delivery.given_up(_UNDECLARED)
            gone = self.store.disabled(delivery.project_id).get(endpoint.name)
            if gone is not None and gone.fingerprint == endpoint.fingerprint:
                return delivery.given_up(_DISABLED)
            status = self._post(delivery, endpoint)
        except (DeliveryFailed, ExportError) as error:
            return delivery.refused(str(error))
        return self._judged(delivery, endpoint, status)

    def _endpoint(self, delivery: Delivery) -> NotifyEndpoint | None:
        registration = load_registration(self.objects, delivery.project_id)
        endpoints = registration.notify if registration else ()
        return next((one for one in endpoints if one.name == delivery.endpoint), None)

    def _post(self, delivery: Delivery, endpoint: NotifyEndpoint) -> int:
        body = delivery.body.encode()
        secret = self.secret_of(endpoint.secret)
        headers = {"Content-Type": "application/json"}
        if endpoint.url is None:
            if not is_address(secret):
                raise InvalidConfiguration(f"the secret {endpoint.secret} holds no address")
            return self.sender.send(secret, headers, body)
        headers.update(signed_headers(secret, delivery.id, self.clock.now(), body))
        return self.sender.send(endpoint.url, headers, body)

    def _judged(self, delivery: Delivery, endpoint: NotifyEndpoint, status: int) -> Delivery:
        if 200 <= status < 300:
            return delivery.delivered(status)
        if status == _GONE:
            gone = DisabledEndpoint(endpoint.fingerprint, self.clock.now())
            self.store.disable(delivery.project_id, endpoint.name, gone)
            return delivery.given_up(_DISABLED, status)
        return delivery.refused(f"HTTP {status}", status)
