"""What of Kili's JSON can be stored again: text that has an encoding, numbers of 64 bits."""

import math
from typing import Any, Final

from kili_export.core.errors import IntegrityError

_MOST_LEVELS: Final = 100
_LARGEST: Final = 1 << 63


def is_storable(text: str) -> bool:
    """Whether a text has an encoding: half a surrogate pair, which JSON can escape, has none."""
    return storable_text(text) == text


def storable_text(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def storable(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """A value of JSON as it can be stored, with its keys.

    What is no number, infinite, or an integer beyond 64 bits becomes None. Raises IntegrityError
    where it has more levels than that.
    """
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict | list) and not levels:
        raise IntegrityError("Kili answered something that is nested too deeply")
    if isinstance(value, dict):
        return {storable_text(key): storable(one, levels - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [storable(one, levels - 1) for one in value]
    return value
