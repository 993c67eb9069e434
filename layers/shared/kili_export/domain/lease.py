"""Who may publish a project: the rules of the lease."""

from datetime import datetime
from enum import StrEnum
from typing import Final

_DIGITS: Final = 8


class Claim(StrEnum):
    """What an execution may do about a lease."""

    HELD = "held"
    """It already holds it: the same step was tried again."""

    FREE = "free"
    """Nobody holds it."""

    BUSY = "busy"
    """Its holder is believed to be at work."""

    ASK = "ask"
    """Its holder may have died: it is free if that execution does not run any more."""


def claim(holder: str | None, expires_at: datetime, *, claimant: str, now: datetime) -> Claim:
    """What `claimant` may do about a lease with this holder.

    Young leases are never questioned: whether an execution runs is known with a delay, and one
    that has just begun could be taken for one that is over.
    """
    if holder is None:
        return Claim.FREE
    if holder == claimant:
        return Claim.HELD
    return Claim.BUSY if now < expires_at else Claim.ASK


def run_id_of(token: int, suffix: str) -> str:
    """The id of a run: the token of the lease that it works under, and what makes it unique."""
    return f"{token:0{_DIGITS}d}-{suffix}"


def token_of(run_id: str) -> int:
    """The token of the lease that a run worked under; 0 for an id that tells none."""
    digits = run_id.partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
