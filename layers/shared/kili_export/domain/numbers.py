"""Numbers of labels: which can be computed with.

Integers and floats of a label are kept apart, as the SDK keeps them: `1` stays `1`, `1.0` stays
`1.0`, and a float is written as Python's shortest representation (`1e-05`, `1e+22`, `-0.0`).
"""

import json
import math
from collections.abc import Sequence
from typing import Any, TypeGuard

import orjson

Number = int | float

# Beyond this a product with a picture's size, or the square of it, would not be finite.
_LARGEST = 1e100
_KINDS = frozenset({int, float})


def is_number(value: Any) -> TypeGuard[Number]:
    """Whether a coordinate can be computed with: a finite int or float, and not a bool."""
    kind = type(value)
    return (kind is float or kind is int) and -_LARGEST < value < _LARGEST


def are_numbers(values: Sequence[Any]) -> TypeGuard[Sequence[Number]]:
    """Whether all of many coordinates can be computed with, which `is_number` asks of each."""
    if not values:
        return True
    if not _KINDS.issuperset(map(type, values)):
        return False
    try:
        # A sum with a NaN or an infinity in it is not finite, and one that is too large for a
        # float has a part that is too large for us.
        if not math.isfinite(sum(values)):
            return False
    except OverflowError:
        return False
    return bool(min(values) > -_LARGEST and max(values) < _LARGEST)


def joined_numbers(values: Sequence[Number], separator: str) -> str:
    """Finite numbers as Python writes them, with a separator between them."""
    text = _quickly(values)
    return separator.join(map(repr, values)) if text is None else text[1:-1].replace(",", separator)


def nested_numbers(values: Sequence[Any]) -> str:
    """Lists of lists of finite numbers as json.dumps writes them."""
    text = _quickly(values)
    return json.dumps(values) if text is None else text.replace(",", ", ")


def _quickly(values: Sequence[Any]) -> str | None:
    """Lists of numbers in the words of orjson, None where Python writes them otherwise.

    orjson is many times faster. It differs where Python takes an exponent for a small number,
    where either does for another, and refuses integers of more than 64 bits.
    """
    try:
        text = orjson.dumps(values).decode()
    except TypeError:
        return None
    return None if "e" in text or "0.0000" in text else text
