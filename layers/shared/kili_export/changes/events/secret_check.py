"""Whether a webhook call comes from a caller that knows the secret."""

import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from kili_export.core.clock import Clock
from kili_export.core.errors import TransientError, Unauthorized, Unavailable

_REMEMBERED: Final = timedelta(minutes=5)
_RECENT: Final = timedelta(seconds=5)
_log = logging.getLogger(__name__)


class WebhookSecrets(Protocol):
    """The secret that Kili sends with every call."""

    def accepted(self) -> tuple[str, ...]:
        """What is accepted now: the current secret and, for a while after a change, the former."""


@dataclass(slots=True)
class SecretCheck:
    """Compares in constant time with secrets that are read once in a while."""

    secrets: WebhookSecrets
    clock: Clock
    _accepted: tuple[str, ...] = ()
    _read_at: datetime | None = None
    _failed_at: datetime | None = None
    """When reading failed, None if it did not since it succeeded."""

    def verify(self, authorization: str | None) -> None:
        """Raises Unauthorized unless the header is an accepted secret.

        A secret that does not match may be a new one: then they are read again, but not more
        often than every few seconds, whatever strangers send. While they cannot be read, those
        that are remembered serve on; Unavailable is raised for any other, as it may be a new one.
        """
        if not authorization:
            raise Unauthorized("the Authorization header is missing")
        if self._age() >= _REMEMBERED:
            self._refresh()
        if _matches(authorization, self._accepted):
            return
        if self._age() >= _RECENT:
            self._refresh()
            if _matches(authorization, self._accepted):
                return
            if self._failed_at is not None:
                raise Unavailable("the webhook's secret cannot be read")
        raise Unauthorized("the Authorization header is not the webhook's secret")

    def _age(self) -> timedelta:
        return timedelta.max if self._read_at is None else self.clock.now() - self._read_at

    def _refresh(self) -> None:
        """Reads the secrets, unless that failed a moment ago."""
        now = self.clock.now()
        if self._failed_at is not None and now - self._failed_at < _RECENT:
            return
        try:
            self._accepted = self.secrets.accepted()
            self._read_at, self._failed_at = now, None
        except TransientError:
            _log.warning("the webhook's secret cannot be read", exc_info=True)
            self._failed_at = now


def _matches(authorization: str, accepted: Iterable[str]) -> bool:
    """Compares with every one of them, so that the time does not tell which came close."""
    given = authorization.encode("utf-8", "surrogatepass")
    matches = [
        hmac.compare_digest(given, secret.encode("utf-8", "surrogatepass")) for secret in accepted
    ]
    return any(matches)
