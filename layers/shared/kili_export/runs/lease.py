"""Who may publish a project: the rules of the lease."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from kili_export.core.clock import Clock

_DIGITS: Final = 8


class LeaseDecision(StrEnum):
    """What an execution may do about a lease."""

    HELD = "held"
    """It already holds it: the same step was tried again."""

    FREE = "free"
    """Nobody holds it."""

    BUSY = "busy"
    """Its holder is believed to be at work."""

    ASK = "ask"
    """Its holder may have died: it is free if that execution does not run any more."""


LONGEST_BELIEVED: Final = timedelta(minutes=15)
"""A lease that is over later than that was taken before the clock was set back."""


def claim(
    holder: str | None, expires_at: datetime, *, claimant: str, now: datetime
) -> LeaseDecision:
    """What `claimant` may do about a lease with this holder.

    Young leases are never questioned: whether an execution runs is known with a delay, and one
    that has just begun could be taken for one that is over.
    """
    if holder is None:
        return LeaseDecision.FREE
    if holder == claimant:
        return LeaseDecision.HELD
    return LeaseDecision.BUSY if is_young(expires_at, now) else LeaseDecision.ASK


def is_young(expires_at: datetime, now: datetime) -> bool:
    """Whether the holder of a lease that is over then is believed to be at work."""
    return now < expires_at <= now + LONGEST_BELIEVED


def run_id_of(token: int, suffix: str) -> str:
    """The id of a run: the token of the lease that it works under, and what makes it unique."""
    return f"{token:0{_DIGITS}d}-{suffix}"


def token_of(run_id: str) -> int:
    """The token of the lease that a run worked under; 0 for an id that tells none."""
    digits = run_id.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish a project. `token` grows with every holder; nobody holds it if None.

    Until `expires_at` the holder is believed to be at work without asking. Of what holders up to
    the token `announced_up_to` published, consumers know for sure.
    """

    project_id: str
    token: int
    holder: str | None
    expires_at: datetime
    announced_up_to: int = 0

    @property
    def follows_in_order(self) -> bool:
        """Whether the holder before gave it back, with everything announced."""
        return self.announced_up_to >= self.token - 1

    @property
    def is_settled(self) -> bool:
        """Whether its last holder gave it back with everything done."""
        return self.holder is None and self.announced_up_to >= self.token


class LeaseStore(Protocol):
    """The lease of each project."""

    def read(self, project_id: str) -> Lease | None:
        """The lease as it is now, None when nobody ever held it."""

    def take(
        self, project_id: str, *, holder: str, expires_at: datetime, seen: Lease | None
    ) -> Lease | None:
        """Takes the lease if it is still as `seen`, with the next token; otherwise None."""

    def release(self, lease: Lease, *, announced: bool) -> bool:
        """Gives it back if it is still this holder's with this token; the token stays.

        With `announced` consumers know of all that was published under it and before.
        """


class Executions(Protocol):
    """The executions of the workflow."""

    def is_running(self, execution_arn: str) -> bool:
        """Whether that execution still runs. False too when it is not known."""


@dataclass(frozen=True, slots=True)
class ProjectLease:
    """The lease of projects, by executions of the workflow. `believed` is in seconds."""

    leases: LeaseStore
    executions: Executions
    clock: Clock
    believed: int

    def acquire(self, project_id: str, execution_arn: str) -> Lease | None:
        """The lease for this execution, None when another one is at work.

        A lease is taken over only when the execution of its holder does not run any more.
        """
        seen = self.leases.read(project_id)
        if seen is not None:
            allowed = claim(
                seen.holder, seen.expires_at, claimant=execution_arn, now=self.clock.now()
            )
            if allowed is LeaseDecision.HELD:
                return seen
            if allowed is LeaseDecision.BUSY or (allowed is LeaseDecision.ASK and self._runs(seen)):
                return None
        expires_at = self.clock.now() + timedelta(seconds=self.believed)
        return self.leases.take(project_id, holder=execution_arn, expires_at=expires_at, seen=seen)

    def held_by(self, project_id: str, execution_arn: str) -> Lease | None:
        """The lease if this execution holds it."""
        lease = self.leases.read(project_id)
        return lease if lease is not None and lease.holder == execution_arn else None

    def release(self, lease: Lease, *, announced: bool) -> bool:
        """Gives a lease back. `announced`: consumers know of all that was published under it."""
        return self.leases.release(lease, announced=announced)

    def last_began(self, project_id: str) -> tuple[int, datetime] | None:
        """The token under which the project was last taken, and when; None before the first."""
        lease = self.leases.read(project_id)
        if lease is None:
            return None
        return lease.token, lease.expires_at - timedelta(seconds=self.believed)

    def is_abandoned(self, project_id: str) -> bool:
        """Whether its last holder died, or could not tell the consumers of everything."""
        lease = self.leases.read(project_id)
        if lease is None or lease.is_settled:
            return False
        return lease.holder is None or not self._at_work(lease)

    def is_at_work(self, project_id: str) -> bool:
        """Whether an execution holds the project and still runs, or is believed to."""
        lease = self.leases.read(project_id)
        return lease is not None and self._at_work(lease)

    def _at_work(self, lease: Lease) -> bool:
        if lease.holder is None:
            return False
        return is_young(lease.expires_at, self.clock.now()) or self._runs(lease)

    def _runs(self, lease: Lease) -> bool:
        return lease.holder is not None and self.executions.is_running(lease.holder)
