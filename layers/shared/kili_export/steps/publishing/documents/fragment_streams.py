"""The fragments of all assets, gathered into the streams that documents are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.shard_index import Share
from kili_export.core.errors import IntegrityError
from kili_export.core.file_dates import Moments, newest_moments
from kili_export.formats.common.format import FragmentStream, SpanningDocument
from kili_export.splicing.held_bytes import ByteSource
from kili_export.steps.publishing.documents.shard_writing import ShardWriter, WrittenShard
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.storage.spool import Spool

_HELD: Final = 1_000
"""Moments that are held before the newest are chosen."""


class _Stream:
    """One stream: in shards, and as it is too as long as its documents may be small."""

    def __init__(self, separator: bytes, rules: ShardRules) -> None:
        self._separator, self._threshold = separator, rules.threshold
        self._writer = ShardWriter(separator, rules, Spool())
        self._begun = False
        self.size = 0
        self.plain: Spool | None = Spool()
        self.moments: set[int] = set()

    def add(self, name: str, share: Share) -> None:
        self._writer.add(name, share)
        self._show(share.moments)
        text = share.text
        between = self._separator if self._begun else b""
        self._begun = True
        self.size += len(between) + len(text)
        if self.size > self._threshold:
            # No document that has it is small, and the disk does not hold the large ones.
            self.plain = None
        if self.plain is not None:
            self.plain.write(between)
            self.plain.write(text)

    def shards(self) -> Sequence[WrittenShard]:
        return self._writer.finish()

    def _show(self, moments: Moments) -> None:
        self.moments.update(moments)
        if len(self.moments) > _HELD:
            self.moments = set(newest_moments(self.moments))


class FragmentStreams:
    """Every stream of some documents, separators in place. Takes the assets in server order."""

    def __init__(self, separators: Mapping[str, bytes], rules: ShardRules) -> None:
        self._rules = rules
        self._streams = {
            stream: _Stream(separator, rules) for stream, separator in separators.items()
        }

    @classmethod
    def of_records(
        cls, separators: Mapping[str, bytes], rules: ShardRules, records: Iterable[AssetRecord]
    ) -> "FragmentStreams":
        """The streams, in one pass over the assets."""
        streams = cls(separators, rules)
        if separators:
            for record in records:
                streams.add(record)
        return streams

    def add(self, record: AssetRecord) -> None:
        """Takes in an asset's fragments."""
        for fragment in record.fragments:
            stream = self._streams.get(fragment.stream)
            if stream is not None:
                share = Share(fragment.text.encode(), record.moments)
                stream.add(record.entry_name, share)

    def is_large(self, document: SpanningDocument) -> bool:
        """Whether the document is to be kept in shards."""
        literal = sum(len(one) for one in document.sections if isinstance(one, bytes))
        drawn = sum(
            self._streams[one.stream].size
            for one in document.sections
            if isinstance(one, FragmentStream)
        )
        return self._rules.applies(literal, drawn)

    def moments(self, streams: Iterable[str]) -> Moments:
        """The newest moments of the labels that some of the streams show."""
        return newest_moments(
            moment for stream in streams for moment in self._streams[stream].moments
        )

    def shards(self, stream: str) -> Sequence[WrittenShard]:
        """A stream in shards."""
        return self._streams[stream].shards()

    def of(self, streams: Iterable[str]) -> Mapping[str, ByteSource]:
        """Some of the streams as they are. They must be of documents that are not large."""
        found: dict[str, ByteSource] = {}
        for stream in streams:
            plain = self._streams[stream].plain
            if plain is None:
                raise IntegrityError(f"{stream!r} is too large to be held")
            found[stream] = plain
        return found
