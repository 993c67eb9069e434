"""The machine's clock and randomness."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol

_RESERVED_SHARE: Final = 1 / 4
_RESERVED_MILLISECONDS: Final = 120_000


class SystemClock:
    """The present."""

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


class SystemRandom:
    """The operating system's randomness."""

    def token(self) -> str:
        """Sixteen hexadecimal digits that nobody else has."""
        return secrets.token_hex(8)


class InvocationTime:
    """What is left of an invocation until it is cut off.

    A quarter of it, at most two minutes, is kept for ending what was begun: parts of 256 MiB,
    and those of 5 GiB that archives of terabytes are copied in.
    """

    def __init__(self, remaining_milliseconds: Callable[[], int]) -> None:
        self._remaining = remaining_milliseconds
        given = remaining_milliseconds()
        self._reserved = min(_RESERVED_MILLISECONDS, given * _RESERVED_SHARE)

    def is_up(self) -> bool:
        """Whether nothing more may be begun that takes long."""
        return self._remaining() <= self._reserved


class TimeLeft(Protocol):
    """What is left of an invocation."""

    def is_up(self) -> bool:
        """Whether nothing more may be begun that takes long."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The present, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class RandomSource(Protocol):
    """The only source of randomness."""

    def token(self) -> str:
        """Sixteen hexadecimal digits that nobody else has."""
