"""The ledger of an export as the aggregation reads it."""

import heapq
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
from kili_export.archives.ledger.shard_index import ShardIndex, Share, index_entry_name
from kili_export.archives.manifest import Manifest
from kili_export.archives.stored_archive import StoredArchive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entry_record import Record
from kili_export.splicing.upload_parts import Source
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.object_store import ObjectStore

_END: Final = b"\0"
_AFTER_ASSETS: Final = "assets0"
"""What comes after every name of an asset."""
_TOGETHER_BYTES: Final = 1 << 20
_TOGETHER: Final = 1_000
_ASSET_NAME = re.compile(rb"assets/[0-9A-Za-z:.+_-]+/([0-9A-Za-z_.:-]+)\.json")


@dataclass(frozen=True, slots=True)
class LedgerReader:
    """What an export knew of every asset before the run. `archive` is None for a new export."""

    archive: StoredArchive | None
    most_jumps: int = 1_000
    """How scattered the entries may be and still be read one by one."""

    @property
    def directory(self) -> Directory:
        """The ledger's directory."""
        return Directory.empty() if self.archive is None else self.archive.directory

    def count(self) -> int:
        """How many assets it knows."""
        return sum(1 for _ in self._asset_names())

    def names(self, asset_ids: Collection[str]) -> dict[str, str]:
        """The entry names of those of the assets that it knows, in one pass over the directory."""
        wanted = {asset_id.encode(): asset_id for asset_id in asset_ids}
        return {
            wanted[match[1]]: match[0].decode()
            for match in self._asset_names()
            if match[1] in wanted
        }

    def find(self, order_keys: Mapping[str, str | None]) -> dict[str, AssetRecord]:
        """What it knows of these assets; their order keys where they are known."""
        names: dict[str, str] = {}
        unknown: list[str] = []
        for asset_id, order_key in order_keys.items():
            name = None if order_key is None else entry_name(order_key, asset_id)
            if name is not None and name in self.directory:
                names[asset_id] = name
            else:
                unknown.append(asset_id)
        if unknown:
            names.update(self.names(unknown))
        return {record.asset_id: record for record in self._read(names.values())}

    def find_if_listed(self, order_keys: Mapping[str, str | None]) -> dict[str, AssetRecord]:
        """Like `find`, but an asset whose order key is known is looked for under that one alone.

        Most assets of a long listing are found so, and new ones do not cost a pass each.
        """
        return self.find(
            {
                asset_id: order_key
                for asset_id, order_key in order_keys.items()
                if order_key is None or entry_name(order_key, asset_id) in self.directory
            }
        )

    def scan(self) -> Iterator[tuple[str, bytes]]:
        """The entries of all assets, names and contents, in the order in which they stand."""
        if self.archive is not None:
            for record, data in self.archive.scan(ASSETS):
                yield record.path, data

    def all(self) -> Iterator[AssetRecord]:
        """What it knows of every asset, in server order."""
        for _, data in self._by_name():
            yield record_from_bytes(data)

    def merged(
        self, changed: Iterable[AssetRecord], gone: Collection[str]
    ) -> Iterator[AssetRecord]:
        """Every asset as it is after the run, in server order.

        `gone` are the entry names that `changed` replaces, or that are no more.
        """
        left_out = {name.encode() for name in gone}
        kept = (
            (name, record_from_bytes(data))
            for name, data in self._by_name()
            if name not in left_out
        )
        fresh = sorted(changed, key=lambda record: record.entry_name.encode())
        pairs = ((record.entry_name.encode(), record) for record in fresh)
        for _, record in heapq.merge(kept, pairs, key=itemgetter(0)):
            yield record

    def fragments(
        self, stream: str, low: str | None, high: str | None, touched: Mapping[str, Share | None]
    ) -> Iterator[tuple[str, Share]]:
        """A stream's fragments from one name to before another, as they are after the run.

        `touched` are those that differ from what it knows, None where they are gone. Reads the
        assets between the names, some at a time.
        """
        low, high = low or ASSETS, high or _AFTER_ASSETS
        fresh = sorted(
            (name, share)
            for name, share in touched.items()
            if share is not None and low <= name < high
        )
        kept = self._kept_fragments(stream, low, high, touched)
        yield from heapq.merge(kept, fresh, key=itemgetter(0))

    def claimed(self, path: str) -> PathConflict | None:
        """What it remembers of a file name that some asset claims and does not get."""
        record = self.directory.find(claim_entry_name(path))
        if record is None or self.archive is None:
            return None
        return PathConflict.from_bytes(self.archive.read(record))

    def contests(self) -> Iterator[bytes]:
        """What it tells of every file name that some asset claims and does not get, as it is."""
        if self.archive is not None:
            for _, data in self.archive.scan(CONTESTS):
                yield data

    def has_contests(self) -> bool:
        """Whether it tells of any such name."""
        return next(self.directory.with_prefix(CONTESTS), None) is not None

    def has_claims(self) -> bool:
        """Whether any file name is claimed by an asset that does not get it."""
        return next(self.directory.with_prefix(CLAIMS), None) is not None

    def shared(self) -> dict[str, FileRecord]:
        """The files that belong to no asset, by path."""
        record = self.directory.find(SHARED)
        if record is None or self.archive is None:
            return {}
        return shared_from_bytes(self.archive.read(record))

    def shared_with_digests(self) -> Iterator[FileRecord]:
        """The files that belong to no asset, with digests of shards where they have these."""
        for path, member in self.shared().items():
            index = None if member.sha256 else self.index(path)
            yield member if index is None else replace(member, sha256=index.digest)

    def index(self, path: str) -> ShardIndex | None:
        """The shards of a document, None where it is not kept in such."""
        record = self.directory.find(index_entry_name(path))
        if record is None or self.archive is None:
            return None
        return ShardIndex.from_bytes(self.archive.read(record))

    def _kept_fragments(
        self, stream: str, low: str, high: str, without: Collection[str]
    ) -> Iterator[tuple[str, Share]]:
        if self.archive is None:
            return
        wanted = (one for one in self.directory.between(low, high) if one.path not in without)
        for group in _groups(wanted):
            found = self.archive.read_at_once(group)
            for record in group:
                known = record_from_bytes(found[record.path])
                for fragment in known.fragments:
                    if fragment.stream == stream:
                        yield record.path, Share(fragment.text.encode(), known.moments)

    def _asset_names(self) -> Iterator[re.Match[bytes]]:
        directory = self.directory
        for records in directory.slices(0, len(directory.raw)):
            yield from _ASSET_NAME.finditer(records)

    def _read(self, names: Iterable[str]) -> Iterator[AssetRecord]:
        if self.archive is None:
            return
        records = [found for name in names if (found := self.directory.find(name)) is not None]
        records.sort(key=lambda record: record.offset)
        for _, data in self.archive.read_many(records):
            yield record_from_bytes(data)

    def _by_name(self) -> Iterator[tuple[bytes, bytes]]:
        """The entries of all assets in the order of their names.

        That of the bytes after a full export. Increments append; where these are many, all is
        sorted rather than read here and there.
        """
        if self.archive is None:
            return
        if self._jumps() <= self.most_jumps:
            read = self.archive.dense_reader()
            for record in self.directory.with_prefix(ASSETS):
                yield record.path.encode(), read(record)
            return
        entries = ExternalSorter()
        for name, data in self.scan():
            entries.add(b"".join((name.encode(), _END, data)))
        for entry in entries:
            key, _, contents = entry.partition(_END)
            yield key, contents

    def _jumps(self) -> int:
        """How often the next entry by name is not the next of the bytes."""
        jumps = end = 0
        for record in self.directory.with_prefix(ASSETS):
            jumps += record.offset != end
            end = record.end
        return jumps


def _groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    """As many as may be held at once."""
    group: list[Record] = []
    size = 0
    for record in records:
        if group and (len(group) == _TOGETHER or size + record.compressed_size > _TOGETHER_BYTES):
            yield group
            group, size = [], 0
        group.append(record)
        size += record.compressed_size
    if group:
        yield group


def open_ledger(objects: ObjectStore, manifest: Manifest | None) -> LedgerReader:
    """The ledger that a manifest names; an empty one for a new export."""
    if manifest is None:
        return LedgerReader(None)
    ledger = manifest.ledger
    return LedgerReader(StoredArchive.open(objects, Source(ledger.key, ledger.etag, ledger.size)))


def iter_known_assets(objects: ObjectStore, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The id and the fingerprint of every asset that the export knows, in server order."""
    for record in open_ledger(objects, manifest).all():
        yield record.asset_id, record.fingerprint
