"""Counts what the client moves."""

import threading
from collections import Counter

from kili_export.costs.usage import TrafficCount


class KiliTraffic:
    """Requests by operation, attempts included, and bytes of bodies both ways, uncompressed."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._down = 0
        self._up = 0
        self._lock = threading.Lock()

    def sent(self, operation: str, size: int) -> None:
        """Notes a request with a body of `size` bytes."""
        with self._lock:
            self._requests[operation] += 1
            self._up += size

    def received(self, size: int) -> None:
        """Notes `size` bytes of an answer."""
        with self._lock:
            self._down += size

    def snapshot(self) -> TrafficCount:
        """The counts since this was made."""
        with self._lock:
            return TrafficCount(dict(self._requests), self._down, self._up)
