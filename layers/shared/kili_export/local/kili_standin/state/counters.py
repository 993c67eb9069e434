"""What was asked of the server, for tests that say how much work a client may cause."""

from collections import Counter
from threading import Lock
from typing import Any


class Counters:
    """Calls and bytes since the last reset. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Starts again from nothing."""
        with self._lock:
            self._operations: Counter[str] = Counter()
            self._kinds: Counter[str] = Counter()
            self._bytes: Counter[str] = Counter()
            self._statuses: Counter[str] = Counter()

    def operation(self, root_field: str) -> None:
        """Counts a GraphQL operation by its root field, such as `assets`."""
        with self._lock:
            self._operations[root_field] += 1

    def answered(self, kind: str, status: int, size: int) -> None:
        """Counts an answer: `graphql`, `content`, `media` or `version`, and its body in bytes."""
        with self._lock:
            self._kinds[kind] += 1
            self._bytes[kind] += size
            self._statuses[str(status)] += 1

    def snapshot(self) -> dict[str, Any]:
        """`operations` by root field, `requests` and `bytes` by kind, `statuses`."""
        with self._lock:
            return {
                "operations": dict(self._operations),
                "requests": dict(self._kinds),
                "bytes": dict(self._bytes),
                "statuses": dict(self._statuses),
            }
