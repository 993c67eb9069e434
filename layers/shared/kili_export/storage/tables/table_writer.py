"""Writes sorted tables, in bounded memory."""

from collections.abc import Iterable
from typing import Final

from kili_export.core.errors import IntegrityError
from kili_export.storage.external_sort import SpooledItems
from kili_export.storage.spool import Spool
from kili_export.storage.tables.table_layout import (
    Footer,
    Place,
    encode_block,
    encode_pair,
    first_key,
)

BLOCK_BYTES: Final = 64 << 10
_LEAST_NAMED: Final = 16
"""A block names so many below it, however long their keys are: every level is smaller."""
Pair = tuple[bytes, bytes | None]
"""A key and its value; None removes what older tables have of the key."""


class _Level:
    """Blocks one after another, and the pairs that name them for the level above."""

    def __init__(self, spool: Spool, block_bytes: int, least: int = 1) -> None:
        self._spool, self._block_bytes, self._least = spool, block_bytes, least
        self._open = bytearray()
        self._pairs = 0
        self.blocks = 0
        self.above = SpooledItems()

    def add(self, pair: bytes) -> None:
        if self._pairs >= self._least and len(self._open) + len(pair) > self._block_bytes:
            self.close()
        self._open += pair
        self._pairs += 1

    def close(self) -> Place:
        pairs = bytes(self._open)
        self._open.clear()
        self._pairs = 0
        stored, place = encode_block(pairs, len(self._spool))
        self._spool.write(stored)
        self.blocks += 1
        if pairs:
            self.above.add(encode_pair(first_key(pairs), place.to_bytes()))
        return place


class TableWriter:
    """Takes pairs in ascending order of their keys."""

    def __init__(self, block_bytes: int = BLOCK_BYTES) -> None:
        self._block_bytes = block_bytes
        self._spool = Spool()
        self._level = _Level(self._spool, block_bytes)
        self._last: bytes | None = None
        self.count = 0

    def add(self, key: bytes, value: bytes | None) -> None:
        """Appends a pair. Raises IntegrityError unless its key comes after all others."""
        if self._last is not None and key <= self._last:
            raise IntegrityError(f"a table's keys come out of order at {key!r}")
        self._last = key
        self._level.add(encode_pair(key, value))
        self.count += 1

    def finish(self) -> "WrittenTable":
        """The table."""
        level, height = self._level, 0
        root = level.close()
        index = len(self._spool) if level.blocks > 1 else root.start
        while level.blocks > 1:
            below, height = level, height + 1
            level = _Level(self._spool, self._block_bytes, _LEAST_NAMED)
            for pair in below.above:
                level.add(pair)
            root = level.close()
        self._spool.write(Footer(root, height, self.count).to_bytes())
        return WrittenTable(self._spool, self.count, len(self._spool) - index)


class WrittenTable:
    """A table that is to be stored: its bytes, its pairs, and the bytes of its index at its end."""

    def __init__(self, data: Spool, count: int, index: int) -> None:
        self.data: Final = data
        self.count: Final = count
        self.index: Final = index


def write_table(pairs: Iterable[Pair], block_bytes: int = BLOCK_BYTES) -> WrittenTable:
    """The table of pairs that come in ascending order."""
    writer = TableWriter(block_bytes)
    for key, value in pairs:
        writer.add(key, value)
    return writer.finish()
