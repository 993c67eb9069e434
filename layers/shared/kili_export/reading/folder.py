"""A folder on disk that follows an export, with its own place in `.kili-export`.

state.json      which generation the folder holds (`kili_export.reading.folder_state`)
files.jsonl     the files that were written, by path: digest, size, time of writing
change.jsonl    a change that is being made; there only meanwhile
staging/        contents that were fetched and verified and are not in place yet
lock            held while somebody works on the folder

A change is written down before the first file changes. The next run completes it. What is
staged is on the disk before the change is written down, and what is in place before the state says
so: also after a loss of power the state tells the truth.

Lists are read and written line by line: a folder may have more files than memory holds.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, tee
from pathlib import Path
from typing import Any, Final, Self

from pydantic import ValidationError

from kili_export.archives.digests import DigestCheck
from kili_export.core.errors import IntegrityError
from kili_export.core.file_paths import OWN_FOLDER
from kili_export.reading.durable_writes import settle
from kili_export.reading.folder_change import FileStep, FolderChange, checked_path
from kili_export.reading.folder_choice import checked_root
from kili_export.reading.folder_state import FolderState
from kili_export.reading.folder_tree import FOLDER_FLAGS, Look, Tree
from kili_export.reading.following_folder import FollowedFile, FollowedFiles, Met
from kili_export.reading.own_place import LOCK, OwnPlace
from kili_export.storage.external_sort import SortedDocuments, joined

_STATE: Final = "state.json"
_FILES: Final = "files.jsonl"
_CHANGE: Final = "change.jsonl"
_STAGING: Final = "staging"
_NANOSECONDS: Final = 1_000_000_000
_NOT_THERE: Final = Look(-1, -1)
"""What a file looks like that could not be written: damaged next time, and fetched again."""


class FolderOnDisk:
    """One folder. Use `open`, which makes sure that nobody else works on it."""

    def __init__(self, tree: Tree, own: OwnPlace) -> None:
        self._tree = tree
        self._own = own

    @classmethod
    @contextmanager
    def open(cls, path: Path | str) -> Iterator[Self]:
        """The folder at `path`, which is made if need be.

        Raises InvalidConfiguration when it must not follow an export, when somebody else works on
        it, or when its own place is not this user's.
        """
        root = checked_root(str(path))
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root, FOLDER_FLAGS)
        try:
            with OwnPlace.open(root, descriptor) as own:
                yield cls(Tree(root, descriptor), own)
        finally:
            os.close(descriptor)

    def is_foreign(self) -> bool:
        """Whether it holds something, and never followed an export."""
        if self._own.has(_STATE) or self._own.has(_CHANGE):
            return False
        return next(iter(self._tree.walk(without=OWN_FOLDER)), None) is not None

    def read(self, *, verify: bool) -> FollowedFiles:
        """See FollowingFolder."""
        if self._own.has(_CHANGE):
            self._complete()
        if not self._own.has(_STATE):
            return FollowedFiles(None)
        count, damaged = self._looked_at(verify=verify)

        def files() -> Iterator[tuple[bytes, FollowedFile]]:
            for key, (one, is_damaged) in joined(self._written(), damaged):
                if one is not None:
                    date = one[1].written_at / _NANOSECONDS
                    yield key, FollowedFile(one[0], date, bool(is_damaged))

        return FollowedFiles(self._read_state(), count, len(damaged) > 0, files)

    def _looked_at(self, *, verify: bool) -> tuple[int, SortedDocuments]:
        """How many files were written, and those that are not any more what was written.

        Files that merely have another time, as in a copied folder, are read once: where the
        contents are the same, the time is kept for the next look.
        """
        count, damaged, touched = 0, SortedDocuments(), SortedDocuments()
        written, again = tee(self._written())
        looks = self._tree.looks(key.decode() for key, _ in again)
        for (key, (digest, look)), now in zip(written, looks, strict=True):
            count, path = count + 1, key.decode()
            if now == look and not verify:
                continue
            if now is None or now.size != look.size or not self._tree.holds(path, digest):
                damaged.add(path)
            elif now != look:
                touched.add(path, [now.size, now.written_at])
        if len(touched):
            self._write_files(self._touched(touched))
        return count, damaged

    def present(self) -> Iterator[str]:
        """See FollowingFolder."""
        return self._tree.walk(without=OWN_FOLDER)

    def folds_names(self) -> bool:
        """Whether its file system takes names for one that differ in case alone."""
        return self._own.has(LOCK.upper())

    def met(self, wanted: Iterable[tuple[str, str]]) -> Iterator[Met]:
        """See FollowingFolder."""
        for path, digest in wanted:
            if self._tree.holds(path, digest):
                yield Met(path, path, is_same=True)
            else:
                for name in self._tree.in_place_of(path):
                    yield Met(path, name, is_same=False)

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Does nothing: no file changes before all of them are staged."""

    def staged(self, steps: Sequence[FileStep]) -> frozenset[str]:
        """See FollowingFolder."""
        return frozenset(
            step.path
            for step in steps
            if self._own.tree.holds(_place(step.path, step.digest), step.digest)
        )

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""
        check = DigestCheck(digest)
        with self._own.making(_place(path, digest)) as file:
            for chunk in chunks:
                check.update(chunk)
                file.write(chunk)
            if not check.matches():
                raise IntegrityError(f"{path!r} does not have the SHA-256 that is promised")

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
        for step in change.steps("write"):
            # Nothing is staged of what is in place already.
            if step.date is not None:
                self._own.tree.date(_place(step.path, step.digest), step.date)
        # A run that completes the change relies on what is staged.
        settle(self._own.path / _place(one.path, one.digest) for one in change.steps("write"))
        self._own.write_lines(_CHANGE, _lines(change, state))
        self._complete()

    def _complete(self) -> None:
        """Makes the change that is written down."""
        state = self._checked_change()
        for _ in self._written():
            # All of it can be read, before the first file changes.
            pass
        self._announce(state)
        done = SortedDocuments()
        for operation in self._operations():
            kind, path, *values = operation
            if kind == "remove":
                self._tree.remove(path)
            elif kind == "write":
                # Version 0.1 wrote no date down.
                look = self._put(path, values[0], [*values, None][1]) or _NOT_THERE
                operation = [kind, path, values[0], look.size, look.written_at]
            done.add(path, operation)
        self._write_files(self._after(done))
        settle(self._tree.folders_above(path for _, path, *_ in self._operations()))
        self._own.write(_STATE, [state.to_bytes()])
        self._own.remove(_CHANGE)
        self._own.empty_out(_STAGING)

    def _after(self, done: SortedDocuments) -> Iterator[list[Any]]:
        """The files, by path, after operations; dates are given here."""
        for key, (before, operation) in joined(self._written(), done):
            match operation:
                case ["remove", *_]:
                    continue
                case ["write", path, digest, size, written_at]:
                    yield [path, digest, size, written_at]
                case ["date", path, date] if before is not None:
                    digest, look = before
                    yield _line(path, digest, self._dated(path, date, look))
                case None if before is not None:
                    yield _line(key.decode(), *before)

    def _announce(self, state: FolderState) -> None:
        """Tells readers that files are about to change."""
        if self._own.has(_STATE):
            applying = {"status": "applying", "next_generation": state.generation}
            announced = self._read_state().model_copy(update=applying)
            self._own.write(_STATE, [announced.to_bytes()])

    def _dated(self, path: str, date: int, look: Look) -> Look:
        """Gives a file that stays another date, unless somebody changed it meanwhile."""
        # An interrupted change may have done it already.
        if self._tree.look(path) not in {look, Look(look.size, date * _NANOSECONDS)}:
            return look
        self._tree.date(path, date)
        return self._tree.look(path) or look

    def _put(self, path: str, digest: str, date: int | None) -> Look | None:
        """Moves what was staged into place. Answers how it looks if the contents are there now."""
        place = _place(path, digest)
        if self._own.tree.look(place) is not None:
            self._tree.place(self._own.tree, place, path)
        # An interrupted change may have moved it already, or it was there before.
        elif not self._tree.holds(path, digest):
            return None
        elif date is not None:
            self._tree.date(path, date)
        return self._tree.look(path)

    def _read_state(self) -> FolderState:
        try:
            return FolderState.from_bytes(self._own.read(_STATE))
        except (ValidationError, ValueError) as error:
            raise self._unreadable(_STATE) from error

    def _checked_change(self) -> FolderState:
        """The state after the change that is written down; no path in it leads out of the folder.

        All of it is read before the first file changes.
        """
        try:
            lines = self._own.read_lines(_CHANGE)
            header = next(lines, None)
            for operation in lines:
                checked_path(_path_of(operation))
            return FolderState.model_validate(header)
        except (ValidationError, ValueError, TypeError, AttributeError) as error:
            raise self._unreadable(_CHANGE) from error

    def _operations(self) -> Iterator[Any]:
        """What the change that is written down does, after `_checked_change`."""
        return islice(self._own.read_lines(_CHANGE), 1, None)

    def _touched(self, touched: SortedDocuments) -> Iterator[list[Any]]:
        """The files, some of which look otherwise."""
        for key, (written, look) in joined(self._written(), touched):
            if written is not None:
                digest, before = written
                yield _line(key.decode(), digest, Look(*look) if look else before)

    def _write_files(self, lines: Iterable[list[Any]]) -> None:
        self._own.write_lines(_FILES, lines)

    def _written(self) -> Iterator[tuple[bytes, Any]]:
        """The files that were written, by path, each with its digest and how it looked."""
        is_needed = self._own.has(_STATE) and not self._own.has(_CHANGE)
        if not is_needed and not self._own.has(_FILES):
            return
        before = b""
        try:
            for path, digest, size, written_at in self._own.read_lines(_FILES):
                key = checked_path(path).encode()
                if key <= before:
                    raise self._unreadable(_FILES)
                before = key
                yield key, (digest, Look(size, written_at))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._unreadable(_FILES) from error

    def _unreadable(self, name: str) -> IntegrityError:
        path = self._own.path / name
        return IntegrityError(f"{path} cannot be read; sync into an empty folder instead")


def _path_of(operation: Any) -> str:
    """The path of an operation that is written down. Raises ValueError for any other line."""
    match operation:
        case (
            ["remove", str(path)]
            | ["write", str(path), str()]
            | ["write", str(path), str(), int() | None]
            | ["date", str(path), int()]
        ):
            return path
    raise ValueError("no operation")


def _line(path: str, digest: str, look: Look) -> list[Any]:
    """A file as it is listed."""
    return [path, digest, look.size, look.written_at]


def _lines(change: FolderChange, state: FolderState) -> Iterator[Any]:
    """A change as it is written down."""
    yield state.model_dump(mode="json")
    for step in change.steps("remove"):
        yield ["remove", step.path]
    for step in change.steps("write"):
        yield ["write", step.path, step.digest, step.date]
    for step in change.steps("date"):
        yield ["date", step.path, step.date]


def _place(path: str, digest: str) -> str:
    """Where contents are staged that are to be written there."""
    name = hashlib.sha256(f"{path}\0{digest}".encode()).hexdigest()
    return f"{_STAGING}/{name[:2]}/{name}"
