"""Counts what an S3 client sends and receives."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from kili_export.costs.usage import TrafficCount


class S3Traffic:
    """Counts every request that goes out, retries included, and the bodies both ways."""

    def __init__(self, client: Any) -> None:
        """Begins to count what `client`, a boto3 S3 client, moves."""
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._up = 0
        self._down = 0
        client.meta.events.register("before-send.s3", self._sent)
        client.meta.events.register("response-received.s3", self._received)

    def snapshot(self) -> TrafficCount:
        """The counts since the client was given."""
        with self._lock:
            return TrafficCount(dict(self._requests), self._down, self._up)

    def _sent(self, request: Any, event_name: str, **_: Any) -> None:
        with self._lock:
            self._requests[_operation(event_name)] += 1
            self._up += _length(request.headers)

    def _received(
        self, event_name: str, response_dict: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if response_dict is None or _operation(event_name) == "HeadObject":
            return
        with self._lock:
            self._down += _length(response_dict["headers"])


def _operation(event_name: str) -> str:
    return event_name.rpartition(".")[2]


def _length(headers: Mapping[str, Any]) -> int:
    value = headers.get("Content-Length") or 0
    return int(value.decode() if isinstance(value, bytes) else value)
