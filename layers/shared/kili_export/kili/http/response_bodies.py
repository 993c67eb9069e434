"""Reads answers in bounded memory and bounded time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import requests

from kili_export.core.clock import Clock

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
    with _cut_off_after(seconds, response) as cut_off:
        try:
            for chunk in response.iter_content(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise TooLarge(limit)
                if clock.now() > ends:
                    raise TooSlow
                yield chunk
        except requests.RequestException:
            if cut_off.is_set():
                raise TooSlow from None
            raise
        # A body of unknown length seems to be whole when it is cut off.
        if cut_off.is_set():
            raise TooSlow


@contextmanager
def _cut_off_after(seconds: float, response: requests.Response) -> Iterator[threading.Event]:
    """Ends whatever reading waits for when the time is up, and sets the event.

    Between chunks nobody may come to look at the clock: one chunk takes as many reads as a sender
    likes, and so do the length of a chunk and the header of compressed data.
    """
    cut_off = threading.Event()

    def cut() -> None:
        cut_off.set()
        # There is nothing to be cut off any more, or never was.
        with suppress(OSError, ValueError, RuntimeError):
            response.raw.shutdown()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield cut_off
    finally:
        timer.cancel()
