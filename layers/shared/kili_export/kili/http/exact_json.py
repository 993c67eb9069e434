"""Parses JSON to what Python's own parser makes of it, several times as fast for most documents."""

import json
from typing import Any, Final

import orjson

_DIGITS: Final = bytes(ord("0") if 0x30 <= byte < 0x3A else 0 for byte in range(256))
_TOO_LONG: Final = b"0" * 19
"""Digits in a row that an integer beyond 64 bits has at least: orjson would round it."""


def parse_json(content: bytes) -> Any:
    """The value. Raises ValueError for what is no JSON, RecursionError when nested too deeply."""
    if _TOO_LONG not in content.translate(_DIGITS):
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            # Also what Python alone takes for JSON: NaN, other encodings, half of a surrogate pair.
            pass
    return json.loads(content)
