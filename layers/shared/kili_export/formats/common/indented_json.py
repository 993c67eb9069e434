"""JSON as raw archives hold it: four spaces, sorted keys, ASCII, no final newline.

The standard library writes the same text, but indents only in its slow encoder; and it cannot
sort keys of which some are numbers and others are not, as videos have them.
"""

import math
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

from kili_export.formats.shapes.vertex_texts import vertices_between

_STEP = "    "
_VERTEX = frozenset({"x", "y"})


def indented(value: Any, level: int = 0) -> str:
    """The JSON text of `value`, to be put at a depth of `level` in a document.

    Keys are strings, or integers (frames), which come before strings and in numeric order.
    Raises TypeError for a value that JSON has no form for.
    """
    pieces: list[str] = []
    _write(value, "\n" + _STEP * level, pieces)
    return "".join(pieces)


def _write(value: Any, newline: str, out: list[str]) -> None:
    kind = type(value)
    if kind is str:
        out.append(encode_basestring_ascii(value))
    elif kind is float:
        out.append(_float(value))
    elif kind is dict:
        _write_object(value, newline, out)
    elif kind is list:
        _write_list(value, newline, out)
    else:
        _write_other(value, newline, out)


def _write_object(value: Mapping[Any, Any], newline: str, out: list[str]) -> None:
    if not value:
        out.append("{}")
        return
    inner = newline + _STEP
    lead = "{" + inner
    for key in _sorted_keys(value):
        text = encode_basestring_ascii(key) if type(key) is str else f'"{key}"'
        out.append(f"{lead}{text}: ")
        _write(value[key], inner, out)
        lead = "," + inner
    out.append(newline + "}")


def _vertices(value: Any, newline: str) -> str | None:
    """The text of a list of vertices, None for another list and where it takes a closer look."""
    # The first item decides about other lists: their text would not be used.
    if type(value[0]) is not dict or value[0].keys() != _VERTEX:
        return None
    inner = newline + _STEP
    before = f'{{{inner}"x": '
    after = newline + "}"
    numbers = vertices_between(value, f',{inner}"y": ', f"{after},{newline}{before}")
    return None if numbers is None else f"{before}{numbers}{after}"


def _write_list(value: Any, newline: str, out: list[str]) -> None:
    if not value:
        out.append("[]")
        return
    inner = newline + _STEP
    if vertices := _vertices(value, inner):
        out.append(f"[{inner}{vertices}{newline}]")
        return
    lead = "[" + inner
    for item in value:
        out.append(lead)
        _write(item, inner, out)
        lead = "," + inner
    out.append(newline + "]")


def _write_other(value: Any, newline: str, out: list[str]) -> None:
    if value is None:
        out.append("null")
    elif value is True:
        out.append("true")
    elif value is False:
        out.append("false")
    elif isinstance(value, int):
        out.append(int.__repr__(value))
    elif isinstance(value, Mapping):
        _write_object(value, newline, out)
    elif isinstance(value, tuple):
        _write_list(value, newline, out)
    else:
        raise TypeError(f"JSON has no form for {type(value).__name__}")


def _sorted_keys(value: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(value)
    except TypeError:
        return sorted(value, key=lambda key: (isinstance(key, str), key))


def _float(value: float) -> str:
    if math.isfinite(value):
        return float.__repr__(value)
    # What the SDK writes, though JSON has no such numbers.
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
