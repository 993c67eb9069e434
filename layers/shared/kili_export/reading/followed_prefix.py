"""A prefix of a bucket that follows an export: an object for each file.

Below the prefix, in `.kili-export/`:

state.json              which generation it holds, and while one is being applied, which
files-VERSION.jsonl.gz  the files of a version: path and digest

Each object is put whole, and those that stay are not touched. The list of what shall be is written
before the first of them changes: interrupted changes may have put or removed what the lists since
then differ in. Writes of the state have a condition, so that of two that work at once one fails.
"""

import gzip
import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, Final, Self, cast

from pydantic import ValidationError

from kili_export.archives.digests import DigestCheck
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.core.file_paths import OWN_FOLDER
from kili_export.reading.folder import FollowedFiles
from kili_export.reading.folder_change import FolderChange, checked_path
from kili_export.reading.folder_state import FolderState
from kili_export.splicing.upload_parts import InlineBytes, pack
from kili_export.storage.object_store import ObjectStore, StoredObject
from kili_export.storage.spool import Spool

_WORKERS: Final = 16
_WAITING: Final = 2 * _WORKERS
_WHOLE: Final = 8 << 20
"""What is put in one request, in bytes."""
_FEW: Final = 100
"""So many paths are looked at one by one; for more all objects are listed."""
_BATCH: Final = 10_000
_LONGEST_KEY: Final = 1024
_DIGEST: Final = "digest"
_AT_ONCE: Final = (
    "Another sync writes to this prefix too. Run one at a time, and mend it with --verify."
)


class PrefixState(FolderState):
    """The state of a prefix. `next_versions` are those that were begun since, the last one last."""

    next_versions: tuple[str, ...] = ()

    def to_folder(self) -> FolderState:
        """The same as of any folder."""
        return FolderState.model_validate(self.model_dump(exclude={"next_versions"}))


class FollowedPrefix:
    """One prefix, which ends with a slash. Use `open`, which ends the threads."""

    def __init__(self, objects: ObjectStore, prefix: str, pool: ThreadPoolExecutor) -> None:
        self._objects, self._prefix, self._pool = objects, prefix, pool
        self._own = f"{prefix}{OWN_FOLDER}/"
        self._marker: StoredObject | None = None
        self._state: PrefixState | None = None
        self._files: Mapping[str, str] = {}
        self._uncertain: frozenset[str] = frozenset()
        self._placed: frozenset[str] = frozenset()
        self._puts: deque[Future[Any]] = deque()

    @classmethod
    @contextmanager
    def open(cls, objects: ObjectStore, prefix: str, *, workers: int = _WORKERS) -> Iterator[Self]:
        """The prefix, written to by so many threads."""
        with ThreadPoolExecutor(workers, "put") as pool:
            try:
                yield cls(objects, prefix, pool)
            finally:
                pool.shutdown(cancel_futures=True)

    def is_foreign(self) -> bool:
        """Whether there are objects, and none that says that it follows an export."""
        if self._objects.head(self._state_key) is not None:
            return False
        found = self._objects.list(self._prefix)
        return any(not one.key.startswith(self._own) for one in found)

    def folds_names(self) -> bool:
        """Never: S3 keeps keys as they are."""
        return False

    def read(self, *, verify: bool) -> FollowedFiles:
        """What it holds. After an interrupted change, what that touched counts as damaged.

        With `verify` every object is read; without it none is looked at.
        """
        # An earlier try's, which would come after this one's; what they did is uncertain anyway.
        wait(self._puts)
        self._puts.clear()
        self._marker, self._state = None, None
        self._files, self._uncertain = {}, frozenset()
        found = self._objects.get(self._state_key)
        if found is None:
            return FollowedFiles(None, {})
        data, self._marker = found
        try:
            state = self._state = PrefixState.from_bytes(data)
        except (ValidationError, ValueError) as error:
            raise self._unreadable(self._state_key) from error
        files = self._read_list(state.version) if state.version else {}
        for following in map(self._read_list, state.next_versions):
            both = {**files, **following}
            self._uncertain |= {path for path in both if files.get(path) != following.get(path)}
            files = both
        self._files = files
        damaged = self._uncertain | (self._not_held(self._files) if verify else frozenset())
        return FollowedFiles(state.to_folder(), self._files, damaged)

    def strangers(self) -> frozenset[str]:
        """Objects below it that it did not write."""
        return self._listed() - self._files.keys()

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where an object is: whether it was put with that digest."""
        if len(wanted) > _FEW:
            listed = self._listed()
            wanted = {path: digest for path, digest in wanted.items() if path in listed}
        found = self._heads(wanted)
        return {path: _is_of(stored, wanted[path]) for path, stored in found.items()}

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Announces the change. Raises InvalidConfiguration where others work here."""
        for path in change.write:
            if len((self._prefix + path).encode()) > _LONGEST_KEY:
                raise InvalidConfiguration(
                    f"{path[:200]!r} makes a key of more than {_LONGEST_KEY} bytes; take a shorter"
                    " prefix."
                )
        removed = frozenset(change.remove)
        stays = {path: one for path, one in self._files.items() if path not in removed}
        self._write_list(state.version, {**stays, **change.write})
        # Of what follows nothing it has no version yet.
        base = self._state or PrefixState.model_validate({**state.model_dump(), "version": ""})
        others = (version for version in base.next_versions if version != state.version)
        self._put_state(
            base.model_copy(
                update={
                    "status": "applying",
                    "next_generation": state.generation,
                    "next_versions": (*others, state.version),
                }
            )
        )
        again = {path: change.write[path] for path in self._uncertain & change.write.keys()}
        self._placed = frozenset(
            path for path, stored in self._heads(again).items() if _is_of(stored, again[path])
        )

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether an interrupted change put these contents."""
        del digest
        return path in self._placed

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Puts contents into place. Raises IntegrityError, before, unless they are these."""
        check, contents = DigestCheck(digest), Spool()
        for chunk in chunks:
            check.update(chunk)
            contents.write(chunk)
        if not check.matches():
            raise IntegrityError(f"{path!r} does not have the SHA-256 that is promised")
        while len(self._puts) >= _WAITING:
            self._puts.popleft().result()
        self._puts.append(self._pool.submit(self._put, self._prefix + path, digest, contents))

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Waits for what was put, and removes; afterwards the prefix has this state."""
        while self._puts:
            self._puts.popleft().result()
        self._objects.delete(self._prefix + path for path in change.remove)
        self._put_state(PrefixState.model_validate(state.model_dump()))
        kept = self._list_key(state.version)
        lists = [found.key for found in self._objects.list(f"{self._own}files-")]
        self._objects.delete(key for key in lists if key != kept)

    @property
    def _state_key(self) -> str:
        return f"{self._own}state.json"

    def _put_state(self, state: PrefixState) -> None:
        etag = None if self._marker is None else self._marker.etag
        try:
            self._marker = self._objects.put(
                self._state_key,
                state.to_bytes(),
                if_match=etag,
                if_none_match=etag is None,
                content_type="application/json",
            )
        except ConflictError as error:
            # No ConflictError, which says that the generation expired and is tried again.
            raise InvalidConfiguration(_AT_ONCE) from error

    def _put(self, key: str, digest: str, contents: Spool) -> None:
        about = {_DIGEST: _short(digest)}
        if len(contents) <= _WHOLE:
            self._objects.put(key, contents[:], metadata=about)
        else:
            parts = pack([InlineBytes(contents)])
            content_type = "application/octet-stream"
            self._objects.compose(key, parts, metadata=about, content_type=content_type)

    def _listed(self) -> frozenset[str]:
        keys = (found.key for found in self._objects.list(self._prefix))
        return frozenset(
            key.removeprefix(self._prefix) for key in keys if not key.startswith(self._own)
        )

    def _heads(self, paths: Iterable[str]) -> Mapping[str, StoredObject]:
        found: dict[str, StoredObject] = {}
        for some in _batches(paths):
            heads = self._pool.map(self._objects.head, (self._prefix + path for path in some))
            found |= {path: one for path, one in zip(some, heads, strict=True) if one is not None}
        return found

    def _not_held(self, files: Mapping[str, str]) -> frozenset[str]:
        """Those of the files that are gone, or are not what was put."""
        lacking: set[str] = set()
        for some in _batches(files):
            held = self._pool.map(self._holds, some, (files[path] for path in some))
            lacking |= {path for path, is_held in zip(some, held, strict=True) if not is_held}
        return frozenset(lacking)

    def _holds(self, path: str, digest: str) -> bool:
        key = self._prefix + path
        if self._objects.head(key) is None:
            return False
        check = DigestCheck(digest)
        self._objects.download(key, cast("BinaryIO", _Checked(check)))
        return check.matches()

    def _list_key(self, version: str) -> str:
        return f"{self._own}files-{_short(version)}.jsonl.gz"

    def _write_list(self, version: str, files: Mapping[str, str]) -> None:
        lines = "".join(f"{json.dumps(one)}\n" for one in sorted(files.items()))
        data = gzip.compress(lines.encode(), compresslevel=1, mtime=0)
        self._objects.put(self._list_key(version), data, content_type="application/gzip")

    def _read_list(self, version: str) -> Mapping[str, str]:
        key = self._list_key(version)
        found = self._objects.get(key)
        if found is None:
            raise self._unreadable(key)
        try:
            lines = gzip.decompress(found[0]).decode().splitlines()
            return {checked_path(path): str(digest) for path, digest in map(json.loads, lines)}
        except (OSError, EOFError, ValueError, TypeError, AttributeError) as error:
            raise self._unreadable(key) from error

    def _unreadable(self, key: str) -> IntegrityError:
        return IntegrityError(f"{key} cannot be read; sync to an empty prefix instead")


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    """Some paths at a time, because a pool takes all that it is given at once."""
    rest = iter(paths)
    while some := list(islice(rest, _BATCH)):
        yield some


class _Checked:
    """What a download is compared through, without being held."""

    def __init__(self, check: DigestCheck) -> None:
        self._check = check

    def write(self, data: bytes) -> int:
        self._check.update(data)
        return len(data)


def _short(text: str) -> str:
    """A digest of any text that is short enough for keys and for metadata."""
    return hashlib.sha256(text.encode()).hexdigest()


def _is_of(stored: StoredObject, digest: str) -> bool:
    return stored.metadata.get(_DIGEST) == _short(digest)
