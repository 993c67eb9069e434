"""Counts what this process uses: time, requests to AWS and to Kili, bytes of S3."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kili_export.costs.usage import Usage


class ProcessMeter:
    """One for a process, which works on one invocation at a time."""

    def __init__(self, kili_calls: Callable[[], int]) -> None:
        """`kili_calls` tells how many calls Kili's clients have made."""
        self._kili_calls = kili_calls
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._up = 0
        self._down = 0

    def watch(self, client: Any) -> None:
        """Counts what a boto3 client sends from now on, retries included."""
        client.meta.events.register("before-send", self._sent)
        if client.meta.service_model.service_name == "s3":
            client.meta.events.register("response-received", self._received)

    def invocation(self) -> "InvocationMeter":
        """A count that begins now."""
        return InvocationMeter(self, 1)

    def part_of_invocation(self) -> "InvocationMeter":
        """A count that begins now, in an invocation that another count is of."""
        return InvocationMeter(self, 0)

    def reading(self) -> Usage:
        """Everything since the process began; the time is that of a clock that only goes on."""
        with self._lock:
            return Usage(
                seconds=time.monotonic(),
                requests=dict(self._requests),
                kili_calls=self._kili_calls(),
                bytes_down=self._down,
                bytes_up=self._up,
            )

    def _sent(self, request: Any, event_name: str, **_: Any) -> None:
        # "before-send.s3.GetObject"
        name = event_name.partition(".")[2]
        with self._lock:
            self._requests[name] += 1
            if name.startswith("s3."):
                self._up += _length(request.headers)

    def _received(
        self, event_name: str, response_dict: Mapping[str, Any] | None = None, **_: Any
    ) -> None:
        if response_dict is None or event_name.endswith(".HeadObject"):
            return
        with self._lock:
            self._down += _length(response_dict["headers"])


class InvocationMeter:
    """What one invocation uses, or a part of it."""

    def __init__(self, process: ProcessMeter, invocations: int) -> None:
        self._process = process
        self._invocations = invocations
        self._begun = process.reading()

    def spent(self) -> Usage:
        """What was used since this was made."""
        used = self._process.reading().since(self._begun)
        return used.model_copy(update={"invocations": self._invocations})


def _length(headers: Mapping[str, Any]) -> int:
    value = headers.get("Content-Length") or 0
    return int(value.decode() if isinstance(value, bytes) else value)
