"""A bucket in a folder: for measuring what use cases need, without a server's share in it."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.costs.usage import TrafficCount
from kili_export.splicing.upload_parts import BufferPart, CopyPart, CopyRange, Part
from kili_export.storage.object_store import LongUploads, StoredObject

_CHUNK = 4 << 20


class FolderObjects:
    """Implements `ObjectStore` and `Traffic`. One process at a time may write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def head(self, key: str) -> StoredObject | None:
        """What is stored under `key`, or None."""
        path = self._folder / key
        return _stored(key, path) if path.is_file() else None

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        """The whole object, or None."""
        stored = self.head(key)
        if stored is None:
            return None
        return self.get_range(key, 0, stored.size, if_match=if_match), stored

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        """Exactly `length` bytes from offset `start`."""
        stored = self.head(key)
        if stored is None:
            raise IntegrityError(f"{key} does not exist")
        if if_match is not None and stored.etag != if_match:
            raise ConflictError(f"{key} is not {if_match}")
        with (self._folder / key).open("rb") as file:
            data = os.pread(file.fileno(), length, start)
        if len(data) != length:
            raise IntegrityError(f"{key} has no {length} bytes at {start}")
        return data

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """Streams the object into `target`."""
        stored = self.head(key)
        if stored is None or (if_match is not None and stored.etag != if_match):
            raise IntegrityError(f"{key} is not there")
        with (self._folder / key).open("rb") as file:
            shutil.copyfileobj(file, target, _CHUNK)
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
        """Writes the object whole."""
        del metadata, content_type
        self._check(key, if_match, if_none_match=if_none_match)
        return self._write(key, [data])

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
        """Writes one object out of copied ranges and bytes, as planned."""
        del metadata, content_type, plan, uploads
        self._check(key, if_match, if_none_match=if_none_match)
        return self._write(key, (chunk for part in parts for chunk in self._chunks(part)))

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        """Nothing tells what an object was made by."""
        del key, plan, uploads
        return None

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects."""
        for key in keys:
            (self._folder / key).unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, by key."""
        for path in sorted(self._folder.rglob("*")):
            key = str(path.relative_to(self._folder))
            if path.is_file() and key.startswith(prefix):
                yield _stored(key, path)

    def folders(self, prefix: str) -> Iterator[str]:
        """The names below `prefix` that others are below."""
        below = self._folder / prefix
        yield from sorted(path.name for path in below.iterdir() if path.is_dir())

    def delete_versions(self, prefix: str, *, current: bool, keep: Collection[str] = ()) -> int:
        """There are no versions."""
        del prefix, current, keep
        return 0

    def abort_uploads(self, prefix: str) -> int:
        """There are no uploads."""
        del prefix
        return 0

    def snapshot(self) -> TrafficCount:
        """Nothing is counted."""
        return TrafficCount({}, 0, 0)

    def _check(self, key: str, if_match: str | None, *, if_none_match: bool) -> None:
        stored = self.head(key)
        if (if_none_match and stored) or (if_match and (not stored or stored.etag != if_match)):
            raise ConflictError(f"{key} is not as expected")

    def _write(self, key: str, chunks: Iterable[bytes | bytearray | memoryview]) -> StoredObject:
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part")
        with unfinished.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        unfinished.replace(path)
        return _stored(key, path)

    def _chunks(self, part: Part) -> Iterator[bytes | bytearray | memoryview]:
        pieces = part.pieces if isinstance(part, BufferPart) else (part,)
        for piece in pieces:
            if isinstance(piece, CopyRange | CopyPart):
                end = piece.start + piece.length
                for at in range(piece.start, end, _CHUNK):
                    length = min(_CHUNK, end - at)
                    yield self.get_range(piece.source.key, at, length, if_match=piece.source.etag)
            else:
                for at in range(0, piece.length, _CHUNK):
                    yield piece.data[at : at + _CHUNK]


def _stored(key: str, path: Path) -> StoredObject:
    found = path.stat()
    return StoredObject(key, f'"{found.st_ino}-{found.st_mtime_ns}"', found.st_size)
