"""Reads sorted tables out of the bucket, block by block."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from kili_export.core.errors import IntegrityError
from kili_export.splicing.upload_parts import Source
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.tables.table_layout import (
    FOOTER_SIZE,
    Block,
    Footer,
    Place,
    decode_block,
)
from kili_export.storage.tables.table_writer import Pair

WHOLE_BYTES: Final = 256 << 10
"""Tables up to this size are read at once."""
_END_BYTES: Final = 64 << 10
"""What is read of the end of a larger one, if its index is larger than `WHOLE_BYTES`."""
_HELD_BYTES: Final = 8 << 20
_RUN_BYTES: Final = 2 << 20
_READERS: Final = 16
_TOGETHER: Final = 64
"""Blocks that a look-up holds at once."""


@dataclass(slots=True)
class TableReader:
    """One immutable table. `index` is how many bytes at its end name its blocks, if it is known.

    Nothing is read before it is needed. Reads raise IntegrityError where the table is not one of
    ours or is damaged, and ConflictError where another object stands in its place.
    """

    objects: ObjectStore
    source: Source
    index: int = _END_BYTES
    _footer: Footer | None = None
    _end: bytes = b""
    _blocks: "OrderedDict[int, tuple[int, Block]]" = field(default_factory=OrderedDict)
    _held: int = 0

    @property
    def count(self) -> int:
        """How many pairs it has, removals included."""
        return self._opened().count

    def find(self, keys: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """The pairs of those of the keys that it has. Blocks are read at the same time."""
        found: dict[bytes, bytes | None] = {}
        for block, some in self._leaves_of(keys):
            for key in some:
                number = bisect_left(block.keys, key)
                if number < len(block.keys) and block.keys[number] == key:
                    found[key] = block.values[number]
        return found

    def prefixed(self, prefixes: Iterable[bytes]) -> set[bytes]:
        """Those of the prefixes that a key may have; of the others it is known that none has."""
        found: set[bytes] = set()
        for block, some in self._leaves_of(prefixes):
            for prefix in some:
                number = bisect_left(block.keys, prefix)
                # What follows the block's last key is in another one.
                if number == len(block.keys) or block.keys[number].startswith(prefix):
                    found.add(prefix)
        return found

    def scan(
        self, low: bytes = b"", high: bytes | None = None, *, at_once: bool = False
    ) -> Iterator[Pair]:
        """The pairs from one key to before another, ascending.

        Reads the more at once the longer it goes on, two MiB at most. With `at_once` that much
        from the beginning, and holds it: several scans of the few blocks between are to come.
        """
        footer = self._opened()
        last: bytes | None = None
        root = [footer.root] if footer.count else []
        for block in self._leaves(root, footer.height, low, high, at_once=at_once):
            if not block.keys or (last is not None and block.keys[0] <= last):
                raise IntegrityError(f"{self.source.key} is damaged: its blocks are not in order")
            last = block.keys[-1]
            start = bisect_left(block.keys, low)
            stop = len(block.keys) if high is None else bisect_left(block.keys, high)
            yield from zip(block.keys[start:stop], block.values[start:stop], strict=True)

    def _leaves_of(self, keys: Iterable[bytes]) -> Iterator[tuple[Block, list[bytes]]]:
        """The blocks in which keys would stand."""
        footer = self._opened()
        wanted = {footer.root: sorted(set(keys))} if footer.count else {}
        for _ in range(footer.height):
            below: dict[Place, list[bytes]] = {}
            for block, some in self._each(wanted):
                for key in some:
                    number = max(0, bisect_right(block.keys, key) - 1)
                    if number < len(block.keys):
                        below.setdefault(Place.from_bytes(block.values[number]), []).append(key)
            wanted = below
        yield from self._each(wanted)

    def _each(self, wanted: dict[Place, list[bytes]]) -> Iterator[tuple[Block, list[bytes]]]:
        """The blocks with the keys that are looked for in them, few held at once."""
        remaining = iter(wanted.items())
        while some := dict(islice(remaining, _TOGETHER)):
            yield from zip(self._read(some), some.values(), strict=True)

    def _leaves(
        self,
        places: Sequence[Place],
        height: int,
        low: bytes,
        high: bytes | None,
        *,
        at_once: bool,
    ) -> Iterator[Block]:
        """The blocks that may have keys between, of some that follow each other."""
        for block in self._in_turn(places, at_once=at_once):
            if height == 0:
                yield block
                continue
            start = max(0, bisect_right(block.keys, low) - 1)
            stop = len(block.keys) if high is None else bisect_left(block.keys, high)
            below = [Place.from_bytes(value) for value in block.values[start:stop]]
            yield from self._leaves(below, height - 1, low, high, at_once=at_once)

    def _in_turn(self, places: Sequence[Place], *, at_once: bool) -> Iterator[Block]:
        """Blocks that follow each other: one, then two with one request, then four, and so on."""
        at, most = 0, len(places) if at_once else 1
        while at < len(places):
            run = [places[at]]
            while (
                len(run) < most
                and at + len(run) < len(places)
                and places[at + len(run)].start == run[-1].start + run[-1].length
                and run[-1].start + run[-1].length - run[0].start < _RUN_BYTES
            ):
                run.append(places[at + len(run)])
            at, most = at + len(run), 2 * most
            yield from self._read_run(run, hold=at_once)

    def _read_run(self, run: Sequence[Place], *, hold: bool) -> Iterator[Block]:
        if len(run) == 1 or all(place.start in self._blocks for place in run):
            yield from self._read(run)
            return
        start = run[0].start
        data = self._bytes(start, run[-1].start + run[-1].length - start)
        for place in run:
            at = place.start - start
            block = self._decoded(data[at : at + place.length], place)
            if hold:
                self._hold(place, block)
            yield block

    def _read(self, places: Iterable[Place]) -> list[Block]:
        """Blocks in the order given; those that are not held are read at the same time."""
        wanted = list(places)
        lacking = [place for place in wanted if place.start not in self._blocks]
        read: dict[int, Block] = {}
        if len(lacking) == 1:
            read[lacking[0].start] = self._fetched(lacking[0])
        elif lacking:
            with ThreadPoolExecutor(min(_READERS, len(lacking))) as pool:
                blocks = pool.map(self._fetched, lacking)
                read = {place.start: block for place, block in zip(lacking, blocks, strict=True)}
        found = [
            read[place.start] if place.start in read else self._blocks[place.start][1]
            for place in wanted
        ]
        for place, block in zip(wanted, found, strict=True):
            self._hold(place, block)
        return found

    def _hold(self, place: Place, block: Block) -> None:
        """Keeps a block for a while."""
        if place.start not in self._blocks:
            self._held += place.raw_length
        self._blocks[place.start] = (place.raw_length, block)
        self._blocks.move_to_end(place.start)
        while self._held > _HELD_BYTES and len(self._blocks) > 1:
            _, (length, _) = self._blocks.popitem(last=False)
            self._held -= length

    def _fetched(self, place: Place) -> Block:
        return self._decoded(self._bytes(place.start, place.length), place)

    def _decoded(self, stored: bytes, place: Place) -> Block:
        try:
            return decode_block(stored, place)
        except IntegrityError as error:
            raise IntegrityError(f"{self.source.key} is damaged: {error}") from error

    def _opened(self) -> Footer:
        if self._footer is None:
            size = self.source.size
            index = self.index if self.index <= WHOLE_BYTES else _END_BYTES
            length = size if size <= WHOLE_BYTES else min(size, max(index, FOOTER_SIZE))
            self._end = self._get(size - length, length)
            try:
                self._footer = Footer.from_bytes(self._end[-FOOTER_SIZE:])
            except IntegrityError as error:
                raise IntegrityError(f"{self.source.key} cannot be read: {error}") from error
        return self._footer

    def _bytes(self, start: int, length: int) -> bytes:
        if start + length > self.source.size:
            raise IntegrityError(f"{self.source.key} is damaged: a block is behind its end")
        held = self.source.size - len(self._end)
        if start >= held:
            return self._end[start - held : start - held + length]
        return self._get(start, length)

    def _get(self, start: int, length: int) -> bytes:
        return self.objects.get_range(self.source.key, start, length, if_match=self.source.etag)
