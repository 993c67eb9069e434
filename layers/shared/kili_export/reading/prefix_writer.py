"""Puts files below a prefix of a bucket, many at once, each with its digest beside it."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from typing import Any, BinaryIO, Final, TypeVar, cast

from kili_export.archives.digests import DigestCheck
from kili_export.core.errors import IntegrityError
from kili_export.splicing.part_limits import DEFAULT_LIMITS
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, pack, plan_parts
from kili_export.storage.object_store import ObjectStore, StoredObject
from kili_export.storage.spool import Spool

_T = TypeVar("_T")
WORKERS: Final = 16
WHOLE: Final = 8 << 20
"""What is put in one request, in bytes."""
LONGEST_KEY: Final = 1024
_WAITING: Final = 2 * WORKERS
_BATCH: Final = 10_000
_DIGEST: Final = "digest"
_CONTENT_TYPE: Final = "application/octet-stream"


class PrefixWriter:
    """Writes below one prefix, which ends with a slash, by the threads of `pool`."""

    def __init__(self, objects: ObjectStore, prefix: str, pool: ThreadPoolExecutor) -> None:
        self._objects, self._prefix, self._pool = objects, prefix, pool
        self._puts: deque[Future[Any]] = deque()

    def takes(self, path: str) -> bool:
        """Whether S3 allows a key as long as that of this file."""
        return len((self._prefix + path).encode()) <= LONGEST_KEY

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Puts contents into place. Raises IntegrityError, before, unless they are these.

        What earlier puts raised may be raised here, or by `settle`.
        """
        check, contents = DigestCheck(digest), Spool()
        for chunk in chunks:
            check.update(chunk)
            contents.write(chunk)
        if not check.matches():
            raise IntegrityError(f"{path!r} does not have the SHA-256 that is promised")
        self._submit(path, digest, contents)
        if len(contents) > WHOLE:
            # Of those that are on disk there is one at a time.
            self.settle()

    def copy(self, path: str, digest: str, contents: CopyRange) -> None:
        """Puts contents that stand in another object as they are: the server copies them."""
        self._submit(path, digest, contents)

    def settle(self) -> None:
        """Waits for what was put, and raises what went wrong."""
        while self._puts:
            self._puts.popleft().result()

    def forget(self) -> None:
        """Waits for what was put, whatever became of it."""
        wait(self._puts)
        self._puts.clear()

    def remove(self, paths: Iterable[str]) -> None:
        """Removes files; those that are not there are no error."""
        self._objects.delete(self._prefix + path for path in paths)

    def listed(self) -> Iterator[str]:
        """The path of every object below the prefix, in the server's order."""
        for found in self._objects.list(self._prefix):
            yield found.key.removeprefix(self._prefix)

    def heads(self, paths: Iterable[str]) -> Mapping[str, StoredObject]:
        """What there is at these paths."""
        found: dict[str, StoredObject] = {}
        for some in _batches(paths):
            heads = self._pool.map(self._objects.head, (self._prefix + path for path in some))
            found |= {path: one for path, one in zip(some, heads, strict=True) if one is not None}
        return found

    def put_before(self, files: Mapping[str, str]) -> frozenset[str]:
        """Those of the files, by path with their digests, that are there and were put with it."""
        found = self.heads(files)
        return frozenset(path for path, stored in found.items() if is_of(stored, files[path]))

    def lacking(self, files: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Those of the files, each with its digest, that are gone or not what was put.

        Reads all of them.
        """
        for some in _batches(files):
            held = self._pool.map(self._holds, some)
            yield from (path for (path, _), is_held in zip(some, held, strict=True) if not is_held)

    def put_list(self, path: str, contents: Spool) -> None:
        """Puts a gzip file, however large."""
        key, kind = self._prefix + path, "application/gzip"
        if len(contents) <= WHOLE:
            self._objects.put(key, contents[:], content_type=kind)
        else:
            self._objects.compose(key, pack([InlineBytes(contents)]), content_type=kind)

    def _submit(self, path: str, digest: str, contents: Spool | CopyRange) -> None:
        while len(self._puts) >= _WAITING:
            self._puts.popleft().result()
        self._puts.append(self._pool.submit(self._put, self._prefix + path, digest, contents))

    def _put(self, key: str, digest: str, contents: Spool | CopyRange) -> None:
        about = {_DIGEST: short_digest(digest)}
        if isinstance(contents, CopyRange):
            parts = plan_parts([contents], replace(DEFAULT_LIMITS, rewrite_below=0))
        elif len(contents) <= WHOLE:
            self._objects.put(key, contents[:], metadata=about)
            return
        else:
            parts = pack([InlineBytes(contents)])
        self._objects.compose(key, parts, metadata=about, content_type=_CONTENT_TYPE)

    def _holds(self, file: tuple[str, str]) -> bool:
        path, digest = file
        key = self._prefix + path
        if self._objects.head(key) is None:
            return False
        check = DigestCheck(digest)
        self._objects.download(key, cast("BinaryIO", _Checked(check)))
        return check.matches()


def is_of(stored: StoredObject, digest: str) -> bool:
    """Whether an object was put with that digest."""
    return stored.metadata.get(_DIGEST) == short_digest(digest)


def short_digest(text: str) -> str:
    """A digest of any text that is short enough for keys and for metadata."""
    return hashlib.sha256(text.encode()).hexdigest()


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    """Some at a time, because a pool takes all that it is given at once."""
    rest = iter(items)
    while some := list(islice(rest, _BATCH)):
        yield some


class _Checked:
    """What a download is compared through, without being held."""

    def __init__(self, check: DigestCheck) -> None:
        self._check = check

    def write(self, data: bytes) -> int:
        self._check.update(data)
        return len(data)
