"""Accepted work, on disk before anybody is told that it was accepted.

The change marks live in a server that keeps them in memory. The journal is what a 202 rests on
until the marks of an entry's project were cleared by a run that published them.
"""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted request: a webhook's body, or a run that a person asked for."""

    project_id: str
    kind: Literal["webhook", "run", "full"]
    body: str = ""


class Journal:
    """A file of JSON lines. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_suffix(".lock")
        self._threads = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._exclusive():
            self._mend()

    def append(self, entry: Entry) -> None:
        """Writes the entry and waits until the disk has it. Raises OSError when it cannot."""
        line = json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n"
        with self._exclusive(), self._path.open("ab") as file:
            size = file.tell()
            try:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                # Half a line must not swallow the next entry.
                os.truncate(self._path, size)
                raise

    def entries(self) -> list[Entry]:
        """Everything that is written, oldest first."""
        with self._exclusive():
            return list(self._read())

    def projects(self) -> set[str]:
        """The projects that have entries."""
        return {entry.project_id for entry in self.entries()}

    def trim(self, is_pending: Callable[[str], bool]) -> int:
        """Drops the entries of every project that has nothing pending. Answers how many.

        An entry is written after its mark, and `is_pending` is asked after the entries were read:
        where nothing is pending then, every mark of these entries has been published.
        """
        seen = self.entries()
        settled = {
            project for project in {one.project_id for one in seen} if not is_pending(project)
        }
        if not settled:
            return 0
        with self._exclusive():
            now = list(self._read())
            # Entries that came meanwhile follow those that were seen.
            kept = [one for one in now[: len(seen)] if one.project_id not in settled]
            self._rewrite(kept + now[len(seen) :])
        return len(seen) - len(kept)

    def _read(self) -> Iterator[Entry]:
        with self._path.open("rb") as file:
            for line in file:
                yield Entry(**json.loads(line))

    def _mend(self) -> None:
        """Removes a last line that a crash cut short: nobody was told that it was accepted."""
        self._path.touch(mode=0o600)
        text = self._path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            os.truncate(self._path, whole)

    def _rewrite(self, entries: list[Entry]) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for entry in entries:
                file.write(json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        # The lock has a file of its own, because trimming replaces the journal's.
        with self._threads, self._lock_path.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
