"""A folder on disk that follows an export, with its own place in `.kili-export`.

state.json      which generation the folder holds (`kili_export.reading.folder_state`)
files.jsonl     the files that were written: path, digest, size, time of writing
change.jsonl    a change that is being made; there only meanwhile
staging/        contents that were fetched and verified and are not in place yet
lock            held while somebody works on the folder

A change is written down before the first file changes. The next run completes it. What is
staged is on the disk before the change is written down, and what is in place before the state says
so: also after a loss of power the state tells the truth.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, Self

from pydantic import ValidationError

from kili_export.archives.digests import DigestCheck
from kili_export.core.errors import IntegrityError
from kili_export.core.file_paths import OWN_FOLDER, folded
from kili_export.reading.durable_writes import settle
from kili_export.reading.folder_change import FolderChange, checked_path
from kili_export.reading.folder_choice import checked_root
from kili_export.reading.folder_state import FolderState
from kili_export.reading.folder_tree import FOLDER_FLAGS, Look, Tree
from kili_export.reading.own_place import LOCK, OwnPlace

_Written = dict[str, tuple[str, Look]]
_STATE: Final = "state.json"
_FILES: Final = "files.jsonl"
_CHANGE: Final = "change.jsonl"
_STAGING: Final = "staging"
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FollowedFiles:
    """What a folder holds: its state (None before the first time), its files by path.

    `damaged` are files that are gone, or are not any more what was written. `dates` are those of
    the files, in seconds since 1970.
    """

    state: FolderState | None
    files: Mapping[str, str]
    damaged: frozenset[str] = frozenset()
    dates: Mapping[str, float] = field(default_factory=dict)


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
        """What it holds; a change that was begun and interrupted is completed first."""
        lost: frozenset[str] = frozenset()
        if self._own.has(_CHANGE):
            lost = self._complete()
        if not self._own.has(_STATE):
            return FollowedFiles(None, {})
        written = self._read_files()
        damaged = self._damaged(written) | lost
        files = {path: digest for path, (digest, _) in written.items()}
        if verify:
            damaged |= {
                path
                for path, digest in files.items()
                if path not in damaged and not self._tree.holds(path, digest)
            }
        dates = {path: look.written_at / _NANOSECONDS for path, (_, look) in written.items()}
        return FollowedFiles(self._read_state(), files, frozenset(damaged), dates)

    def _damaged(self, written: _Written) -> set[str]:
        """Files that are not as they were written.

        Those that merely have another time, as in a copied folder, are read once: where the
        contents are the same, the time is kept for the next look.
        """
        damaged: set[str] = set()
        touched = False
        for path, (digest, look) in written.items():
            now = self._tree.look(path)
            if now == look:
                continue
            if now is not None and now.size == look.size and self._tree.holds(path, digest):
                written[path] = (digest, now)
                touched = True
            else:
                damaged.add(path)
        if touched:
            self._write_files(written)
        return damaged

    def strangers(self) -> frozenset[str]:
        """Files below it that it did not write."""
        written = self._read_files() if self._own.has(_FILES) else {}
        found = frozenset(self._tree.walk(without=OWN_FOLDER))
        if not self.folds_names():
            return found - written.keys()
        known = set(map(folded, written))
        return frozenset(path for path in found if folded(path) not in known)

    def folds_names(self) -> bool:
        """Whether its file system takes names for one that differ in case alone."""
        return self._own.has(LOCK.upper())

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where something is: whether it is a file with that digest."""
        return {
            path: self._tree.holds(path, digest)
            for path, digest in wanted.items()
            if self._tree.is_occupied(path)
        }

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Does nothing: no file changes before all of them are staged."""

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether the contents that are to be written there were fetched before."""
        return self._own.tree.holds(_place(path, digest), digest)

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
        for path, digest in change.write.items():
            date = change.dates.get(path)
            # Nothing is staged of what is in place already.
            if date is not None:
                self._own.tree.date(_place(path, digest), date)
        # A run that completes the change relies on what is staged.
        settle(self._own.path / _place(path, digest) for path, digest in change.write.items())
        self._own.write_lines(_CHANGE, _lines(change, state))
        self._complete()

    def _complete(self) -> frozenset[str]:
        """Makes the change that is written down. Answers what could not be written any more."""
        state = self._checked_change()
        self._announce(state)
        written = self._read_files() if self._own.has(_FILES) else {}
        lost = set()
        for kind, path, *values in self._operations():
            if kind == "remove":
                self._tree.remove(path)
                written.pop(path, None)
            elif kind == "date":
                self._date(path, values[0], written)
            # Version 0.1 wrote no date down.
            elif not self._put(path, values[0], written, [*values, None][1]):
                lost.add(path)
        settle(self._tree.folders_above(path for _, path, *_ in self._operations()))
        self._write_files(written)
        self._own.write(_STATE, [state.to_bytes()])
        self._own.remove(_CHANGE)
        self._own.empty_out(_STAGING)
        return frozenset(lost)

    def _announce(self, state: FolderState) -> None:
        """Tells readers that files are about to change."""
        if self._own.has(_STATE):
            applying = {"status": "applying", "next_generation": state.generation}
            announced = self._read_state().model_copy(update=applying)
            self._own.write(_STATE, [announced.to_bytes()])

    def _date(self, path: str, date: int, written: _Written) -> None:
        """Gives a file that stays another date, unless somebody changed it meanwhile."""
        digest, look = written[path]
        # An interrupted change may have done it already.
        dated = Look(look.size, date * _NANOSECONDS)
        if self._tree.look(path) in {look, dated}:
            self._tree.date(path, date)
            written[path] = (digest, self._tree.look(path) or look)

    def _put(self, path: str, digest: str, written: _Written, date: int | None) -> bool:
        """Moves what was staged into place. Answers whether the contents are there now."""
        place = _place(path, digest)
        is_there = self._own.tree.look(place) is not None
        if is_there:
            self._tree.place(self._own.tree, place, path)
        else:
            # An interrupted change may have moved it already, or it was there before.
            is_there = self._tree.holds(path, digest)
            if is_there and date is not None:
                self._tree.date(path, date)
        look = self._tree.look(path) if is_there else None
        # What is not there looks damaged next time, and is fetched again.
        written[path] = (digest, look or Look(-1, -1))
        return look is not None

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
            for _, path, *_ in lines:
                checked_path(path)
            return FolderState.model_validate(header)
        except (ValidationError, ValueError, TypeError, AttributeError) as error:
            raise self._unreadable(_CHANGE) from error

    def _operations(self) -> Iterator[Any]:
        """What the change that is written down does, after `_checked_change`."""
        return islice(self._own.read_lines(_CHANGE), 1, None)

    def _write_files(self, written: _Written) -> None:
        lines = (
            [path, digest, look.size, look.written_at]
            for path, (digest, look) in sorted(written.items())
        )
        self._own.write_lines(_FILES, lines)

    def _read_files(self) -> _Written:
        try:
            return {
                checked_path(path): (digest, Look(size, written_at))
                for path, digest, size, written_at in self._own.read_lines(_FILES)
            }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._unreadable(_FILES) from error

    def _unreadable(self, name: str) -> IntegrityError:
        path = self._own.path / name
        return IntegrityError(f"{path} cannot be read; sync into an empty folder instead")


def _lines(change: FolderChange, state: FolderState) -> Iterator[Any]:
    """A change as it is written down."""
    yield state.model_dump(mode="json")
    for path in change.remove:
        yield ["remove", path]
    for path, digest in change.write.items():
        yield ["write", path, digest, change.dates.get(path)]
    for path, date in change.redated.items():
        yield ["date", path, date]


def _place(path: str, digest: str) -> str:
    """Where contents are staged that are to be written there."""
    name = hashlib.sha256(f"{path}\0{digest}".encode()).hexdigest()
    return f"{_STAGING}/{name[:2]}/{name}"


class FollowingFolder(Protocol):
    """A folder that is kept equal to an export; `archives.digests` compares contents.

    Nothing outside of it is written, and no symbolic link below it is followed.
    """

    def read(self, *, verify: bool) -> FollowedFiles:
        """What it holds; a change that was begun and interrupted is completed first.

        With `verify` every file is read, without it only looked at.
        """

    def is_foreign(self) -> bool:
        """Whether it holds something, and never followed an export."""

    def strangers(self) -> frozenset[str]:
        """Files below it that it did not write."""

    def folds_names(self) -> bool:
        """Whether its file system takes names for one that differ in case alone."""

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where something is: whether it is a file with that digest."""

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Announces a change, before the first of its files is staged."""

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether the contents that are to be written there were fetched before."""

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
