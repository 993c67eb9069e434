"""API keys that may change while they are in use."""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from kili_export.core.clock import Clock

REMEMBERED: Final = timedelta(minutes=5)
"""How long a key is used without looking whether it was changed."""
_NOT_ASKED_AGAIN: Final = timedelta(seconds=10)
_log = logging.getLogger(__name__)


class ApiKey(Protocol):
    """The key of a client."""

    def value(self) -> str:
        """The key to use now."""

    def replace(self, refused: str) -> bool:
        """Looks for another key than one that Kili refused. Answers whether there is one."""


@dataclass(frozen=True, slots=True)
class FixedKey:
    """A key that stays what it is."""

    key: str = field(repr=False)

    def value(self) -> str:
        """See ApiKey."""
        return self.key

    def replace(self, refused: str) -> bool:
        """See ApiKey."""
        del refused
        return False


@dataclass(slots=True)
class RotatingKey:
    """A key that is stored with its successor and its predecessor. Safe to share between threads.

    `stored` reads them, at least one, the one to be preferred first. A key that Kili refuses is
    left aside for as long as keys are remembered; the others are tried, each once.
    """

    stored: Callable[[], Iterable[str]]
    clock: Clock
    _key: str = field(default="", repr=False)
    _read_at: datetime | None = None
    _refused: dict[str, datetime] = field(default_factory=dict, repr=False)
    _looked_at: dict[str, datetime] = field(default_factory=dict, repr=False)
    """By refused key, when another was last looked for."""
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def value(self) -> str:
        """See ApiKey. Raises InvalidConfiguration when none is stored."""
        with self._turn:
            if self._read_at is None or self.clock.now() - self._read_at > REMEMBERED:
                self._read()
            return self._key

    def replace(self, refused: str) -> bool:
        """See ApiKey."""
        with self._turn:
            if self._key != refused:
                # Another thread has found one meanwhile.
                return True
            now = self.clock.now()
            self._refused[refused] = now
            # Counted from the last look and not from the last refusal: refusals may never cease.
            looked_at = self._looked_at.get(refused)
            if looked_at is not None and now - looked_at < _NOT_ASKED_AGAIN:
                return False
            self._looked_at[refused] = now
            self._read()
            return self._key != refused

    def _read(self) -> None:
        """Takes the first key that was not refused lately, or the preferred one."""
        now = self.clock.now()
        self._refused = _lately(self._refused, now)
        self._looked_at = _lately(self._looked_at, now)
        stored = iter(self.stored())
        preferred = next(stored)
        key = preferred
        if preferred in self._refused:
            key = next((one for one in stored if one not in self._refused), preferred)
        if key != preferred:
            _log.warning("Kili refuses the current API key; another version of its secret is used")
        self._key, self._read_at = key, now


def _lately(times: dict[str, datetime], now: datetime) -> dict[str, datetime]:
    return {key: at for key, at in times.items() if now - at <= REMEMBERED}
