"""A document in shards after a run: those that changed are made again, the others stay."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from kili_export.archives.ledger.asset_ledger import AssetRecord, FragmentRecord
from kili_export.archives.ledger.shard_index import ShardIndex, Share
from kili_export.formats.common.format import FragmentStream, SpanningDocument
from kili_export.steps.publishing.documents.shard_writing import ShardWriter, literal_shards
from kili_export.steps.publishing.documents.sharded_files import PlacedShard, stored_shards
from kili_export.steps.publishing.documents.sharding import (
    ShardRules,
    runs_of,
    span_of,
    touched_shards,
)
from kili_export.steps.publishing.increment.base_files import BaseFiles
from kili_export.storage.spool import Spool

Touched = Mapping[str, Share | None]
"""The fragments of a stream that came or changed or went (None), by the ledger's names."""


class Fragments(Protocol):
    """The ledger of before, as far as a stream is concerned."""

    def __call__(
        self, stream: str, low: str | None, high: str | None, touched: Touched
    ) -> Iterator[tuple[str, Share]]:
        """The fragments from one name to before another as they are after the run, in order."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What a run changes in the streams of documents, and what it is built on."""

    rules: ShardRules
    base: BaseFiles
    fragments: Fragments
    touched: Mapping[str, Touched] = field(default_factory=dict)
    _spool: Spool = field(default_factory=Spool)
    """One for all: every spool may hold a MiB in memory."""

    def of(self, document: SpanningDocument, index: ShardIndex) -> list[list[PlacedShard]] | None:
        """The document's shards after the run, section by section.

        None where the shards that are stored are not those of the document.
        """
        file = self.base.find(index.path)
        if file is None:
            return None
        stored = stored_shards(index, file.record, partial(self.base.pieces, file))
        if stored is None or len(stored) != len(document.sections):
            return None
        return [
            _literal(section, before)
            if isinstance(section, bytes)
            else self._stream(section, before)
            for section, before in zip(document.sections, stored, strict=True)
        ]

    def _stream(self, section: FragmentStream, before: Sequence[PlacedShard]) -> list[PlacedShard]:
        touched = self.touched.get(section.stream, {})
        if not before:
            # No other asset has a share in it.
            new = ((name, share) for name, share in sorted(touched.items()) if share is not None)
            return self._written(section, new, follows=False)
        shards = [one.shard for one in before]
        changed = touched_shards(shards, touched, self.rules)
        after: list[PlacedShard] = []
        for start, stop, is_changed in runs_of(changed, len(shards)):
            if not is_changed and (after or start == 0):
                after.append(before[start])
                continue
            # Also a shard that becomes the first one: nothing stands before its first fragment.
            low, high = span_of(shards, start, stop)
            found = self.fragments(section.stream, low, high, touched)
            after += self._written(section, found, follows=bool(after))
        return after

    def _written(
        self, section: FragmentStream, found: Iterable[tuple[str, Share]], *, follows: bool
    ) -> list[PlacedShard]:
        writer = ShardWriter(section.separator, self.rules, self._spool, follows=follows)
        for name, share in found:
            writer.add(name, share)
        return [PlacedShard.new(written) for written in writer.finish()]


def _literal(section: bytes, before: Sequence[PlacedShard]) -> list[PlacedShard]:
    written = [PlacedShard.new(one) for one in literal_shards(section)]
    same = [(one.shard.size, one.shard.sha256) for one in written] == [
        (one.shard.size, one.shard.sha256) for one in before
    ]
    return list(before) if same else written


def touched_fragments(
    old: Mapping[str, AssetRecord], new: Mapping[str, AssetRecord], gone: Iterable[str]
) -> dict[str, dict[str, Share | None]]:
    """By stream, what of it came, changed, moved or went with the assets of a run."""
    touched: dict[str, dict[str, Share | None]] = {}
    for asset_id in {*new, *gone}:
        before, after = old.get(asset_id), new.get(asset_id)
        had, has = _shares(before), _shares(after)
        for stream in {*had, *has}:
            if _same_place(before, after) and had.get(stream) == has.get(stream):
                continue
            names = touched.setdefault(stream, {})
            if before is not None and stream in had:
                names[before.entry_name] = None
            if after is not None and stream in has:
                names[after.entry_name] = Share(has[stream].text.encode(), after.moments)
    return touched


def _same_place(before: AssetRecord | None, after: AssetRecord | None) -> bool:
    return before is None or after is None or before.order_key == after.order_key


def _shares(record: AssetRecord | None) -> dict[str, FragmentRecord]:
    return {fragment.stream: fragment for fragment in record.fragments} if record else {}
