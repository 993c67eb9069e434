"""A compressor that gives the same bytes with every version of zlib.

RFC 1951, fixed codes, greedy matches. What it gives is read by any inflater.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Final
from unittest.mock import patch

_SHORTEST: Final = 4
_LONGEST: Final = 258
_WINDOW: Final = 32 * 1024
_EMPTY_STORED_BLOCK: Final = b"\x00\x00\xff\xff"


class PlainDeflate:
    """As much of `zlib.compressobj` as archives need: raw DEFLATE."""

    def __init__(self, level: int, method: int, wbits: int) -> None:
        if method != zlib.DEFLATED or wbits != -zlib.MAX_WBITS or not 1 <= level <= 9:
            raise ValueError(f"{(level, method, wbits)} is not raw DEFLATE")
        self._pending = bytearray()

    def compress(self, data: bytes) -> bytes:
        """Keeps the data until it is flushed."""
        self._pending += data
        return b""

    def flush(self, mode: int = zlib.Z_FINISH) -> bytes:
        """All data since the last flush; no later data refers to it."""
        if mode not in {zlib.Z_FINISH, zlib.Z_FULL_FLUSH}:
            raise ValueError(f"{mode} is no way to flush")
        data, self._pending = bytes(self._pending), bytearray()
        return _deflated(data, is_last=mode == zlib.Z_FINISH)


@contextmanager
def plain_deflate() -> Iterator[None]:
    """Lets everything compress with it."""
    with patch.object(zlib, "compressobj", PlainDeflate):
        yield


@lru_cache(maxsize=4096)
def _deflated(data: bytes, *, is_last: bool) -> bytes:
    bits = ["1" if is_last else "0", "10", *_symbols(data), _SYMBOLS[256]]
    if is_last:
        return _packed("".join(bits))
    return _packed("".join([*bits, "000"])) + _EMPTY_STORED_BLOCK


def _symbols(data: bytes) -> Iterator[str]:
    """Literals, and a match wherever the next bytes were there before."""
    latest: dict[bytes, int] = {}
    position, end = 0, len(data) - _SHORTEST
    while position <= end:
        start = data[position : position + _SHORTEST]
        before = latest.get(start, -_WINDOW)
        latest[start] = position
        if position - before >= _WINDOW:
            yield _SYMBOLS[data[position]]
            position += 1
        else:
            length = _match(data, before, position)
            yield _LENGTHS[length]
            yield _distance(position - before)
            position += length
    yield from (_SYMBOLS[byte] for byte in data[position:])


def _match(data: bytes, before: int, position: int) -> int:
    """How many bytes are equal, from both places on."""
    length = _SHORTEST
    most = min(_LONGEST, len(data) - position)
    while length < most and data[before + length] == data[position + length]:
        length += 1
    return length


def _packed(bits: str) -> bytes:
    """Bits in bytes, each filled from its lowest one on."""
    return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


def _symbol(value: int) -> str:
    """The code of a literal or a length, its highest bit first."""
    if value < 144:
        return f"{0x30 + value:08b}"
    if value < 256:
        return f"{0x190 + value - 144:09b}"
    if value < 280:
        return f"{value - 256:07b}"
    return f"{0xC0 + value - 280:08b}"


def _more(value: int, count: int) -> str:
    """The bits that follow a code, the lowest one first."""
    return f"{value:0{count}b}"[::-1] if count else ""


_SYMBOLS: Final = tuple(map(_symbol, range(286)))


def _lengths() -> Iterator[tuple[int, str]]:
    base, symbol = 3, 257
    for extra in (0, 0, 1, 2, 3, 4, 5):
        for _ in range(4):
            for more in range(1 << extra):
                yield base + more, _SYMBOLS[symbol] + _more(more, extra)
            base, symbol = base + (1 << extra), symbol + 1
    yield _LONGEST, _SYMBOLS[285]


_LENGTHS: Final = dict(_lengths())


@cache
def _distance(distance: int) -> str:
    code, base, extra = 0, 1, 0
    while distance >= base + (1 << extra):
        base += 1 << extra
        code += 1
        extra = max(0, code // 2 - 1)
    return f"{code:05b}" + _more(distance - base, extra)
