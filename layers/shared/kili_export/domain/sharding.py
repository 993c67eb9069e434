"""Large documents in shards, so that a change costs the shards that it touches.

A document's literal sections are shards of their own; a stream of fragments is cut where a
fragment's place in the ledger and its length say so, and nothing else. The shards of a state are
thus the same whatever led to it, and a changed fragment moves no boundary but its own.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from kili_export.domain.archive.checksums import combined_crc32
from kili_export.domain.digests import digest_of_shards
from kili_export.domain.errors import IntegrityError
from kili_export.domain.ledger import INDEXES

_HASH_BYTES: Final = 8
_HASHES: Final = 1 << 8 * _HASH_BYTES


@dataclass(frozen=True, slots=True)
class ShardRules:
    """All sizes are in bytes of contents.

    Documents above `threshold` are kept in shards, of `target` on average. `overhead` is what a
    fragment counts besides its length: it bounds how many assets' records one shard is made of.
    """

    threshold: int = 16 << 20
    target: int = 4 << 20
    overhead: int = 4 << 10

    def applies(self, literal: int, drawn: int) -> bool:
        """Whether a document with so many bytes of literals and of fragments is kept in shards."""
        return drawn > 0 and literal + drawn > self.threshold

    def begins_shard(self, name: str, length: int) -> bool:
        """Whether a shard begins with this fragment, of an asset with that entry in the ledger."""
        digest = hashlib.sha256(name.encode()).digest()
        chance = int.from_bytes(digest[:_HASH_BYTES])
        return chance * self.target < (length + self.overhead) * _HASHES


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a document that can be copied by itself.

    `first` is the ledger's name for the asset of its first fragment, empty for a literal.
    `crc32` and `sha256` are those of its contents, `compressed` is its length in an archive.
    """

    first: str
    size: int
    compressed: int
    crc32: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The shards of a document, for each of its sections."""

    path: str
    sections: tuple[tuple[Shard, ...], ...]

    @property
    def shards(self) -> Iterator[Shard]:
        """All of them, in order."""
        for section in self.sections:
            yield from section

    @property
    def size(self) -> int:
        """The document's size in bytes."""
        return sum(shard.size for shard in self.shards)

    @property
    def compressed(self) -> int:
        """What the shards take in an archive, in bytes."""
        return sum(shard.compressed for shard in self.shards)

    @property
    def crc32(self) -> int:
        """That of the document."""
        crc32 = 0
        for shard in self.shards:
            crc32 = combined_crc32(crc32, shard.crc32, shard.size)
        return crc32

    @property
    def digest(self) -> str:
        """What tells the document's contents (`domain.digests`)."""
        return digest_of_shards((shard.size, shard.sha256) for shard in self.shards)

    @property
    def identity(self) -> str:
        """What tells a change, in hexadecimal digits."""
        return hashlib.sha256(self.digest.encode()).hexdigest()

    def to_bytes(self) -> bytes:
        """The contents of its entry in the ledger."""
        sections = [
            [[one.first, one.size, one.compressed, one.crc32, one.sha256] for one in section]
            for section in self.sections
        ]
        return orjson.dumps({"path": self.path, "sections": sections})

    @classmethod
    def from_bytes(cls, data: bytes) -> "ShardIndex":
        """Reads what `to_bytes` wrote. Raises IntegrityError."""
        try:
            values = orjson.loads(data)
            sections = values["sections"]
            return cls(
                values["path"],
                tuple(tuple(Shard(*row) for row in section) for section in sections),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError("the ledger's index of a document cannot be read") from error


def index_entry_name(path: str) -> str:
    """The ledger's name for a document's index."""
    return f"{INDEXES}{hashlib.sha256(path.encode()).hexdigest()}.json"


def span_of(shards: Sequence[Shard], start: int, stop: int) -> tuple[str | None, str | None]:
    """The ledger's names between which a stream's shards from `start` to before `stop` are.

    None where nothing bounds them: what comes before all shards belongs to the first one.
    """
    low = shards[start].first if start else None
    high = shards[stop].first if stop < len(shards) else None
    return low, high


def touched_shards(
    shards: Sequence[Shard], touched: Mapping[str, bytes | None], rules: ShardRules
) -> set[int]:
    """The shards of a stream that change, by number.

    `touched` are the fragments that came, changed (their new text) or went (None), by the
    ledger's names.
    """
    firsts = [shard.first for shard in shards]
    found: set[int] = set()
    for name, text in touched.items():
        number = max(0, bisect_right(firsts, name) - 1)
        found.add(number)
        begins = text is not None and rules.begins_shard(name, len(text))
        if number and firsts[number] == name and not begins:
            # What it parted is one shard now.
            found.add(number - 1)
    return found


def runs_of(numbers: Iterable[int], count: int) -> Iterator[tuple[int, int, bool]]:
    """All of `count` shards in order: neighbours of `numbers` together, any other by itself.

    Each from one to before another, and whether it is of `numbers`.
    """
    named = set(numbers)
    number = 0
    while number < count:
        start = number
        number += 1
        if start in named:
            while number in named:
                number += 1
        yield start, number, start in named
