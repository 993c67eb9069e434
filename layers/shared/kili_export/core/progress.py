"""How far an export has come."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how many of how many assets are converted; 0 of 0 if unknown."""

    phase: str
    done: int = 0
    assets: int = 0


Tell = Callable[[Progress], None]
