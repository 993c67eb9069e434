"""What tells whether contents are the right ones: a SHA-256, or one for each shard of a large file.

Both are text. A file's SHA-256 is its hexadecimal digits; that of shards is `size:digits` for
each of them in order, by commas. A digest of all bytes would need all bytes whenever one changed.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from kili_export.core.errors import IntegrityError

_WITHIN: Final = ":"
_BETWEEN: Final = ","


def digest_of_shards(shards: Iterable[tuple[int, str]]) -> str:
    """The digest of contents made of shards, each of a size in bytes and with a SHA-256."""
    return _BETWEEN.join(f"{size}{_WITHIN}{sha256}" for size, sha256 in shards)


def shards_of_digest(digest: str) -> Sequence[tuple[int, str]] | None:
    """The sizes and SHA-256 of the shards, None for a file that has but one digest.

    Raises IntegrityError.
    """
    if _WITHIN not in digest:
        return None
    try:
        pairs = [part.split(_WITHIN) for part in digest.split(_BETWEEN)]
        return [(int(size), sha256) for size, sha256 in pairs]
    except ValueError as error:
        raise IntegrityError("a list of shards cannot be read") from error


class DigestCheck:
    """Compares contents with a digest, chunk by chunk, without holding them."""

    def __init__(self, digest: str) -> None:
        shards = shards_of_digest(digest)
        self._due = iter([(-1, digest)] if shards is None else shards)
        self._expected: str | None = None
        self._is_right = True
        self._following()

    def update(self, chunk: bytes) -> None:
        """Takes in the next bytes."""
        rest = memoryview(chunk)
        while rest and self._is_right:
            if self._room == 0:
                self._close()
            taken = rest if self._room < 0 else rest[: self._room]
            self._hash.update(taken)
            self._room -= len(taken) if self._room > 0 else 0
            rest = rest[len(taken) :]

    def matches(self) -> bool:
        """Whether all that was taken in is all of the contents."""
        while self._is_right and self._expected is not None:
            self._close()
        return self._is_right

    def _close(self) -> None:
        """Ends a shard, and begins the next one."""
        complete = self._expected is not None and self._room <= 0
        self._is_right = complete and self._hash.hexdigest() == self._expected
        self._following()

    def _following(self) -> None:
        self._hash = hashlib.sha256()
        self._room, self._expected = next(self._due, (0, None))
