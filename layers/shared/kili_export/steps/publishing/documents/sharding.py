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

from kili_export.archives.ledger.shard_index import Shard, Share

_HASH_BYTES: Final = 8
_HASHES: Final = 1 << 8 * _HASH_BYTES


@dataclass(frozen=True, slots=True)
class ShardRules:
    """All sizes are in bytes of contents.

    Documents above `threshold` are kept in shards, of `target` on average. `overhead` is what a
    fragment counts besides its length: it bounds how many assets' records one shard is made of.
    """

    threshold: int = 1 << 20
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


def span_of(shards: Sequence[Shard], start: int, stop: int) -> tuple[str | None, str | None]:
    """The ledger's names between which a stream's shards from `start` to before `stop` are.

    None where nothing bounds them: what comes before all shards belongs to the first one.
    """
    low = shards[start].first if start else None
    high = shards[stop].first if stop < len(shards) else None
    return low, high


def touched_shards(
    shards: Sequence[Shard], touched: Mapping[str, Share | None], rules: ShardRules
) -> set[int]:
    """The shards of a stream that change, by number.

    `touched` are the fragments that came, changed (as they are now) or went (None), by the
    ledger's names.
    """
    firsts = [shard.first for shard in shards]
    found: set[int] = set()
    for name, share in touched.items():
        number = max(0, bisect_right(firsts, name) - 1)
        found.add(number)
        begins = share is not None and rules.begins_shard(name, len(share.text))
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
