"""Reads answers in bounded memory and bounded time."""

from collections.abc import Iterator
from datetime import timedelta

import requests

from kili_export.ports import Clock

_CHUNK = 256 * 1024


class TooLarge(Exception):
    """The body exceeds the limit, which is the argument."""


class TooSlow(Exception):
    """The body trickles in for longer than allowed."""


def read_body(response: requests.Response, *, limit: int, seconds: float, clock: Clock) -> bytes:
    """The whole decoded body, of at most `limit` bytes, read within `seconds`.

    Raises TooLarge, TooSlow and what `requests` raises; the read time-out of a request bounds
    single reads alone, so a body could trickle in for ever.
    """
    return b"".join(iter_body(response, limit=limit, seconds=seconds, clock=clock))


def iter_body(
    response: requests.Response, *, limit: int, seconds: float, clock: Clock
) -> Iterator[bytes]:
    """The decoded body in chunks, with the bounds of `read_body`."""
    ends = clock.now() + timedelta(seconds=seconds)
    size = 0
    for chunk in response.iter_content(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise TooLarge(limit)
        if clock.now() > ends:
            raise TooSlow
        yield chunk
