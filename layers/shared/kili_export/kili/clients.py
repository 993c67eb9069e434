"""Clients of Kili: one for each API key and each pace, kept with what they know."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kili_export.core.clock import Clock
from kili_export.core.rate_limit import BudgetRules, BudgetStore
from kili_export.kili.client import KiliClient, KiliSettings
from kili_export.kili.http.addresses import Network
from kili_export.kili.http.api_keys import RotatingKey
from kili_export.kili.http.downloads import OPERATION
from kili_export.kili.http.retrying import ProcessRateLimiter, RateLimiter
from kili_export.kili.http.shared_rate_limit import Both, SharedRateLimiter


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker uses the calls that all share.

    It waits for `patience` seconds at most, and makes no more than `most` calls a minute itself.
    """

    patience: float
    most: int | None = None


@dataclass(slots=True)
class KiliClients:
    """Makes clients by the secrets of their keys.

    `versions_of` reads a secret's values, `budget_of` gives the calls that its key's users share.
    """

    endpoint: str
    requests_per_minute: int
    clock: Clock
    versions_of: Callable[[str], Iterable[str]]
    budget_of: Callable[[str], BudgetStore]
    private_networks: tuple[Network, ...] = ()
    _keys: dict[str, RotatingKey] = field(default_factory=dict)
    _clients: dict[tuple[str, Pace], KiliClient] = field(default_factory=dict)

    def get(self, secret_id: str, pace: Pace) -> KiliClient:
        """The client with that key and pace.

        Raises InvalidConfiguration when the secret has no value.
        """
        key = self._keys.get(secret_id)
        if key is None:
            key = RotatingKey(lambda: self.versions_of(secret_id), self.clock)
            self._keys[secret_id] = key
        key.value()
        client = self._clients.get((secret_id, pace))
        if client is None:
            settings = KiliSettings(
                self.endpoint,
                key,
                self.requests_per_minute,
                private_networks=self.private_networks,
            )
            client = KiliClient.connect(settings, self.clock, self._budget(secret_id, pace))
            self._clients[secret_id, pace] = client
        return client

    def calls(self) -> int:
        """How many calls of Kili's API these clients have made; downloads are none."""
        counts = [client.traffic.snapshot().requests for client in self._clients.values()]
        return sum(n for count in counts for name, n in count.items() if name != OPERATION)

    def _budget(self, secret_id: str, pace: Pace) -> RateLimiter:
        rules = BudgetRules.per_minute(self.requests_per_minute)
        shared = SharedRateLimiter(self.budget_of(secret_id), self.clock, rules, pace.patience)
        if pace.most is None:
            return shared
        return Both(ProcessRateLimiter(self.clock, pace.most), shared)
