"""Fragments of a large document become compressed shards, in one pass and in a few MiB."""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kili_export.archives.ledger.shard_index import Shard, Share
from kili_export.core.file_dates import newest_moments
from kili_export.splicing.entries import LEVEL, RAW_DEFLATE
from kili_export.splicing.held_bytes import ByteSource, cut_held
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.storage.spool import Spool

_BUFFER: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class WrittenShard:
    """A shard and its compressed bytes.

    These end on a full flush: they stand for themselves, and any may follow any other.
    """

    shard: Shard
    data: ByteSource


class _OpenShard:
    """The shard that is being written, at the end of a spool."""

    def __init__(self, first: str, spool: Spool) -> None:
        self._first, self._spool = first, spool
        self._start = len(spool)
        self._compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW_DEFLATE)
        self._sha256 = hashlib.sha256()
        self._crc32 = self._size = 0
        self._buffer = bytearray()
        self._moments: set[int] = set()

    def show(self, moments: Iterable[int]) -> None:
        self._moments.update(moments)

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            self._drain()

    def finish(self) -> WrittenShard:
        self._drain()
        self._spool.write(self._compressor.flush(zlib.Z_FULL_FLUSH))
        end = len(self._spool)
        shard = Shard(
            self._first,
            self._size,
            end - self._start,
            self._crc32,
            self._sha256.hexdigest(),
            newest_moments(self._moments),
        )
        return WrittenShard(shard, cut_held(self._spool, self._start, end))

    def _drain(self) -> None:
        self._sha256.update(self._buffer)
        self._crc32 = zlib.crc32(self._buffer, self._crc32)
        self._size += len(self._buffer)
        self._spool.write(self._compressor.compress(self._buffer))
        self._buffer.clear()


class ShardWriter:
    """Cuts a stream of fragments, or a range of it, into shards.

    `follows` tells that fragments come before these: then the first one is parted from them too.
    """

    def __init__(
        self, separator: bytes, rules: ShardRules, spool: Spool, *, follows: bool = False
    ) -> None:
        self._separator, self._rules, self._spool = separator, rules, spool
        self._follows = follows
        self._open: _OpenShard | None = None
        self._written: list[WrittenShard] = []

    def add(self, name: str, share: Share) -> None:
        """Appends the fragment of the asset that has this entry in the ledger, in their order."""
        if self._open is None or self._rules.begins_shard(name, len(share.text)):
            self._close()
            self._open = _OpenShard(name, self._spool)
        if self._follows:
            self._open.write(self._separator)
        self._follows = True
        self._open.write(share.text)
        self._open.show(share.moments)

    def finish(self) -> Sequence[WrittenShard]:
        """All shards."""
        self._close()
        return self._written

    def _close(self) -> None:
        if self._open is not None:
            self._written.append(self._open.finish())
            self._open = None


def literal_shards(data: bytes) -> Sequence[WrittenShard]:
    """Bytes that no asset has a share in, as one shard; none for no bytes."""
    if not data:
        return []
    opened = _OpenShard("", Spool())
    opened.write(data)
    return [opened.finish()]
