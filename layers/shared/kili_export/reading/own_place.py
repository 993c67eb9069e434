"""The folder's own place, `.kili-export`: its files, reached through its descriptor alone.

Nothing there is taken for what its name says. A link is not followed, a file that is no plain file
of this user is neither read nor written, and a file that is written is made new beside the former
one and replaces it: whatever somebody else put there, no file elsewhere changes.
"""

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import orjson

from kili_export.core.errors import InvalidConfiguration
from kili_export.core.file_paths import OWN_FOLDER
from kili_export.reading.durable_writes import settle
from kili_export.reading.folder_tree import FOLDER_FLAGS, ParentFolder, Tree, is_link

LOCK: Final = "lock"
"""Held while somebody works on the folder."""
_NOT_FOLLOWED: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_FOLLOWED


class OwnPlace:
    """Files by name, in an open folder that this user owns."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.tree = Tree(path, descriptor)
        self._descriptor = descriptor

    @classmethod
    @contextmanager
    def open(cls, root: Path, descriptor: int) -> Iterator[Self]:
        """The own place of a folder, which is made if need be. Nobody else works there meanwhile.

        Raises InvalidConfiguration when it is a link, no folder or another user's, or when
        somebody else is at work.
        """
        path = root / OWN_FOLDER
        with contextlib.suppress(FileExistsError):
            os.mkdir(OWN_FOLDER, dir_fd=descriptor)
        with _opened(OWN_FOLDER, FOLDER_FLAGS, descriptor, path) as own:
            _require_own(own, path, stat.S_ISDIR)
            lock = path / LOCK
            with _opened(LOCK, os.O_RDWR | os.O_CREAT | _NOT_FOLLOWED, own, lock) as locked:
                _require_own(locked, lock, stat.S_ISREG)
                try:
                    fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise InvalidConfiguration(f"Another sync is at work in {root}.") from None
                yield cls(path, own)

    def has(self, name: str) -> bool:
        """Whether anything is there under that name."""
        return self.tree.is_occupied(name)

    def read(self, name: str) -> bytes:
        """A file's contents. Raises OSError when there is none, InvalidConfiguration as above."""
        with self._reading(name) as file:
            return file.read()

    def read_lines(self, name: str) -> Iterator[Any]:
        """The lines of a file, each a JSON document, read as they are asked for.

        Raises ValueError besides.
        """
        with self._reading(name) as file:
            for line in file:
                yield orjson.loads(line)

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Writes a file whole, or leaves it as it was. It is stored when this returns."""
        partial = f"{Path(name).stem}.part"
        with self._making(partial, self._descriptor) as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        self._replace(partial, name, self._descriptor)
        settle([self.path])

    def write_lines(self, name: str, lines: Iterable[Any]) -> None:
        """Writes a file of JSON documents, each on a line."""
        self.write(name, (orjson.dumps(line) + b"\n" for line in lines))

    def remove(self, name: str) -> None:
        """Removes a file or a link."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def empty_out(self, name: str) -> None:
        """Removes a folder with all that is below it, and no link's target."""
        shutil.rmtree(name, dir_fd=self._descriptor, ignore_errors=True)

    @contextmanager
    def making(self, path: str) -> Iterator[BinaryIO]:
        """A file below it that appears when it is written, unless something is raised meanwhile."""
        with ParentFolder(self.tree, path, make=True) as parent:
            folder = parent.required
            partial = f"{parent.name}.part"
            try:
                with self._making(partial, folder) as file:
                    yield file
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(partial, dir_fd=folder)
                raise
            self._replace(partial, parent.name, folder)

    @contextmanager
    def _reading(self, name: str) -> Iterator[BinaryIO]:
        path = self.path / name
        with _opened(name, os.O_RDONLY | _NOT_FOLLOWED, self._descriptor, path) as descriptor:
            _require_own(descriptor, path, stat.S_ISREG)
            with os.fdopen(os.dup(descriptor), "rb") as file:
                yield file

    @staticmethod
    @contextmanager
    def _making(name: str, folder: int) -> Iterator[BinaryIO]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        with os.fdopen(os.open(name, _NEW, 0o666, dir_fd=folder), "wb") as file:
            yield file

    @staticmethod
    def _replace(name: str, other: str, folder: int) -> None:
        os.replace(name, other, src_dir_fd=folder, dst_dir_fd=folder)


@contextmanager
def _opened(name: str, flags: int, folder: int, path: Path) -> Iterator[int]:
    # What to say; that no link is followed is up to the flags.
    if is_link(name, folder):
        raise InvalidConfiguration(f"{path} is a symbolic link, which sync does not follow")
    descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _require_own(descriptor: int, path: Path, is_kind: Any) -> None:
    found = os.fstat(descriptor)
    if not is_kind(found.st_mode):
        raise InvalidConfiguration(f"{path} is not what sync makes there; move it away")
    if found.st_uid != os.geteuid():
        raise InvalidConfiguration(
            f"{path} belongs to another user (uid {found.st_uid}); run sync as that user, or take "
            "another folder"
        )
