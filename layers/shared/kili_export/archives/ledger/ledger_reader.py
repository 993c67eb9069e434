"""The ledger of an export as the aggregation reads it."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Final

from kili_export.archives.ledger.asset_ledger import (
    ASSETS,
    CLAIMS,
    SHARED,
    AssetRecord,
    FileRecord,
    PathConflict,
    claim_entry_name,
    entry_name,
    record_from_bytes,
    shared_from_bytes,
)
from kili_export.archives.ledger.contested_paths import CONTESTS
from kili_export.archives.ledger.ledger_entries import (
    FormerEntries,
    LedgerEntries,
    TabledEntries,
)
from kili_export.archives.ledger.shard_index import ShardIndex, Share, index_entry_name
from kili_export.archives.manifest import Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.tables import open_tables
from kili_export.core.errors import IntegrityError
from kili_export.splicing.upload_parts import Source
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.tables.table_set import TableSet


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """What an export knew of every asset before the run."""

    entries: LedgerEntries = field(default_factory=lambda: TabledEntries(TableSet(())))

    @property
    def tables(self) -> TableSet:
        """Its tables. Raises IntegrityError for a ledger without such."""
        if not isinstance(self.entries, TabledEntries):
            raise IntegrityError("this ledger is an archive, and must be taken over first")
        return self.entries.tables

    def has(self, name: str) -> bool:
        """Whether it has an entry of that name."""
        return bool(self.entries.find([name]))

    def names(self, asset_ids: Collection[str]) -> dict[str, str]:
        """The entry names of those of the assets that it knows, in server order."""
        found = self.entries.names(asset_ids) if asset_ids else {}
        return dict(sorted(found.items(), key=itemgetter(1)))

    def find(self, order_keys: Mapping[str, str | None]) -> dict[str, AssetRecord]:
        """What it knows of these assets; their order keys where they are known."""
        found = self.find_if_listed(order_keys)
        unknown = [asset_id for asset_id in order_keys if asset_id not in found]
        return {**found, **self._read(self.names(unknown).values())}

    def find_if_listed(self, order_keys: Mapping[str, str | None]) -> dict[str, AssetRecord]:
        """Like `find`, but an asset is looked for under its order key alone, where that is known.

        Most assets of a long listing are found so, and new ones do not cost a look-up more each.
        """
        known = [entry_name(order, key) for key, order in order_keys.items() if order is not None]
        others = self.names([key for key, order in order_keys.items() if order is None])
        return self._read([*known, *others.values()])

    def scan(self) -> Iterator[tuple[str, bytes]]:
        """The entries of all assets, names and contents, in server order."""
        return self._below(ASSETS)

    def everything(self) -> Iterator[tuple[str, bytes]]:
        """All entries, names and contents, ascending by name."""
        return self.entries.scan("", _LAST)

    def all(self) -> Iterator[AssetRecord]:
        """What it knows of every asset, in server order."""
        for _, data in self.scan():
            yield record_from_bytes(data)

    def merged(
        self, changed: Iterable[AssetRecord], gone: Collection[str]
    ) -> Iterator[AssetRecord]:
        """Every asset as it is after the run, in server order.

        `gone` are the entry names that `changed` replaces, or that are no more.
        """
        left_out = {*gone}
        kept = (
            (name, record_from_bytes(data)) for name, data in self.scan() if name not in left_out
        )
        fresh = sorted(changed, key=lambda record: record.entry_name)
        pairs = ((record.entry_name, record) for record in fresh)
        for _, record in heapq.merge(kept, pairs, key=itemgetter(0)):
            yield record

    def fragments(
        self, stream: str, low: str | None, high: str | None, touched: Mapping[str, Share | None]
    ) -> Iterator[tuple[str, Share]]:
        """A stream's fragments from one name to before another, as they are after the run.

        `touched` are those that differ from what it knows, None where they are gone. The assets
        between the names are read once for all streams, where they are few.
        """
        low, high = low or ASSETS, high or _after(ASSETS)
        fresh = sorted(
            (name, share)
            for name, share in touched.items()
            if share is not None and low <= name < high
        )
        kept = self._kept_fragments(stream, low, high, touched)
        yield from heapq.merge(kept, fresh, key=itemgetter(0))

    def claimed(self, path: str) -> PathConflict | None:
        """What it remembers of a file name that some asset claims and does not get."""
        return self.claimed_of([path]).get(path)

    def claimed_of(self, paths: Iterable[str]) -> dict[str, PathConflict]:
        """What it remembers of those of the file names that some asset claims and does not get."""
        if not self.has_claims():
            return {}
        found = self.entries.find(map(claim_entry_name, paths))
        return {one.path: one for one in map(PathConflict.from_bytes, found.values())}

    def contests(self) -> Iterator[bytes]:
        """What it tells of every file name that some asset claims and does not get, as it is."""
        for _, data in self._below(CONTESTS):
            yield data

    def has_contests(self) -> bool:
        """Whether it tells of any such name."""
        return next(self._below(CONTESTS), None) is not None

    def has_claims(self) -> bool:
        """Whether any file name is claimed by an asset that does not get it."""
        return next(self._below(CLAIMS), None) is not None

    def shared(self) -> dict[str, FileRecord]:
        """The files that belong to no asset, by path."""
        found = self.entries.find([SHARED])
        return shared_from_bytes(found[SHARED]) if found else {}

    def shared_with_digests(self) -> Iterator[FileRecord]:
        """The files that belong to no asset, with digests of shards where they have these."""
        for path, member in self.shared().items():
            index = None if member.sha256 else self.index(path)
            yield member if index is None else replace(member, sha256=index.digest)

    def index(self, path: str) -> ShardIndex | None:
        """The shards of a document, None where it is not kept in such."""
        found = self.entries.find([index_entry_name(path)])
        return next(map(ShardIndex.from_bytes, found.values()), None)

    def _kept_fragments(
        self, stream: str, low: str, high: str, without: Collection[str]
    ) -> Iterator[tuple[str, Share]]:
        for name, data in self.entries.scan(low, high, at_once=True):
            if name in without:
                continue
            known = record_from_bytes(data)
            for fragment in known.fragments:
                if fragment.stream == stream:
                    yield name, Share(fragment.text.encode(), known.moments)

    def _below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        return self.entries.scan(prefix, _after(prefix))

    def _read(self, names: Iterable[str]) -> dict[str, AssetRecord]:
        found = map(record_from_bytes, self.entries.find(names).values())
        return {record.asset_id: record for record in found}


_LAST: Final = "~"
"""What comes after every name."""


def _after(folder: str) -> str:
    """What comes after every name below a folder."""
    return f"{folder[:-1]}0"


def open_ledger(objects: ObjectStore, manifest: Manifest | None) -> LedgerReader:
    """The ledger that a manifest names; an empty one for a new export."""
    if manifest is None:
        return LedgerReader()
    ledger = manifest.ledger
    if manifest.has_tables:
        references = (ledger, *manifest.ledger_changes)
        return LedgerReader(TabledEntries(open_tables(objects, references)))
    return former_ledger(objects, Source(ledger.key, ledger.etag, ledger.size))


def former_ledger(objects: ObjectStore, source: Source) -> LedgerReader:
    """A ledger that is an archive. Raises IntegrityError, ConflictError."""
    return LedgerReader(FormerEntries(StoredArchive.open(objects, source)))


def iter_known_assets(objects: ObjectStore, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The id and the fingerprint of every asset that the export knows, in server order."""
    for record in open_ledger(objects, manifest).all():
        yield record.asset_id, record.fingerprint
