"""The files table: every file of an export by its path, with its digest and its place.

It stands with the archive for everybody to read: docs/reference/files-table.md.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, Self

import orjson

from kili_export.archives.digests import digest_of_shards, shards_of_digest
from kili_export.archives.manifest import Manifest
from kili_export.archives.tables import open_tables
from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entry_record import Record
from kili_export.splicing.upload_parts import Source
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.tables.table_set import TableSet
from kili_export.storage.tables.table_writer import Pair


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file, what its contents are checked against (`archives.digests`), and whose it is."""

    path: str
    digest: str
    asset_id: str | None

    def placed(self, record: Record, generation: int) -> "StoredFile":
        """The file where `record` says, in the object that holds `generation`."""
        return StoredFile(self.path, self.digest, self.asset_id, record, generation)


@dataclass(frozen=True, slots=True)
class StoredFile(KnownFile):
    """A file and its place.

    It stands in the archive if that holds `generation` or a later one, else in the delta of
    `generation`. `record` is the entry there.
    """

    record: Record
    generation: int

    def to_pair(self) -> Pair:
        """What the table has of it."""
        shards = shards_of_digest(self.digest)
        record = self.record
        value = {
            **({"sha256": self.digest} if shards is None else {"sha256": None, "shards": shards}),
            "asset_id": self.asset_id,
            "size": record.size,
            "crc32": record.crc32,
            "generation": self.generation,
            "offset": record.offset,
            "length": record.local_length,
            "compressed_size": record.compressed_size,
            "method": record.method,
            "modified": record.modified,
        }
        return self.path.encode(), orjson.dumps(value)

    @classmethod
    def from_pair(cls, key: bytes, value: bytes) -> Self:
        """Reads what `to_pair` gave. Raises IntegrityError."""
        try:
            path, row = key.decode(), orjson.loads(value)
            return cls(path, _digest(row), row["asset_id"], _record(path, row), row["generation"])
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError("a file of the files table cannot be read") from error


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """The files that a manifest names."""

    manifest: Manifest
    tables: TableSet

    def find(self, paths: Iterable[str]) -> dict[str, StoredFile]:
        """Those of the files that are there, by path."""
        found = self.tables.find(path.encode() for path in paths)
        return {one.path: one for one in (StoredFile.from_pair(*pair) for pair in found.items())}

    def scan(self, prefix: str = "", start: str = "") -> Iterator[StoredFile]:
        """The files whose paths start with `prefix`, from `start` on.

        They are ascending by the UTF-8 bytes of their paths.
        """
        low = max(prefix.encode(), start.encode())
        for key, value in self.tables.scan(low, _after(prefix.encode())):
            yield StoredFile.from_pair(key, value)

    def folders_of(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of the paths that may be folders of files; of the others it is known."""
        found = self.tables.prefixed(f"{path}/".encode() for path in paths)
        return frozenset(prefix[:-1].decode() for prefix in found)

    def source(self, file: StoredFile) -> Source:
        """The object that the file stands in. Raises IntegrityError when there is none."""
        archive = self.manifest.archive
        if file.generation <= archive.generation:
            return Source(archive.key, archive.etag, archive.size)
        for delta in self.manifest.deltas:
            if delta.generation == file.generation:
                return Source(delta.key, delta.etag, delta.size)
        raise IntegrityError(f"nothing that is published has {file.path!r}")


def open_files(objects: ObjectStore, manifest: Manifest) -> PublishedFiles | None:
    """The files of a manifest, None for one that version 0.1 wrote. Nothing is read yet."""
    if not manifest.files:
        return None
    return PublishedFiles(manifest, open_tables(objects, manifest.files))


def files_after(
    before: Iterable[KnownFile], brought: Iterable[KnownFile], removed: Collection[str]
) -> Iterator[KnownFile]:
    """All files by path, once some came or changed and others went."""
    fresh = {file.path: file for file in brought}
    kept = (one for one in before if one.path not in fresh and one.path not in removed)
    return merge(kept, (fresh[path] for path in sorted(fresh)), key=lambda file: file.path)


def placed_files(
    directory: Directory, files: Iterable[KnownFile], generation: int
) -> Iterator[StoredFile]:
    """Files where an archive of `generation` has them; both come by path.

    Raises IntegrityError unless it has just these files.
    """
    remaining = iter(files)
    for record in directory.records():
        file = next(remaining, None)
        if file is None or file.path != record.path:
            raise IntegrityError(f"the archive has {record.path!r}, which is not known")
        yield file.placed(record, generation)
    if (lacking := next(remaining, None)) is not None:
        raise IntegrityError(f"the archive lacks {lacking.path!r}")


def _digest(row: Mapping[str, Any]) -> str:
    sha256 = row["sha256"]
    if sha256 is not None:
        return str(sha256)
    shards: Sequence[tuple[int, str]] = row["shards"]
    return digest_of_shards(shards)


def _record(path: str, row: Mapping[str, Any]) -> Record:
    return Record(
        path=path,
        owner=row["asset_id"] or "",
        crc32=row["crc32"],
        size=row["size"],
        compressed_size=row["compressed_size"],
        method=row["method"],
        offset=row["offset"],
        local_length=row["length"],
        modified=row["modified"],
    )


def _after(prefix: bytes) -> bytes | None:
    """What comes after every text that starts so. UTF-8 has no byte 0xFF."""
    return prefix + b"\xff" if prefix else None
