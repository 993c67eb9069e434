"""Sends deliveries to the endpoints that projects declare, to where media may be fetched from."""

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from kili_export.core.clock import Clock
from kili_export.kili.http.addresses import AddressRules, Network
from kili_export.kili.http.endpoint import origin_name
from kili_export.kili.http.failures import NETWORK_ERRORS, of_failure
from kili_export.kili.http.guarded_connections import AddressRefused, ConnectionGuard
from kili_export.kili.http.http_client import HttpClient
from kili_export.kili.http.response_bodies import TooLarge, TooSlow, read_body
from kili_export.kili.http.transport import new_http_client
from kili_export.notifications.notifier import DeliveryFailed

_TIMEOUTS: Final = (5.0, 15.0)
"""Seconds to connect, and to wait for the next bytes."""
_HTTP: Final = 80
_LARGEST_ANSWER: Final = 64 * 1024
_ANSWER_SECONDS: Final = 10.0
_REFUSED: Final = (
    "the endpoint is at no address that may be connected to: a public one by https, or one in"
    " PRIVATE_NETWORKS"
)


@dataclass(frozen=True)
class NotificationSender:
    """Implements Sender. Threads may share it."""

    clock: Clock
    private_networks: tuple[Network, ...] = ()
    guard: ConnectionGuard | None = field(default=None)

    def send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """See Sender. What the endpoint answers is read to a limit, and passed over."""
        try:
            self._refuse_plain(url)
            answer = self._http.send("POST", url, headers=headers, timeouts=_TIMEOUTS, body=body)
        except AddressRefused:
            raise DeliveryFailed(_REFUSED) from None
        except (UnicodeError, *NETWORK_ERRORS) as failure:
            raise DeliveryFailed(str(of_failure(failure, origin_name(url)).error)) from None
        with answer as response:
            # The status counts, however the rest comes: reading it keeps the connection usable.
            with suppress(TooLarge, TooSlow, *NETWORK_ERRORS):
                read_body(
                    response, limit=_LARGEST_ANSWER, seconds=_ANSWER_SECONDS, clock=self.clock
                )
            return response.status

    def _refuse_plain(self, url: str) -> None:
        """A proxy would connect to any address: what may be reached without TLS is known here."""
        parts = urlsplit(url)
        if parts.scheme != "https":
            self._guard.addresses(parts.scheme, parts.hostname or "", parts.port or _HTTP)

    @cached_property
    def _guard(self) -> ConnectionGuard:
        rules = AddressRules(self.private_networks)
        return self.guard or ConnectionGuard(rules, encrypted=True)

    @cached_property
    def _http(self) -> HttpClient:
        return new_http_client(self._guard)
