"""The index of a sharded document: where its shards lie, and what tells that one changed.

`steps/publishing/documents/sharding.py` decides where shards begin.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

from kili_export.archives.digests import digest_of_shards
from kili_export.archives.ledger.asset_ledger import INDEXES
from kili_export.core.dos_time import FORMER_DATE
from kili_export.core.errors import IntegrityError
from kili_export.core.file_dates import Moments, dated_identity, newest_moments
from kili_export.splicing.crc32 import combined_crc32


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a document that can be copied by itself.

    `first` is the ledger's name for the asset of its first fragment, empty for a literal.
    `crc32` and `sha256` are those of its contents, `compressed` is its length in an archive.
    `moments` are the newest ones of its assets' labels.
    """

    first: str
    size: int
    compressed: int
    crc32: int
    sha256: str
    moments: Moments = ()


class Share(NamedTuple):
    """What an asset adds to a stream: its fragment's text and the moments of its labels."""

    text: bytes
    moments: Moments = ()


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The shards of a document, for each of its sections. `modified` is the document's date."""

    path: str
    sections: tuple[tuple[Shard, ...], ...]
    modified: int = FORMER_DATE

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
        """What tells the document's contents (`archives.digests`)."""
        return digest_of_shards((shard.size, shard.sha256) for shard in self.shards)

    @property
    def moments(self) -> Moments:
        """The newest ones of all labels that it shows."""
        return newest_moments(moment for shard in self.shards for moment in shard.moments)

    @property
    def contents(self) -> str:
        """What tells a change of the contents, in hexadecimal digits."""
        return hashlib.sha256(self.digest.encode()).hexdigest()

    @property
    def identity(self) -> str:
        """What tells a change of contents or date. Version 0.1 gave no dates."""
        if self.modified == FORMER_DATE:
            return self.contents
        return dated_identity(self.contents, self.modified)

    def with_moments_of(self, other: "ShardIndex") -> "ShardIndex":
        """The same shards, with the moments of those of an index of equal contents."""
        sections = tuple(
            tuple(
                replace(shard, moments=same.moments)
                for shard, same in zip(section, equal, strict=True)
            )
            for section, equal in zip(self.sections, other.sections, strict=True)
        )
        return replace(self, sections=sections)

    def to_bytes(self) -> bytes:
        """The contents of its entry in the ledger."""
        sections = [
            [
                [one.first, one.size, one.compressed, one.crc32, one.sha256, one.moments]
                for one in section
            ]
            for section in self.sections
        ]
        return orjson.dumps({"path": self.path, "sections": sections, "modified": self.modified})

    @classmethod
    def from_bytes(cls, data: bytes) -> "ShardIndex":
        """Reads what `to_bytes` wrote. Raises IntegrityError."""
        try:
            values = orjson.loads(data)
            sections = values["sections"]
            return cls(
                values["path"],
                tuple(tuple(_shard(*row) for row in section) for section in sections),
                values.get("modified", FORMER_DATE),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError("the ledger's index of a document cannot be read") from error


def index_entry_name(path: str) -> str:
    """The ledger's name for a document's index."""
    return f"{INDEXES}{hashlib.sha256(path.encode()).hexdigest()}.json"


def _shard(
    first: str, size: int, compressed: int, crc32: int, sha256: str, moments: Sequence[int] = ()
) -> Shard:
    return Shard(first, size, compressed, crc32, sha256, tuple(moments))
