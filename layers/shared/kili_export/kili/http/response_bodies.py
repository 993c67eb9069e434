"""Reads answers in bounded memory and bounded time."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from kili_export.core.clock import Clock
from kili_export.kili.http.watchdog import Watchdog

_CHUNK = 256 * 1024
_WATCHDOG = Watchdog()


class TooLarge(Exception):
    """The body exceeds the limit, which is the argument."""


class TooSlow(Exception):
    """The body trickles in for longer than allowed."""


def read_body(response: HTTPResponse, *, limit: int, seconds: float, clock: Clock) -> bytes:
    """The whole decoded body, of at most `limit` bytes, read within `seconds`.

    Raises TooLarge, TooSlow and what `urllib3` raises; the read time-out of a request bounds
    single reads alone, so a body could trickle in for ever.
    """
    return b"".join(iter_body(response, limit=limit, seconds=seconds, clock=clock))


def iter_body(
    response: HTTPResponse, *, limit: int, seconds: float, clock: Clock
) -> Iterator[bytes]:
    """The decoded body in chunks, with the bounds of `read_body`."""
    ends = clock.now() + timedelta(seconds=seconds)
    size = 0
    with _WATCHDOG.within(seconds, _ended(response)) as watch:
        try:
            for chunk in response.stream(_CHUNK, decode_content=True):
                size += len(chunk)
                if size > limit:
                    raise TooLarge(limit)
                if clock.now() > ends:
                    raise TooSlow
                yield chunk
        except (HTTPError, OSError):
            if watch.over:
                raise TooSlow from None
            raise
        # A body of unknown length seems to be whole when it is cut off.
        if watch.over:
            raise TooSlow


def _ended(response: HTTPResponse) -> Callable[[], None]:
    """Ends whatever reading waits for.

    Between chunks nobody may come to look at the clock: one chunk takes as many reads as a sender
    likes, and so do the length of a chunk and the header of compressed data.
    """

    def cut() -> None:
        # There is nothing to be cut off any more, or never was.
        with suppress(OSError, ValueError, RuntimeError):
            response.shutdown()

    return cut
