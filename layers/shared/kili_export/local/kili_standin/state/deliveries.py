"""Carries webhook calls out from a thread of its own, and loses, doubles, delays or reorders them.

Nothing about delivery is promised by the real server, so everything may be asked for here:
`lose`, `double` and `delay` apply to the next so many calls (`delay_seconds` each), and `reorder`
collects so many calls and sends them in reverse. A refused connection or a 5xx is tried again.
"""

from collections import deque
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Any

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from kili_export.local.kili_standin.state.identifiers import Clock, iso
from kili_export.local.kili_standin.state.webhooks import Delivery

_TIMEOUT_SECONDS = 10.0


@dataclass(slots=True)
class DeliveryPolicy:
    """How many of the next calls are mistreated, and the retries of an honest one."""

    lose: int = 0
    double: int = 0
    delay: int = 0
    delay_seconds: float = 0.0
    reorder: int = 0
    attempts: int = 4
    backoff_seconds: float = 0.2


class Courier:
    """Sends deliveries in order, in the background. `log` tells what became of each."""

    def __init__(self, clock: Clock) -> None:
        self.policy = DeliveryPolicy()
        self._clock = clock
        self._queue: deque[Delivery] = deque()
        self._held: list[Delivery] = []
        self._log: list[dict[str, Any]] = []
        self._busy = False
        self._closed = False
        self._changed = Condition()
        self._thread: Thread | None = None

    def open(self) -> None:
        """Makes calls again after a close."""
        with self._changed:
            self._closed = False

    def post(self, deliveries: list[Delivery]) -> None:
        """Takes calls over; returns at once."""
        with self._changed:
            for delivery in deliveries:
                self._accept(delivery)
            self._wake()

    def _wake(self) -> None:
        if self._queue and self._thread is None and not self._closed:
            self._thread = Thread(target=self._run, name="kili-webhooks", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _accept(self, delivery: Delivery) -> None:
        policy = self.policy
        if policy.lose > 0:
            policy.lose -= 1
            self._record(delivery, outcome="lost", attempts=0)
            return
        copies = 1
        if policy.double > 0:
            policy.double -= 1
            copies = 2
        if policy.reorder > 0:
            policy.reorder -= 1
            self._held.extend([delivery] * copies)
            if policy.reorder == 0:
                self.release()
            return
        self._queue.extend([delivery] * copies)

    def release(self) -> None:
        """Sends what reordering has collected so far, in reverse."""
        with self._changed:
            self.policy.reorder = 0
            self._queue.extend(reversed(self._held))
            self._held.clear()
            self._wake()

    def log(self) -> list[dict[str, Any]]:
        """What became of each call: event, url, outcome, HTTP status, attempts, body."""
        with self._changed:
            return list(self._log)

    def clear_log(self) -> None:
        """Forgets the log."""
        with self._changed:
            self._log.clear()

    def wait_idle(self, timeout: float = 10.0) -> bool:
        """Waits until nothing is queued or under way; False when that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, timeout)

    def close(self) -> None:
        """Stops; calls that are still queued are not made."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=_TIMEOUT_SECONDS)
            self._thread = None

    def _run(self) -> None:
        with PoolManager() as connections:
            while (delivery := self._next()) is not None:
                self._carry(connections, delivery)

    def _next(self) -> Delivery | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                return None
            self._busy = True
            return self._queue.popleft()

    def _carry(self, connections: PoolManager, delivery: Delivery) -> None:
        delay = self._take_delay()
        if delay:
            self._pause(delay)
        if self._closed:
            return
        for attempt in range(1, self.policy.attempts + 1):
            status, problem = self._send(connections, delivery)
            if status is not None and status < 500:
                break
            if self._closed or attempt == self.policy.attempts:
                break
            self._pause(self.policy.backoff_seconds * 2 ** (attempt - 1))
        delivered = status is not None and status < 300
        outcome = "delivered" if delivered else "failed"
        with self._changed:
            self._record(delivery, outcome, attempt, status=status, problem=problem)

    def _take_delay(self) -> float:
        with self._changed:
            if self.policy.delay <= 0:
                return 0.0
            self.policy.delay -= 1
            return self.policy.delay_seconds

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    @staticmethod
    def _send(connections: PoolManager, delivery: Delivery) -> tuple[int | None, str | None]:
        headers = {} if delivery.header is None else {"Authorization": delivery.header}
        try:
            answer = connections.request(
                "POST",
                delivery.url,
                json=delivery.body,
                headers={"Content-Type": "application/json", **headers},
                timeout=_TIMEOUT_SECONDS,
                retries=False,
            )
        except HTTPError as error:
            return None, type(error).__name__
        return answer.status, None

    def _record(
        self,
        delivery: Delivery,
        outcome: str,
        attempts: int,
        *,
        status: int | None = None,
        problem: str | None = None,
    ) -> None:
        self._log.append(
            {
                "webhook": delivery.webhook,
                "url": delivery.url,
                "event": delivery.event,
                "outcome": outcome,
                "status": status,
                "problem": problem,
                "attempts": attempts,
                "at": iso(self._clock.now()),
                "body": delivery.body,
            }
        )
