"""How far an export has come."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how many of how many assets are converted; 0 of 0 if unknown.

    With `in_bytes` these are bytes that are moved.
    """

    phase: str
    done: int = 0
    assets: int = 0
    in_bytes: bool = False


Tell = Callable[[Progress], None]
