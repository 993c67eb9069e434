"""Delivers events to endpoints, from threads of the stack's own process."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Final

from kili_export.core.errors import ExportError, IntegrityError
from kili_export.machine.announcements import Announcement, SqliteAnnouncements
from kili_export.machine.deliveries import SqliteDeliveries
from kili_export.notifications.deliveries import Delivery
from kili_export.notifications.event_messages import AnnouncedEvent
from kili_export.notifications.notifier import Notifier

_PAUSE: Final = 1.0
"""Seconds between two looks at what there is to do."""
_EVENTS: Final = 100
_DELIVERIES: Final = 50
"""The most deliveries of one endpoint in one look: an endpoint that is down delays no other."""
_FORGET_EVERY: Final = 3600
"""Looks between two removals of expired deliveries."""
_NOT_LOOKED: Final = "Events are not delivered"
_NOT_NOTED: Final = "Deliveries cannot be noted"
_Lane = tuple[str, str]
"""A project and an endpoint: its deliveries are sent one after another."""


@dataclass(slots=True)
class NotificationWorker:
    """One thread, and one for each endpoint that something is sent to.

    None of them is waited for at the end: what was not noted as delivered is tried again. `tell`
    gets a line for people about what fails, once until it changes.
    """

    announcements: SqliteAnnouncements
    deliveries: SqliteDeliveries
    notifier: Notifier
    tell: Callable[[str], None]
    _stopped: threading.Event = field(default_factory=threading.Event)
    _busy: dict[_Lane, threading.Thread] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Begins. Events from now on are delivered. Raises Unavailable."""
        self.deliveries.begin()
        threading.Thread(target=self._run, name="notify", daemon=True).start()

    def stop(self) -> None:
        """Begins nothing else."""
        self._stopped.set()

    def look(self) -> None:
        """Records what is to be sent of new events, and begins to send what is due."""
        for event in islice(self.announcements.after(self.deliveries.looked_at()), _EVENTS):
            self.deliveries.record_event(event.number, self._deliveries_of(event))
        self._busy = {lane: one for lane, one in self._busy.items() if one.is_alive()}
        due = self.deliveries.due(self.notifier.clock.now(), _DELIVERIES)
        for lane, group in groupby(sorted(due, key=_lane_of), _lane_of):
            if lane not in self._busy:
                thread = threading.Thread(
                    target=self._send, args=(list(group),), name=f"notify {lane[1]}", daemon=True
                )
                self._busy[lane] = thread
                thread.start()

    def settle(self) -> None:
        """Waits for what is being sent."""
        for thread in list(self._busy.values()):
            thread.join()

    def _deliveries_of(self, event: Announcement) -> Sequence[Delivery]:
        announced = AnnouncedEvent(event.detail_type, event.detail, event.sent_at)
        try:
            return self.notifier.deliveries_of(announced)
        except IntegrityError as error:
            # Events of other projects must not wait for it.
            self.tell(f"An event of project {announced.project_id} is not delivered: {error}")
            return ()

    def _send(self, deliveries: Sequence[Delivery]) -> None:
        try:
            for one in deliveries:
                if self._stopped.is_set():
                    return
                state = self.notifier.attempt(one).state
                self._said.pop(_NOT_NOTED, None)
                if state == "pending":
                    # The next ones would fail too.
                    return
        except ExportError as error:
            self._say(_NOT_NOTED, error)

    def _run(self) -> None:
        looks = 0
        while not self._stopped.wait(_PAUSE):
            try:
                self.look()
                if looks % _FORGET_EVERY == 0:
                    self.deliveries.forget(self.notifier.clock.now())
            except Exception as error:  # noqa: BLE001 whatever it was, the next look may succeed
                self._say(_NOT_LOOKED, error)
            else:
                self._said.pop(_NOT_LOOKED, None)
            looks += 1

    def _say(self, problem: str, error: Exception) -> None:
        if str(error) != self._said.get(problem) and not self._stopped.is_set():
            self._said[problem] = str(error)
            self.tell(f"{problem}: {error}")


def _lane_of(delivery: Delivery) -> _Lane:
    return delivery.project_id, delivery.endpoint
