"""A prefix of a bucket that follows an export: an object for each file.

Below the prefix, in `.kili-export/`:

state.json              which generation it holds, and while one is being applied, which
files-VERSION.jsonl.gz  the files of a version: path and digest

Each object is put whole, and those that stay are not touched. The list of what shall be is written
before the first of them changes: interrupted changes may have put or removed what the lists since
then differ in. Writes of the state have a condition, so that of two that work at once one fails.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import BinaryIO, Final, Self, cast

import orjson
from pydantic import ValidationError

from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.core.file_paths import OWN_FOLDER
from kili_export.reading.folder_change import FileStep, FolderChange, checked_path
from kili_export.reading.folder_state import FolderState
from kili_export.reading.following_folder import FollowedFile, FollowedFiles, Met
from kili_export.reading.prefix_writer import (
    LONGEST_KEY,
    WORKERS,
    PrefixWriter,
    is_of,
    short_digest,
)
from kili_export.storage.external_sort import SortedDocuments, SpooledItems, joined
from kili_export.storage.object_store import ObjectStore, StoredObject
from kili_export.storage.spool import Spool

_FEW: Final = 100
"""So many paths are looked at one by one; for more all objects are listed."""
_HEADS: Final = 10_000
_GZIP: Final = 16 + zlib.MAX_WBITS
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
        self._lists: Sequence[SpooledItems] = ()
        self._is_verified = False

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
        self._marker, self._state, self._lists = None, None, ()
        self._is_verified = verify
        found = self._objects.get(self._state_key)
        if found is None:
            return FollowedFiles(None)
        data, self._marker = found
        try:
            state = self._state = PrefixState.from_bytes(data)
        except (ValidationError, ValueError) as error:
            raise self._unreadable(self._state_key) from error
        first = self._read_list(state.version) if state.version else SpooledItems()
        self._lists = (first, *map(self._read_list, state.next_versions))
        lacking = SortedDocuments()
        if verify:
            held = ((path.decode(), digest) for path, digest, _ in self._held())
            for path in self._writer.lacking(held):
                lacking.add(path)

        def files() -> Iterator[tuple[bytes, FollowedFile]]:
            held = ((path, (digest, uncertain)) for path, digest, uncertain in self._held())
            for path, (one, is_lacking) in joined(held, lacking):
                if one is not None:
                    digest, is_uncertain = one
                    yield path, FollowedFile(digest, None, is_uncertain or bool(is_lacking))

        count = sum(1 for _ in self._held())
        is_uncertain = any(uncertain for *_, uncertain in self._held())
        return FollowedFiles(state.to_folder(), count, is_uncertain or len(lacking) > 0, files)

    def present(self) -> Iterator[str]:
        """See FollowingFolder."""
        own = f"{OWN_FOLDER}/"
        return (path for path in self._writer.listed() if not path.startswith(own))

    def met(self, wanted: Iterable[tuple[str, str]]) -> Iterator[Met]:
        """See FollowingFolder: what was put with a digest is taken for that."""
        remaining = iter(wanted)
        first = list(islice(remaining, _FEW + 1))
        some: Iterator[tuple[str, str]] = iter(first)
        if len(first) > _FEW:
            some = self._listed(chain(first, remaining))
        while batch := dict(islice(some, _HEADS)):
            for path, stored in self._writer.heads(batch).items():
                yield Met(path, path, is_of(stored, batch[path]))

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Announces the change. Raises InvalidConfiguration where others work here."""
        for path in change.paths("write"):
            if not self._writer.takes(path):
                raise InvalidConfiguration(
                    f"{path[:200]!r} makes a key of more than {LONGEST_KEY} bytes; take a shorter"
                    " prefix."
                )
        self._write_list(state.version, change)
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

    def staged(self, steps: Sequence[FileStep]) -> frozenset[str]:
        """The paths where an interrupted change put these contents."""
        if self._is_verified:
            # What was put may not be there any more.
            return frozenset()
        return self._writer.put_before({one.path: one.digest for one in steps if one.is_damaged})

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Puts contents into place. Raises IntegrityError, before, unless they are these."""
        self._writer.stage(path, digest, chunks)

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Waits for what was put, and removes; afterwards the prefix has this state."""
        self._writer.settle()
        self._writer.remove(change.paths("remove"))
        kept = self._prefix + self._list_path(state.version)
        # Before the write: once that succeeds, another sync may begin and write its own list.
        lists = [found.key for found in self._objects.list(f"{self._own}files-")]
        self._put_state(PrefixState.model_validate(state.model_dump()))
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

    def _listed(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Those of the files where an object is, by one listing."""
        there = SortedDocuments()
        for path in self.present():
            there.add(path)
        keyed: Iterator[tuple[bytes, object]] = (
            (path.encode(), (path, digest)) for path, digest in wanted
        )
        for _, (file, is_there) in joined(keyed, there):
            if isinstance(file, tuple) and is_there is not None:
                yield file

    def _held(self) -> Iterator[tuple[bytes, str, bool]]:
        """Each file that sync put, its digest, and whether an interrupted change touched it."""
        for path, digests in joined(*map(_files_of, self._lists)):
            digest, *others = digests
            is_uncertain = False
            for other in others:
                is_uncertain = is_uncertain or other != digest
                digest = digest if other is None else other
            yield path, str(digest), is_uncertain

    def _list_path(self, version: str) -> str:
        return f"{OWN_FOLDER}/files-{short_digest(version)}.jsonl.gz"

    def _write_list(self, version: str, change: FolderChange) -> None:
        """Writes the files of after the change."""
        packed, data = zlib.compressobj(1, wbits=_GZIP), Spool()
        steps: Iterator[tuple[bytes, object]] = (
            (step.path.encode(), step) for step in change.steps()
        )
        held = ((path, digest) for path, digest, _ in self._held())
        for path, (digest, step) in joined(held, steps):
            if isinstance(step, FileStep) and step.kind == "remove":
                continue
            digest = step.digest if isinstance(step, FileStep) else digest
            data.write(packed.compress(orjson.dumps([path.decode(), digest]) + b"\n"))
        data.write(packed.flush())
        self._writer.put_list(self._list_path(version), data)

    def _read_list(self, version: str) -> SpooledItems:
        key, found, before = self._prefix + self._list_path(version), SpooledItems(), b""
        with TemporaryFile() as file:
            try:
                self._objects.download(key, cast("BinaryIO", file))
            except IntegrityError as error:
                raise self._unreadable(key) from error
            try:
                file.seek(0)
                with gzip.GzipFile(fileobj=file) as lines:
                    for line in lines:
                        path, digest = orjson.loads(line)
                        name = checked_path(path).encode()
                        if name <= before or not isinstance(digest, str):
                            raise self._unreadable(key)
                        before = name
                        found.add(line)
            except (OSError, EOFError, ValueError, TypeError, AttributeError, zlib.error) as error:
                raise self._unreadable(key) from error
        return found

    def _unreadable(self, key: str) -> IntegrityError:
        return IntegrityError(f"{key} cannot be read; sync to an empty prefix instead")


def _files_of(lines: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
    """The files of a list, each with its digest."""
    for line in lines:
        path, digest = orjson.loads(line)
        yield path.encode(), digest
