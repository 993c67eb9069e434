"""What a function is given besides its event: its time, its metrics, its log."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

from kili_export.core.clock import TimeLeft

Unit = Literal["Count", "Bytes", "Seconds"]
Level = Literal["info", "warning", "error"]

Counted = tuple[str, float]
"""A metric's name, and a value that is added to it."""
observers: Final[list[Callable[[Counted], None]]] = []
"""Called with each value that is counted in this process; a worker of one machine adds one."""


class Invocation(Protocol):
    """One invocation of a function."""

    @property
    def time_left(self) -> TimeLeft:
        """What is left of it."""

    def count(self, metric: str, value: float, unit: Unit = "Count") -> None:
        """Adds a value of a metric. The alarms of the template read some by their names."""

    def describe(self, **known: Any) -> None:
        """What the metrics are about, for people who read their lines; no dimensions."""

    def log(self, message: str, known: Mapping[str, Any], level: Level = "info") -> None:
        """One line of the log. No contents of labels, no secrets."""

    def log_failure(self, message: str, error: Exception) -> None:
        """One line with an error that was caught."""
