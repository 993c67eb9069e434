"""A bucket in a folder: contents in files that never change, their keys in the database."""

import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Self

import orjson

from kili_export.core.clock import Clock
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration, Unavailable
from kili_export.costs.usage import TrafficCount
from kili_export.machine.database import Database, DatabaseDamaged, Row, translated
from kili_export.machine.state_files import DATABASE
from kili_export.machine.tables import TABLES
from kili_export.splicing.held_bytes import chunks_of
from kili_export.splicing.upload_parts import BufferPart, InlineBytes, Part
from kili_export.storage.object_store import LongUploads, StoredObject

TABLE: Final[Mapping[str, str]] = {
    "objects": """
        CREATE TABLE objects (
            key TEXT PRIMARY KEY,
            file TEXT NOT NULL,
            size INTEGER NOT NULL,
            metadata TEXT NOT NULL,
            modified TEXT NOT NULL
        ) WITHOUT ROWID"""
}
"""What the database has to have besides its own tables."""
_CHUNK: Final = 4 << 20
_AT_ONCE: Final = 500
_LAST: Final = "\U0010ffff"
"""No character comes after it."""
_PLAN: Final = "plan"


@dataclass(frozen=True, slots=True)
class FolderObjects:
    """Implements ObjectStore and Traffic. Threads and processes may share it.

    Each version of an object is a file under a random name, which is its ETag too; one transaction
    makes it the current one. `durable`: it is on disk before. What a crash leaves is a file that no
    key names (see `sweep`). Raises Unavailable where the file system refuses, as on a full disk.
    """

    folder: Path
    database: Database
    clock: Clock
    durable: bool = True

    @classmethod
    def at(cls, folder: Path, clock: Clock, *, durable: bool = True) -> Self:
        """For one process at a time. Raises InvalidConfiguration when the database is damaged."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(folder / DATABASE, tables={**TABLES, **TABLE})
        made = cls(folder / "objects", database, clock, durable)
        try:
            made.sweep()
        except DatabaseDamaged as error:
            database.close()
            raise InvalidConfiguration(
                f"{database.path} is damaged: move {folder} away, and export again."
            ) from error
        return made

    def sweep(self) -> None:
        """Removes what a crash left. Nobody else may write meanwhile."""
        with translated(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            named = {row["file"] for row in self.database.rows("SELECT file FROM objects")}
            for entry in os.scandir(self.folder):
                if entry.name not in named:
                    Path(entry.path).unlink()

    def path(self, stored: StoredObject) -> Path:
        """The file that holds this version; it must never be changed."""
        return self.folder / stored.etag.strip('"')

    def head(self, key: str) -> StoredObject | None:
        """See ObjectStore."""
        row = self.database.row("SELECT * FROM objects WHERE key = ?", (key,))
        return None if row is None else _stored(row)

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        """See ObjectStore."""
        opened = self._open(key, if_match)
        if opened is None:
            return None
        with opened[0] as file, translated(self.folder):
            return _exactly(file, 0, opened[1].size, key), opened[1]

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        """See ObjectStore."""
        file, _ = self._required(key, if_match)
        with file, translated(self.folder):
            return _exactly(file, start, length, key)

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """See ObjectStore."""
        file, stored = self._required(key, if_match)
        with file:
            target.writelines(self._chunks(file, key, 0, stored.size))
        return stored

    def put(
        self,
        key: str,
        data: bytes | bytearray,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> StoredObject:
        """See ObjectStore."""
        del content_type
        return self._write(key, [data], if_match, if_none_match, metadata or {})

    def compose(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
        plan: str = "",
        uploads: LongUploads | None = None,
    ) -> StoredObject:
        """See ObjectStore. Nothing takes several invocations here: `uploads` learn of none."""
        del content_type, uploads
        about = {**(metadata or {}), **({_PLAN: plan} if plan else {})}
        try:
            return self._write(key, self._pieces(parts), if_match, if_none_match, about)
        except ConflictError:
            composed = self.composed(key, plan) if plan else None
            if composed is None:
                raise
            return composed

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        """See ObjectStore."""
        del uploads
        found = self.head(key)
        return found if found is not None and found.metadata.get(_PLAN) == plan else None

    def delete(self, keys: Iterable[str]) -> None:
        """See ObjectStore."""
        remaining = iter(keys)
        while some := list(islice(remaining, _AT_ONCE)):
            places = ", ".join("?" * len(some))
            with self.database.transaction() as transaction:
                found = transaction.execute(
                    f"SELECT file FROM objects WHERE key IN ({places})",  # noqa: S608 no names
                    some,
                ).fetchall()
                transaction.execute(
                    f"DELETE FROM objects WHERE key IN ({places})",  # noqa: S608 no names
                    some,
                )
            for row in found:
                self._remove(row["file"])

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """See ObjectStore."""
        rows = self._rows("key >= ?", prefix, prefix)
        while rows:
            yield from map(_stored, rows)
            rows = self._rows("key > ?", rows[-1]["key"], prefix) if len(rows) == _AT_ONCE else []

    def folders(self, prefix: str) -> Iterator[str]:
        """See ObjectStore."""
        rows = self._rows("key >= ?", prefix, prefix, 1)
        while rows:
            name, slash, _ = rows[0]["key"].removeprefix(prefix).partition("/")
            if slash:
                yield name
            after = f"{prefix}{name}/{_LAST}" if slash else rows[0]["key"]
            rows = self._rows("key > ?", after, prefix, 1)

    def delete_versions(self, prefix: str, *, current: bool, keep: Collection[str] = ()) -> int:
        """See ObjectStore. There are no former versions."""
        keys = [one.key for one in self.list(prefix) if one.key not in keep] if current else []
        self.delete(keys)
        return len(keys)

    def abort_uploads(self, prefix: str) -> int:
        """See ObjectStore. Nobody sees what is not completed: there are none."""
        del prefix
        return 0

    def snapshot(self) -> TrafficCount:
        """See Traffic. Nothing is paid for."""
        return TrafficCount({}, 0, 0)

    def _rows(self, condition: str, key: str, prefix: str, most: int = _AT_ONCE) -> Sequence[Row]:
        return self.database.rows(
            f"SELECT * FROM objects WHERE {condition} AND key < ? ORDER BY key LIMIT ?",  # noqa: S608
            (key, prefix + _LAST, most),
        )

    def _open(self, key: str, if_match: str | None) -> tuple[BinaryIO, StoredObject] | None:
        """The current version to be read. What is replaced or deleted meanwhile is looked up again.

        Raises IntegrityError when its file is not what was written.
        """
        former = None
        while (stored := self.head(key)) is not None:
            if if_match is not None and stored.etag != if_match:
                raise ConflictError(f"{key} is not {if_match} any more")
            try:
                file = self.path(stored).open("rb", buffering=0)
            except FileNotFoundError:
                if stored == former:
                    raise IntegrityError(f"the file of {key} in {self.folder} is gone") from None
                former = stored
                continue
            except OSError as error:
                raise Unavailable(f"{self.folder} cannot be read: {error.strerror}") from error
            if os.fstat(file.fileno()).st_size != stored.size:
                file.close()
                raise IntegrityError(f"the file of {key} in {self.folder} was changed")
            return file, stored
        return None

    def _required(self, key: str, if_match: str | None) -> tuple[BinaryIO, StoredObject]:
        opened = self._open(key, if_match)
        if opened is None:
            raise IntegrityError(f"{key} does not exist")
        return opened

    def _pieces(self, parts: Sequence[Part]) -> Iterator[bytes]:
        for part in parts:
            for piece in part.pieces if isinstance(part, BufferPart) else (part,):
                if isinstance(piece, InlineBytes):
                    yield from chunks_of(piece.data)
                    continue
                source = piece.source
                opened = self._open(source.key, source.etag)
                if opened is None:
                    raise ConflictError(f"{source.key} is gone, which {source.etag} was")
                with opened[0] as file:
                    yield from self._chunks(file, source.key, piece.start, piece.length)

    def _chunks(self, file: BinaryIO, key: str, start: int, length: int) -> Iterator[bytes]:
        for at in range(start, start + length, _CHUNK):
            with translated(self.folder):
                data = _exactly(file, at, min(_CHUNK, start + length - at), key)
            yield data

    def _write(
        self,
        key: str,
        chunks: Iterable[bytes | bytearray],
        if_match: str | None,
        if_none_match: bool,
        metadata: Mapping[str, str],
    ) -> StoredObject:
        name = uuid.uuid4().hex
        size = self._write_file(name, chunks)
        stored = StoredObject(key, _etag(name), size, dict(metadata), self.clock.now())
        try:
            former = self._make_current(stored, name, if_match, if_none_match)
        except ConflictError:
            self._remove(name)
            raise
        # Of any other error nobody knows whether the file is the current one now: `sweep` does.
        if former is not None:
            self._remove(former)
        return stored

    def _write_file(self, name: str, chunks: Iterable[bytes | bytearray]) -> int:
        path = self.folder / name
        try:
            with translated(self.folder), path.open("xb") as file:
                file.writelines(chunks)
                if self.durable:
                    file.flush()
                    os.fsync(file.fileno())
                    self._store_names()
                return file.tell()
        except BaseException:
            self._remove(name)
            raise

    def _store_names(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _make_current(
        self, stored: StoredObject, name: str, if_match: str | None, if_none_match: bool
    ) -> str | None:
        """Answers the file that was current before. Raises ConflictError."""
        with self.database.transaction() as transaction:
            row = transaction.execute(
                "SELECT file FROM objects WHERE key = ?", (stored.key,)
            ).fetchone()
            current = None if row is None else _etag(row["file"])
            if (if_none_match and current) or (if_match is not None and if_match != current):
                raise ConflictError(f"{stored.key} is not as it was expected to be")
            transaction.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)",
                (
                    stored.key,
                    name,
                    stored.size,
                    orjson.dumps(stored.metadata),
                    self.clock.now().isoformat(),
                ),
            )
        return None if row is None else str(row["file"])

    def _remove(self, name: str) -> None:
        with translated(self.folder):
            (self.folder / name).unlink(missing_ok=True)


def _etag(name: str) -> str:
    return f'"{name}"'


def _exactly(file: BinaryIO, start: int, length: int, key: str) -> bytes:
    data = os.pread(file.fileno(), length, start) if length else b""
    if len(data) != length:
        raise IntegrityError(f"{key} has no {length} bytes at {start}")
    return data


def _stored(row: Row) -> StoredObject:
    return StoredObject(
        row["key"],
        _etag(row["file"]),
        row["size"],
        orjson.loads(row["metadata"]),
        datetime.fromisoformat(row["modified"]),
    )
