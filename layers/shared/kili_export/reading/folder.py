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

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

import orjson
from pydantic import ValidationError

from kili_export.archives.digests import DigestCheck
from kili_export.core.errors import IntegrityError, InvalidConfiguration
from kili_export.reading.durable_writes import settle
from kili_export.reading.folder_change import OWN_FOLDER, FolderChange
from kili_export.reading.folder_state import FolderState
from kili_export.reading.folder_tree import Look, Tree

_Written = dict[str, tuple[str, Look]]
_CHUNK: Final = 1 << 20
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

    def __init__(self, root: Path) -> None:
        self._tree = Tree(root)
        self._own = root / OWN_FOLDER
        self._state = self._own / "state.json"
        self._files = self._own / "files.jsonl"
        self._change = self._own / "change.jsonl"
        self._staging = self._own / "staging"

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """The folder at `path`, which is made if need be.

        Raises InvalidConfiguration when somebody else works on it, or when its own place is not
        a folder.
        """
        # Not Path.resolve, which raises RuntimeError for a link that leads to itself.
        root = Path(os.path.realpath(path))
        root.mkdir(parents=True, exist_ok=True)
        own = root / OWN_FOLDER
        if own.is_symlink():
            raise InvalidConfiguration(f"{own} is a symbolic link, which sync does not follow")
        own.mkdir(exist_ok=True)
        with (own / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidConfiguration(f"Another sync is at work in {path}.") from None
            yield cls(root)

    def read(self, *, verify: bool) -> FollowedFiles:
        """What it holds; a change that was begun and interrupted is completed first."""
        lost: frozenset[str] = frozenset()
        if self._change.exists():
            lost = self._complete()
        if not self._state.exists():
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
        written = self._read_files() if self._files.exists() else {}
        found = frozenset(self._tree.walk(without=OWN_FOLDER))
        return found - written.keys()

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where something is: whether it is a file with that digest."""
        return {
            path: self._tree.holds(path, digest)
            for path, digest in wanted.items()
            if self._tree.is_occupied(path)
        }

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether the contents that are to be written there were fetched before."""
        place = self._place(path, digest)
        if not place.is_file():
            return False
        check = DigestCheck(digest)
        with place.open("rb") as file:
            while chunk := file.read(_CHUNK):
                check.update(chunk)
        return check.matches()

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""
        place = self._place(path, digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(".part")
        check = DigestCheck(digest)
        with partial.open("wb") as file:
            for chunk in chunks:
                check.update(chunk)
                file.write(chunk)
        if not check.matches():
            partial.unlink()
            raise IntegrityError(f"{path!r} does not have the SHA-256 that is promised")
        partial.replace(place)

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
        for path, digest in change.write.items():
            _date(self._place(path, digest), change.dates.get(path))
        # A run that completes the change relies on what is staged.
        settle(self._place(path, sha256) for path, sha256 in change.write.items())
        lines: list[Any] = [state.model_dump(mode="json")]
        lines += [["remove", path] for path in change.remove]
        lines += [
            ["write", path, digest, change.dates.get(path)] for path, digest in change.write.items()
        ]
        lines += [["date", path, date] for path, date in change.redated.items()]
        _write_lines(self._change, lines)
        self._complete()

    def _complete(self) -> frozenset[str]:
        """Makes the change that is written down. Answers what could not be written any more."""
        header, *operations = _read_lines(self._change)
        state = FolderState.model_validate(header)
        self._announce(state)
        written = self._read_files() if self._files.exists() else {}
        lost = set()
        for kind, path, *values in operations:
            if kind == "remove":
                self._tree.remove(path)
                written.pop(path, None)
            elif kind == "date":
                self._date(path, values[0], written)
            # Version 0.1 wrote no date down.
            elif not self._put(path, values[0], written, [*values, None][1]):
                lost.add(path)
        settle(self._tree.folders_above(path for _, path, *_ in operations))
        self._write_files(written)
        _write(self._state, state.to_bytes())
        self._change.unlink()
        shutil.rmtree(self._staging, ignore_errors=True)
        return frozenset(lost)

    def _announce(self, state: FolderState) -> None:
        """Tells readers that files are about to change."""
        if self._state.exists():
            applying = {"status": "applying", "next_generation": state.generation}
            _write(self._state, self._read_state().model_copy(update=applying).to_bytes())

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
        place = self._place(path, digest)
        is_there = place.is_file()
        if is_there:
            self._tree.place(place, path)
        else:
            # An interrupted change may have moved it already, or it was there before.
            is_there = self._tree.holds(path, digest)
            if is_there and date is not None:
                self._tree.date(path, date)
        look = self._tree.look(path) if is_there else None
        # What is not there looks damaged next time, and is fetched again.
        written[path] = (digest, look or Look(-1, -1))
        return look is not None

    def _place(self, path: str, digest: str) -> Path:
        name = hashlib.sha256(f"{path}\0{digest}".encode()).hexdigest()
        return self._staging / name[:2] / name

    def _read_state(self) -> FolderState:
        try:
            return FolderState.from_bytes(self._state.read_bytes())
        except (ValidationError, ValueError) as error:
            raise IntegrityError(_unreadable(self._state)) from error

    def _write_files(self, written: _Written) -> None:
        lines = (
            [path, digest, look.size, look.written_at]
            for path, (digest, look) in sorted(written.items())
        )
        _write_lines(self._files, lines)

    def _read_files(self) -> _Written:
        try:
            return {
                path: (digest, Look(size, written_at))
                for path, digest, size, written_at in _read_lines(self._files)
            }
        except (OSError, ValueError, TypeError) as error:
            raise IntegrityError(_unreadable(self._files)) from error


def _date(path: Path, seconds: int | None) -> None:
    """Gives what is staged its date; nothing is staged of what is in place already."""
    if seconds is not None and path.is_file():
        os.utime(path, (seconds, seconds))


def _unreadable(path: Path) -> str:
    return f"{path} cannot be read; sync into an empty folder instead"


def _read_lines(path: Path) -> list[Any]:
    with path.open("rb") as file:
        return [orjson.loads(line) for line in file]


def _write_lines(path: Path, lines: Iterable[Any]) -> None:
    _write(path, *(orjson.dumps(line) + b"\n" for line in lines))


def _write(path: Path, *pieces: bytes) -> None:
    """Writes a file whole, or leaves it as it was. It is stored when this returns."""
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    settle([path.parent])


class FollowingFolder(Protocol):
    """A folder that is kept equal to an export; `archives.digests` compares contents.

    Nothing outside of it is written, and no symbolic link below it is followed.
    """

    def read(self, *, verify: bool) -> FollowedFiles:
        """What it holds; a change that was begun and interrupted is completed first.

        With `verify` every file is read, without it only looked at.
        """

    def strangers(self) -> frozenset[str]:
        """Files below it that it did not write."""

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where something is: whether it is a file with that digest."""

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether the contents that are to be written there were fetched before."""

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
