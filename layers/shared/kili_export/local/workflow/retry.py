"""Which handler an error finds, and how long to wait before trying again.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_TERMINAL = frozenset({"States.DataLimitExceeded", "States.Runtime"})
_TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})


def matches(errors: Sequence[str], error: str) -> bool:
    """Whether an ErrorEquals names an error.

    `States.ALL` stands for every error but those that end an execution, unless these are named;
    `States.TaskFailed` for the same without time-outs.
    """
    if error in errors:
        return True
    if error in _TERMINAL:
        return False
    return "States.ALL" in errors or ("States.TaskFailed" in errors and error not in _TIMEOUTS)


def find_handler(
    handlers: Sequence[Mapping[str, Any]], error: str
) -> tuple[int, Mapping[str, Any]] | None:
    """The first retrier or catcher that names the error, and its place in the list."""
    for index, handler in enumerate(handlers):
        if matches(handler["ErrorEquals"], error):
            return index, handler
    return None


def longest_delay(retrier: Mapping[str, Any], attempt: int) -> float:
    """Seconds before the retry of that number, from 1, before any jitter."""
    delay = float(retrier.get("IntervalSeconds", 1))
    most = float(retrier.get("MaxDelaySeconds", float("inf")))
    rate = float(retrier.get("BackoffRate", 2.0))
    for _ in range(attempt - 1):
        delay *= rate
        if delay >= most:
            break
    return min(delay, most)


class Retries:
    """The retries of one state, from when it is entered until it is left.

    Every retrier counts for itself. `random` yields numbers of [0, 1).
    """

    def __init__(self, retriers: Sequence[Mapping[str, Any]], random: Callable[[], float]) -> None:
        self._retriers = retriers
        self._random = random
        self._used = [0] * len(retriers)

    @property
    def count(self) -> int:
        """How many retries there were altogether."""
        return sum(self._used)

    def delay_after(self, error: str) -> float | None:
        """Seconds to wait before the next attempt, or None if there is to be none.

        Only the first retrier that names the error is asked, even when it has no attempt left.
        """
        found = find_handler(self._retriers, error)
        if found is None:
            return None
        index, retrier = found
        if self._used[index] >= retrier.get("MaxAttempts", 3):
            return None
        self._used[index] += 1
        delay = longest_delay(retrier, self._used[index])
        return delay * self._random() if retrier.get("JitterStrategy") == "FULL" else delay
