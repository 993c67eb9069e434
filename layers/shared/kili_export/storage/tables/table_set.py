"""Several tables read as one: of each key the newest says what is there."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from kili_export.storage.tables.table_reader import TableReader
from kili_export.storage.tables.table_writer import Pair


@dataclass(frozen=True, slots=True)
class TableSet:
    """Tables of one kind, oldest first. The oldest has everything, each later one what changed."""

    tables: Sequence[TableReader]

    def find(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The values of those of the keys that are there."""
        found: dict[bytes, bytes] = {}
        remaining = set(keys)
        for table in reversed(self.tables):
            if not remaining:
                break
            pairs = table.find(remaining)
            remaining -= pairs.keys()
            found.update((key, value) for key, value in pairs.items() if value is not None)
        return found

    def prefixed(self, prefixes: Iterable[bytes]) -> set[bytes]:
        """Those of the prefixes that a key may have; of the others it is known that none has."""
        asked = set(prefixes)
        return set[bytes]().union(*(table.prefixed(asked) for table in self.tables))

    def scan(
        self, low: bytes = b"", high: bytes | None = None, *, at_once: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys with their values, from one key to before another, ascending."""
        streams = [table.scan(low, high, at_once=at_once) for table in self.tables]
        return standing(merged(streams))


def merged(streams: Sequence[Iterable[Pair]]) -> Iterator[Pair]:
    """The pairs of streams, oldest first, of each key the newest; removals stay."""
    if len(streams) == 1:
        yield from streams[0]
        return
    aged = [_aged(age, stream) for age, stream in enumerate(streams)]
    last: bytes | None = None
    for key, _, value in heapq.merge(*aged, key=itemgetter(0, 1)):
        if key != last:
            yield key, value
            last = key


def standing(pairs: Iterable[Pair]) -> Iterator[tuple[bytes, bytes]]:
    """The pairs that are no removals."""
    return ((key, value) for key, value in pairs if value is not None)


def _aged(age: int, stream: Iterable[Pair]) -> Iterator[tuple[bytes, int, bytes | None]]:
    return ((key, -age, value) for key, value in stream)
