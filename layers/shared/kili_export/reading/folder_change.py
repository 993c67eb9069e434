"""What makes a folder hold an export, file by file, and which paths may be written.

The journal of a change is in `folder.py`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from kili_export.core.errors import IntegrityError
from kili_export.core.file_paths import OWN_FOLDER
from kili_export.splicing.entry_record import Record
from kili_export.storage.external_sort import SpooledItems

_UNSAFE: Final = re.compile(r"[\x00-\x1f\\]|(?:\A|/)\.{0,2}(?:/|\Z)")
"""A control character, a backslash, or a part that is empty, `.` or `..`."""
StepKind = Literal["write", "remove", "date"]


@dataclass(frozen=True, slots=True)
class FileStep:
    """A file to write, to remove, or to give another date only.

    `digest` is that of the contents to write. `date` is in seconds since 1970 (UTC), None where it
    is not known. `is_ours`: sync wrote a file there before, which `is_damaged` when it is not that
    any more. `place` says where the contents stand: the number of an archive and an entry of it.
    """

    kind: StepKind
    path: str
    digest: str = ""
    date: int | None = None
    is_ours: bool = False
    is_damaged: bool = False
    place: tuple[int, Record] | None = None

    def to_bytes(self) -> bytes:
        """As it is kept outside of memory."""
        place = None
        if self.place is not None:
            archive, one = self.place
            sizes = (one.crc32, one.size, one.compressed_size)
            place = (archive, *sizes, one.method, one.offset, one.local_length, one.modified)
        return orjson.dumps(
            (self.kind, self.path, self.digest, self.date, self.is_ours, self.is_damaged, place)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "FileStep":
        """Reads what `to_bytes` gave."""
        kind, path, digest, date, is_ours, is_damaged, place = orjson.loads(data)
        found = None if place is None else (place[0], Record(path, "", *place[1:]))
        return cls(kind, path, digest, date, is_ours, is_damaged, found)


class FolderChange:
    """The steps of a change by path: no more of them is in memory than is read at once."""

    def __init__(self) -> None:
        self._steps = SpooledItems()
        self._counts: Counter[StepKind] = Counter()

    def add(self, step: FileStep) -> None:
        """Appends one; its path is behind that of the last one."""
        self._steps.add(step.to_bytes())
        self._counts[step.kind] += 1

    def count(self, kind: StepKind) -> int:
        """How many files are written, removed, or dated only."""
        return self._counts[kind]

    def steps(self, *kinds: StepKind) -> Iterator[FileStep]:
        """Those of some kinds, or all of them, by path."""
        for step in map(FileStep.from_bytes, self._steps):
            if not kinds or step.kind in kinds:
                yield step

    def paths(self, kind: StepKind) -> Iterator[str]:
        """The files that are written, removed, or dated only."""
        return (step.path for step in self.steps(kind))

    def __bool__(self) -> bool:
        return self._counts.total() > 0


def checked_path(path: str) -> str:
    """The path of a file of an archive, if it may be written below a folder.

    Archives are written with safe paths; this does not rely on it. Raises IntegrityError.
    """
    if _UNSAFE.search(path) or path.partition("/")[0].casefold() == OWN_FOLDER:
        raise IntegrityError(f"the archive has a file {path[:200]!r}, which must not be written")
    return path
