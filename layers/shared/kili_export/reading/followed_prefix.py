"""A prefix of a bucket that follows an export: an object for each file.

Below the prefix, in `.kili-export/`:

state.json              which generation it holds, and while one is being applied, which
files-VERSION.jsonl.gz  the files of a version: path and digest

Each object is put whole, and those that stay are not touched. The list of what shall be is written
before the first of them changes: interrupted changes may have put or removed what the lists since
then differ in. Writes of the state have a condition, so that of two that work at once one fails.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Self

from pydantic import ValidationError

from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.core.file_paths import OWN_FOLDER
from kili_export.reading.folder import FollowedFiles
from kili_export.reading.folder_change import FolderChange, checked_path
from kili_export.reading.folder_state import FolderState
from kili_export.reading.prefix_writer import (
    LONGEST_KEY,
    WORKERS,
    PrefixWriter,
    is_of,
    short_digest,
)
from kili_export.storage.object_store import ObjectStore, StoredObject

_FEW: Final = 100
"""So many paths are looked at one by one; for more all objects are listed."""
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
        self._objects, self._prefix = objects, prefix
        self._writer = PrefixWriter(objects, prefix, pool)
        self._own = f"{prefix}{OWN_FOLDER}/"
        self._marker: StoredObject | None = None
        self._state: PrefixState | None = None
        self._files: Mapping[str, str] = {}
        self._uncertain: frozenset[str] = frozenset()
        self._placed: frozenset[str] = frozenset()

    @classmethod
    @contextmanager
    def open(cls, objects: ObjectStore, prefix: str, *, workers: int = WORKERS) -> Iterator[Self]:
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
        self._writer.forget()
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
        damaged = self._uncertain | (self._writer.lacking(self._files) if verify else frozenset())
        return FollowedFiles(state.to_folder(), self._files, damaged)

    def strangers(self) -> frozenset[str]:
        """Objects below it that it did not write."""
        return self._listed() - self._files.keys()

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where an object is: whether it was put with that digest."""
        if len(wanted) > _FEW:
            listed = self._listed()
            wanted = {path: digest for path, digest in wanted.items() if path in listed}
        found = self._writer.heads(wanted)
        return {path: is_of(stored, wanted[path]) for path, stored in found.items()}

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Announces the change. Raises InvalidConfiguration where others work here."""
        for path in change.write:
            if not self._writer.takes(path):
                raise InvalidConfiguration(
                    f"{path[:200]!r} makes a key of more than {LONGEST_KEY} bytes; take a shorter"
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
        self._placed = self._writer.put_before(again)

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether an interrupted change put these contents."""
        del digest
        return path in self._placed

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Puts contents into place. Raises IntegrityError, before, unless they are these."""
        self._writer.stage(path, digest, chunks)

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Waits for what was put, and removes; afterwards the prefix has this state."""
        self._writer.settle()
        self._writer.remove(change.remove)
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

    def _listed(self) -> frozenset[str]:
        own = f"{OWN_FOLDER}/"
        return frozenset(path for path in self._writer.listed() if not path.startswith(own))

    def _list_key(self, version: str) -> str:
        return f"{self._own}files-{short_digest(version)}.jsonl.gz"

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
