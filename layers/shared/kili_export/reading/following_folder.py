"""A folder that is kept equal to an export (a port), and what it holds.

`archives.digests` compares contents.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kili_export.reading.folder_change import FileStep, FolderChange
from kili_export.reading.folder_state import FolderState


@dataclass(frozen=True, slots=True)
class FollowedFile:
    """A file that sync wrote.

    `date` is in seconds since 1970, None where files have none. `is_damaged`: it is gone, or not
    any more what was written.
    """

    digest: str
    date: float | None = None
    is_damaged: bool = False


def _no_files() -> Iterator[tuple[bytes, FollowedFile]]:
    return iter(())


@dataclass(frozen=True, slots=True)
class FollowedFiles:
    """What a folder holds: its state (None before the first time) and its files.

    `files` reads them again with each call, ascending by the UTF-8 bytes of their paths, until
    the folder is changed. `count` is how many they are, `is_damaged` whether any is.
    """

    state: FolderState | None
    count: int = 0
    is_damaged: bool = False
    files: Callable[[], Iterator[tuple[bytes, FollowedFile]]] = _no_files


@dataclass(frozen=True, slots=True)
class Met:
    """A file `name` is where one shall be written at `path`, or above or below that.

    `is_same`: it is at the path, and holds what is to be written.
    """

    path: str
    name: str
    is_same: bool


class FollowingFolder(Protocol):
    """Nothing outside of it is written, and no symbolic link below it is followed."""

    def read(self, *, verify: bool) -> FollowedFiles:
        """What it holds; a change that was begun and interrupted is completed first.

        With `verify` every file is read, without it only looked at.
        """

    def is_foreign(self) -> bool:
        """Whether it holds something, and never followed an export."""

    def present(self) -> Iterator[str]:
        """Every file below it, but for those of its own place, in no order."""

    def folds_names(self) -> bool:
        """Whether its file system takes names for one that differ in case alone."""

    def met(self, wanted: Iterable[tuple[str, str]]) -> Iterator[Met]:
        """What is where files shall be, which come by path, each with its digest."""

    def begin(self, change: FolderChange, state: FolderState) -> None:
        """Announces a change, before the first of its files is staged."""

    def staged(self, steps: Sequence[FileStep]) -> frozenset[str]:
        """The paths of those files to write whose contents were fetched before."""

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
