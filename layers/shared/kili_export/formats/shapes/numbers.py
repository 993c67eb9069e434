"""Numbers of labels: which can be computed with.

Integers and floats of a label are kept apart, as the SDK keeps them: `1` stays `1`, `1.0` stays
`1.0`, and a float is written as Python's shortest representation (`1e-05`, `1e+22`, `-0.0`).
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, TypeGuard

import orjson

Number = int | float
# Beyond this a product with a picture's size, or the square of it, would not be finite.
_LARGEST = 1e100
# What a length below it is made of is certainly smaller than the largest, however it was rounded.
_CERTAINLY_SMALLER = 0.9 * _LARGEST
_KINDS = frozenset({int, float})
# What orjson writes of numbers that Python writes otherwise: exponents, and small numbers without.
_WITH_EXPONENT = re.compile(r"(?<![\d.])[\d.]++e[+-]?\d+")
_PERHAPS_SMALL = re.compile(r"0\.0000\d+")


def is_number(value: Any) -> TypeGuard[Number]:
    """Whether a coordinate can be computed with: a finite int or float, and not a bool."""
    kind = type(value)
    return (kind is float or kind is int) and -_LARGEST < value < _LARGEST


def are_numbers(values: Sequence[Any]) -> TypeGuard[Sequence[Number]]:
    """Whether all of many coordinates can be computed with, which `is_number` asks of each."""
    if not _KINDS.issuperset(map(type, values)):
        return False
    try:
        # The quickest look at all of them: no number is larger than the length that they make,
        # and a NaN or an infinity among them makes it one.
        if math.hypot(*values) < _CERTAINLY_SMALLER:
            return True
    except OverflowError:
        return False
    return all(map(is_number, values))


def joined_numbers(values: Sequence[Number], separator: str) -> str:
    """Finite numbers as Python writes them, with a separator between them."""
    text = _quickly(values)
    return separator.join(map(repr, values)) if text is None else text[1:-1].replace(",", separator)


def nested_numbers(values: Sequence[Any]) -> str:
    """Lists of lists of finite numbers as json.dumps writes them."""
    text = _quickly(values)
    return json.dumps(values) if text is None else text.replace(",", ", ")


def _quickly(values: Sequence[Any]) -> str | None:
    """Lists of numbers by orjson, which is many times faster; None where it refuses them.

    It refuses integers of more than 64 bits.
    """
    try:
        text = orjson.dumps(values).decode()
    except TypeError:
        return None
    return as_python_writes(text)


def as_python_writes(text: str) -> str:
    """Numbers that orjson wrote, in Python's words: `0.00001` is `1e-05` there."""
    if "e" in text:
        text = _WITH_EXPONENT.sub(_rephrased, text)
    if "0.0000" in text:
        text = _PERHAPS_SMALL.sub(_rephrased, text)
    return text


def _rephrased(found: re.Match[str]) -> str:
    start = found.start()
    is_end_of_another = start > 0 and found.string[start - 1].isdigit()
    return found[0] if is_end_of_another else repr(float(found[0]))
