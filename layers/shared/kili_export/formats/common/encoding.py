"""Text as bytes, whatever people wrote."""

import json
from typing import Any

import orjson


def encoded(text: str) -> bytes:
    """UTF-8; an unpaired surrogate, which has no encoding, becomes a question mark."""
    return text.encode("utf-8", "replace")


def json_line(value: Any) -> bytes:
    """JSON on one line, null instead of numbers that JSON has no form for."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # It refuses numbers of more than 64 bits and unpaired surrogates.
        plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
        return encoded(json.dumps(plain, ensure_ascii=False, separators=(",", ":")))
