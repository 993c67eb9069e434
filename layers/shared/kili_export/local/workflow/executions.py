"""What is kept of executions: one JSON file each, and one of lines for each map run.

The files are for looking at, and so that a name that was used stays used; no execution goes on
from them.
"""

import glob
import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote

_LOGGER = logging.getLogger(__name__)

Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@dataclass
class Execution:
    """One execution, as the API describes it and with the states that it has entered.

    Times are aware. `states` are (name, time) of the outermost states; `map_runs` one summary for
    each Distributed Map that was entered.
    """

    arn: str
    name: str
    input: Any
    started: datetime
    status: Status = "RUNNING"
    stopped: datetime | None = None
    output: Any = None
    error: str | None = None
    cause: str | None = None
    states: list[tuple[str, str]] = field(default_factory=list)
    map_runs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        stopped = None if self.stopped is None else self.stopped.isoformat()
        return {**asdict(self), "started": self.started.isoformat(), "stopped": stopped}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Reads the stored form. Raises KeyError, TypeError or ValueError."""
        stopped = stored["stopped"]
        times = {
            "started": datetime.fromisoformat(stored["started"]),
            "stopped": None if stopped is None else datetime.fromisoformat(stopped),
            "states": [(name, time) for name, time in stored["states"]],
        }
        return cls(**{**stored, **times})


class ExecutionStore:
    """The folder in which executions are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, execution: Execution) -> None:
        """Writes an execution so that a reader sees either the old or the new one.

        Raises OSError when it cannot be written; the old one is there then.
        """
        path = self._path(execution.name)
        scratch = path.with_suffix(f".{threading.get_ident()}.tmp")
        text = json.dumps(execution.to_json(), indent=1)
        with self._lock:
            try:
                scratch.write_text(text, encoding="utf-8")
                scratch.replace(path)
            except OSError:
                scratch.unlink(missing_ok=True)
                raise

    def load(self) -> Iterator[Execution]:
        """All executions, in no particular order. A file that cannot be read is put aside."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield Execution.from_json(json.loads(path.read_text(encoding="utf-8")))
            except (KeyError, TypeError, ValueError) as error:
                _LOGGER.warning("%s is no stored execution and was put aside: %s", path, error)
                path.replace(path.with_suffix(".unreadable"))

    def append_item(self, name: str, map_run: str, item: dict[str, Any]) -> None:
        """Adds what became of a child to its map run."""
        with self._lock, self._items_path(name, map_run).open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                # After a full disk the last line may have no end.
                file.write(b"" if file.read() == b"\n" else b"\n")
            file.write(json.dumps(item).encode() + b"\n")

    def items(self, name: str, map_run: str) -> list[dict[str, Any]]:
        """What became of the children of a map run, in the order in which they ended.

        Lines that cannot be read are left out, and logged.
        """
        path = self._items_path(name, map_run)
        if not path.exists():
            return []
        # A line without its end was being written when the machine stopped.
        lines = path.read_bytes().split(b"\n")[:-1]
        return [item for line in lines if (item := self._item(path, line)) is not None]

    def texts(self, name: str) -> Iterator[bytes]:
        """All that is stored of an execution: its own file and those of its map runs."""
        for path in self._files(name):
            yield path.read_bytes()

    def forget(self, name: str) -> None:
        """Removes all that is stored of an execution."""
        for path in self._files(name):
            path.unlink(missing_ok=True)

    def _files(self, name: str) -> list[Path]:
        path = self._path(name)
        return [path, *self._folder.glob(f"{glob.escape(path.stem)}.*.jsonl")]

    def _item(self, path: Path, line: bytes) -> dict[str, Any] | None:
        try:
            item: dict[str, Any] = json.loads(line)
        except ValueError as error:
            _LOGGER.warning("A line of %s was left out, it cannot be read: %s", path, error)
            return None
        return item

    def _path(self, name: str) -> Path:
        # The digest keeps apart what quoting, or a file system that folds case, would not.
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return self._folder / f"{quote(name, safe='')[:100]}.{digest}.json"

    def _items_path(self, name: str, map_run: str) -> Path:
        return self._path(name).with_suffix(f".{map_run.rpartition(':')[2]}.jsonl")
