"""One event on its way to one endpoint, and where deliveries are recorded (a port)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

PURSUED: Final = timedelta(days=1)
"""How long a delivery is tried."""
KEPT: Final = timedelta(days=7)
"""How long a delivery is listed after its event."""
_FIRST_WAIT: Final = 5.0
_LONGEST_WAIT: Final = 7200.0
NO_RESULT: Final = "the attempt has no result yet"
"""What is stored beside an attempt that is under way, or whose process ended."""
State = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to be sent, and what came of it. `id` is the same in every attempt.

    `status` is the HTTP status of the last attempt, `error` why it failed: neither holds
    anything that an endpoint or a secret says. `next_attempt_at` is None when it is settled.
    """

    id: str
    project_id: str
    endpoint: str
    event: str
    body: str
    recorded_at: datetime
    state: State = "pending"
    attempts: int = 0
    status: int | None = None
    error: str | None = None
    attempted_at: datetime | None = None
    next_attempt_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """When it is forgotten."""
        return self.recorded_at + KEPT

    @property
    def is_over(self) -> bool:
        """Whether its last attempt was begun, a day after its event or later."""
        return self.attempted_at is not None and self.attempted_at >= self._ends

    def begun(self, now: datetime, chance: float) -> "Delivery":
        """As it is stored before an attempt: if nothing more is noted, it is tried again.

        `chance`, from 0 to 1, spreads deliveries that failed together.
        """
        return replace(
            self,
            attempts=self.attempts + 1,
            status=None,
            error=NO_RESULT,
            attempted_at=now,
            next_attempt_at=self._next(now, chance),
        )

    def delivered(self, status: int) -> "Delivery":
        """After the endpoint took it."""
        return replace(self, state="delivered", status=status, error=None, next_attempt_at=None)

    def refused(self, error: str, status: int | None = None) -> "Delivery":
        """After a failed attempt: the next one follows, unless the day is over."""
        if self.is_over:
            return self.given_up(error, status)
        return replace(self, status=status, error=error)

    def given_up(self, error: str, status: int | None = None) -> "Delivery":
        """After the last attempt: no other follows."""
        return replace(self, state="failed", status=status, error=error, next_attempt_at=None)

    def again(self, now: datetime) -> "Delivery":
        """As a person asks for it: due now, and for a day of attempts from now on."""
        return replace(
            self, state="pending", attempts=0, recorded_at=now, next_attempt_at=now, error=None
        )

    @property
    def _ends(self) -> datetime:
        return self.recorded_at + PURSUED

    def _next(self, now: datetime, chance: float) -> datetime:
        """The wait doubles, and is between half of that and all of it; the last is at the end."""
        wait = min(_FIRST_WAIT * 2.0 ** min(self.attempts, 20), _LONGEST_WAIT)
        return max(now, min(now + timedelta(seconds=wait * (1 + chance) / 2), self._ends))


@dataclass(frozen=True, slots=True)
class DisabledEndpoint:
    """An endpoint that answered 410 Gone. `fingerprint` tells which address that was."""

    fingerprint: str
    at: datetime


class DeliveryStore(Protocol):
    """Deliveries by project. Every method may raise TransientError and AccessDenied."""

    def record(self, deliveries: Sequence[Delivery]) -> None:
        """Stores those that are not stored yet; the others stay as they are."""

    def get(self, project_id: str, delivery_id: str) -> Delivery | None:
        """One of them, None when it is not known."""

    def of_project(self, project_id: str) -> Iterator[Delivery]:
        """All of a project, in no order."""

    def replace(self, seen: Delivery, by: Delivery) -> bool:
        """Stores `by` if the attempts and the state are still those of `seen`."""

    def disabled(self, project_id: str) -> Mapping[str, DisabledEndpoint]:
        """The endpoints of a project that are gone, by name."""

    def disable(self, project_id: str, endpoint: str, gone: DisabledEndpoint) -> None:
        """Nothing is sent to it any more."""

    def enable(self, project_id: str, endpoint: str) -> None:
        """It is sent to again."""

    def erase(self, project_id: str) -> None:
        """Forgets all of a project."""


def described(delivery: Delivery) -> dict[str, Any]:
    """A delivery as commands list it, without its body."""
    return {
        "id": delivery.id,
        "project_id": delivery.project_id,
        "endpoint": delivery.endpoint,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "error": delivery.error,
        "recorded_at": delivery.recorded_at.isoformat(),
        "attempted_at": _text(delivery.attempted_at),
        "next_attempt_at": _text(delivery.next_attempt_at),
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
