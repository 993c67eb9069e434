"""Vertices as text, straight from what the server answered, for outlines that nobody turns.

The numbers of an outline are neither looked at nor copied one by one: orjson writes the list of
vertices, what is left of the text without its numbers proves that it holds nothing else than
them, and what stands between them is exchanged.
"""

from typing import Any, Final

import orjson

from kili_export.formats.shapes.numbers import as_python_writes

_DIGITS: Final = b"0123456789.-"
_AROUND: Final = b'{}[]":xy'
_SPACED: Final = bytes.maketrans(b",", b" ")


def spaced_vertices(vertices: Any) -> str | None:
    """`x y x y …` of a list of vertices, None where that takes a closer look at them."""
    text = _plain_text(vertices)
    return None if text is None else as_python_writes(text.translate(_SPACED, _AROUND).decode())


def vertices_between(vertices: Any, after_x: str, after_y: str) -> str | None:
    """The numbers of a list of vertices with these texts between them.

    None where that takes a closer look at them.
    """
    text = _plain_text(vertices)
    if text is None:
        return None
    inner = text[len(b'[{"x":') : -len(b"}]")].decode()
    return as_python_writes(inner).replace('},{"x":', after_y).replace(',"y":', after_x)


def _plain_text(vertices: Any) -> bytes | None:
    """The JSON of vertices that are finite numbers `x` and `y` in this order, and nothing else.

    What has an exponent is left to a closer look too: it may be larger than any coordinate.
    """
    if type(vertices) is not list or not vertices:
        return None
    try:
        text = orjson.dumps(vertices)
    except TypeError:
        return None
    skeleton = b'{"x":,"y":},' * len(vertices)
    return text if text.translate(None, _DIGITS) == b"[%b]" % skeleton[:-1] else None
