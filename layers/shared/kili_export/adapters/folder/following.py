"""A folder on disk that follows an export, with its own place in `.kili-export`.

state.json      which generation the folder holds (`kili_export.contracts.folder_state`)
files.jsonl     the files that were written: path, SHA-256, size, time of writing
change.jsonl    a change that is being made; there only meanwhile
staging/        contents that were fetched and verified and are not in place yet
lock            held while somebody works on the folder

A change is written down before the first file changes. Whoever finds one completes it. What is
staged is on the disk before the change is written down, and what is in place before the state says
so: also after a loss of power the state tells the truth.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import orjson
from pydantic import ValidationError

from kili_export.adapters.folder.durable import settle
from kili_export.adapters.folder.tree import Look, Tree
from kili_export.contracts.folder_state import FolderState
from kili_export.domain.errors import IntegrityError, InvalidConfiguration
from kili_export.domain.syncing import OWN_FOLDER, FolderChange
from kili_export.ports import FollowedFiles

_Written = dict[str, tuple[str, Look]]
_CHUNK: Final = 1 << 20


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
        root = path.resolve()
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
        damaged = {
            path for path, (_, look) in written.items() if self._tree.look(path) != look
        } | lost
        files = {path: sha256 for path, (sha256, _) in written.items()}
        if verify:
            damaged |= {
                path
                for path, sha256 in files.items()
                if path not in damaged and self._tree.sha256(path) != sha256
            }
        return FollowedFiles(self._read_state(), files, frozenset(damaged))

    def strangers(self) -> frozenset[str]:
        """Files below it that it did not write."""
        written = self._read_files() if self._files.exists() else {}
        found = frozenset(self._tree.walk(without=OWN_FOLDER))
        return found - written.keys()

    def occupied(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Those of the paths where something is, with its SHA-256; empty if it is no file."""
        return {path: self._tree.sha256(path) for path in paths if self._tree.is_occupied(path)}

    def is_staged(self, path: str, sha256: str) -> bool:
        """Whether the contents that are to be written there were fetched before."""
        place = self._place(path, sha256)
        if not place.is_file():
            return False
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def stage(self, path: str, sha256: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""
        place = self._place(path, sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(".part")
        digest = hashlib.sha256()
        with partial.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != sha256:
            partial.unlink()
            raise IntegrityError(f"{path!r} has the SHA-256 {digest.hexdigest()}, not {sha256}")
        partial.replace(place)

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
        # Whoever completes the change takes for granted what is staged.
        settle(self._place(path, sha256) for path, sha256 in change.write.items())
        lines: list[Any] = [state.model_dump(mode="json")]
        lines += [["remove", path] for path in change.remove]
        lines += [["write", path, sha256] for path, sha256 in change.write.items()]
        _write_lines(self._change, lines)
        self._complete()

    def _complete(self) -> frozenset[str]:
        """Makes the change that is written down. Answers what could not be written any more."""
        header, *operations = _read_lines(self._change)
        state = FolderState.model_validate(header)
        self._announce(state)
        written = self._read_files() if self._files.exists() else {}
        lost = set()
        for kind, path, *sha256 in operations:
            if kind == "remove":
                self._tree.remove(path)
                written.pop(path, None)
            elif not self._put(path, sha256[0], written):
                lost.add(path)
        lines = [
            [path, sha256, look.size, look.written_at]
            for path, (sha256, look) in sorted(written.items())
        ]
        settle(self._tree.folders_above(path for _, path, *_ in operations))
        _write_lines(self._files, lines)
        _write(self._state, state.to_bytes())
        self._change.unlink()
        shutil.rmtree(self._staging, ignore_errors=True)
        return frozenset(lost)

    def _announce(self, state: FolderState) -> None:
        """Tells readers that files are about to change."""
        if self._state.exists():
            applying = {"status": "applying", "next_generation": state.generation}
            _write(self._state, self._read_state().model_copy(update=applying).to_bytes())

    def _put(self, path: str, sha256: str, written: _Written) -> bool:
        """Moves what was staged into place. Answers whether the contents are there now."""
        place = self._place(path, sha256)
        is_there = place.is_file()
        if is_there:
            self._tree.place(place, path)
        else:
            # An interrupted change may have moved it already, or it was there before.
            is_there = self._tree.sha256(path) == sha256
        look = self._tree.look(path) if is_there else None
        # What is not there looks damaged next time, and is fetched again.
        written[path] = (sha256, look or Look(-1, -1))
        return look is not None

    def _place(self, path: str, sha256: str) -> Path:
        name = hashlib.sha256(f"{path}\0{sha256}".encode()).hexdigest()
        return self._staging / name[:2] / name

    def _read_state(self) -> FolderState:
        try:
            return FolderState.from_bytes(self._state.read_bytes())
        except (ValidationError, ValueError) as error:
            raise IntegrityError(_unreadable(self._state)) from error

    def _read_files(self) -> _Written:
        try:
            return {
                path: (sha256, Look(size, written_at))
                for path, sha256, size, written_at in _read_lines(self._files)
            }
        except (OSError, ValueError, TypeError) as error:
            raise IntegrityError(_unreadable(self._files)) from error


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
