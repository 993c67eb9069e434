"""Downloads media: streamed, counted, and never taken for whole when they are not."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import IO

from urllib3 import HTTPResponse

from kili_export.core.clock import Clock
from kili_export.core.errors import RequestRefused, Unavailable
from kili_export.kili.http.downloads import JsonDownloads, Problem, Unreachable
from kili_export.kili.http.failures import FailedAttempt, of_unreadable
from kili_export.kili.http.response_bodies import TooLarge, iter_body
from kili_export.kili.http.traffic import KiliTraffic
from kili_export.steps.conversion.asset_source import FetchedMedium

LONGEST_SECONDS = 45.0
"""A batch must be done within a minute."""


@dataclass(frozen=True, slots=True)
class MediaDownloads:
    """Files by address, with the rules of other downloads: key, redirections, attempts."""

    downloads: JsonDownloads
    clock: Clock
    traffic: KiliTraffic

    def fetch(self, url: str, target: IO[bytes], largest: int) -> FetchedMedium:
        """See AssetSource.fetch_media."""
        start = target.tell()

        def take(response: HTTPResponse, name: str) -> FetchedMedium | FailedAttempt:
            # What a former attempt left is written over and, if it was longer, cut off.
            target.seek(start)
            target.truncate()
            return self._stream(response, name, target, largest)

        outcome: FetchedMedium | Problem = self.downloads.pursue(url, take, "*/*")
        if isinstance(outcome, FetchedMedium):
            return outcome
        target.seek(start)
        target.truncate()
        error = Unavailable if isinstance(outcome, Unreachable) else RequestRefused
        raise error(outcome.reason)

    def _stream(
        self, response: HTTPResponse, name: str, target: IO[bytes], largest: int
    ) -> FetchedMedium | FailedAttempt:
        promised = _promised(response)
        if promised is not None and promised > largest:
            raise TooLarge(largest)
        size, crc32, sha256 = 0, 0, hashlib.sha256()
        for chunk in iter_body(response, limit=largest, seconds=LONGEST_SECONDS, clock=self.clock):
            target.write(chunk)
            size += len(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            sha256.update(chunk)
        self.traffic.received(size)
        if promised is not None and promised != size:
            return of_unreadable(f"sent {size} bytes of {promised}", name)
        content_type = response.headers.get("Content-Type", "")
        return FetchedMedium(size, crc32, sha256.hexdigest(), content_type)


def _promised(response: HTTPResponse) -> int | None:
    """How many bytes the file has; None where the answer says nothing, or the encoded length."""
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity").strip().lower()
    return int(length) if length.isdecimal() and encoded in ("", "identity") else None
