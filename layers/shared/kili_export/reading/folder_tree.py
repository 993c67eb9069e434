"""Files below one folder, reached without following any symbolic link (POSIX)."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final

from kili_export.archives.digests import DigestCheck
from kili_export.core.errors import InvalidConfiguration

_CHUNK: Final = 1 << 20
_SHOWN: Final = "backslashreplace"
FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a file tells: its size in bytes and when it was written, in nanoseconds."""

    size: int
    written_at: int


class Tree:
    """The files below an open folder, by relative paths with `/`. `root` is where it is."""

    def __init__(self, root: Path, descriptor: int) -> None:
        self.root = root
        self.descriptor = descriptor

    def look(self, path: str) -> Look | None:
        """A regular file as it is, None when there is none at that path."""
        return next(self.looks((path,)))

    def looks(self, paths: Iterable[str]) -> Iterator[Look | None]:
        """`look` for each: of neighbours in one folder, the folder is opened once."""
        for _, together in groupby(paths, key=_folder_of):
            some = iter(together)
            first = next(some)
            with ParentFolder(self, first) as parent:
                yield parent.look()
                for path in some:
                    yield parent.look(path.rpartition("/")[2])

    def is_occupied(self, path: str) -> bool:
        """Whether anything is at the path, or something that is no folder is above it."""
        with ParentFolder(self, path) as parent:
            return parent.blocked_by is not None or parent.stat() is not None

    def in_place_of(self, path: str) -> Iterator[str]:
        """What has to go before a file can be at the path: what is there, above, or below.

        Folders that hold no file need not go. Bytes of names that are no UTF-8 are written as
        hexadecimal digits.
        """
        with ParentFolder(self, path) as parent:
            found = parent.stat()
        if parent.blocked_by is not None:
            yield parent.blocked_by
        elif found is not None and not stat.S_ISDIR(found.st_mode):
            yield path
        elif found is not None:
            with ParentFolder(self, f"{path}/.") as inside:
                for name in Tree(self.root / path, inside.required).walk():
                    yield f"{path}/{os.fsencode(name).decode(errors=_SHOWN)}"

    def holds(self, path: str, digest: str) -> bool:
        """Whether a regular file with that digest is at the path."""
        if self.look(path) is None:
            return False
        check = DigestCheck(digest)
        with ParentFolder(self, path) as parent:
            opened = os.open(
                parent.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent.descriptor
            )
            with os.fdopen(opened, "rb") as file:
                while chunk := file.read(_CHUNK):
                    check.update(chunk)
        return check.matches()

    def place(self, source: "Tree", source_path: str, path: str) -> None:
        """Moves a file of another tree there, at once, in place of what is there.

        Both are on one file system. Raises InvalidConfiguration when something else than a file is
        in the way.
        """
        target = ParentFolder(self, path, make=True)
        with target as parent, ParentFolder(source, source_path) as begun:
            try:
                _move(begun, parent)
            except IsADirectoryError:
                self._make_room(path)
                _move(begun, parent)

    def date(self, path: str, seconds: int) -> None:
        """Gives a regular file that time of modification, in seconds since 1970."""
        if self.look(path) is None:
            return
        with ParentFolder(self, path) as parent:
            os.utime(
                parent.name,
                (seconds, seconds),
                dir_fd=parent.descriptor,
                follow_symlinks=False,
            )

    def remove(self, path: str) -> None:
        """Removes a file or a link, and folders that become empty by it."""
        with ParentFolder(self, path) as parent:
            if parent.descriptor is None:
                return
            try:
                os.unlink(parent.name, dir_fd=parent.descriptor)
            except FileNotFoundError:
                return
            except (IsADirectoryError, PermissionError):
                if self.look(path) is not None:
                    raise
                return
        folder = Path(path).parent
        while folder.parts and self._remove_folder(str(folder)):
            folder = folder.parent

    def folders_above(self, paths: Iterable[str]) -> Iterator[Path]:
        """The folders that paths are in, up to the root, each once."""
        seen: set[PurePosixPath] = set()
        for path in paths:
            for folder in PurePosixPath(path).parents:
                if folder in seen:
                    break
                seen.add(folder)
                yield self.root / folder

    def walk(self, *, without: str = "") -> Iterator[str]:
        """Every file and link, except below the folder `without`."""
        for folder, folders, files, descriptor in os.fwalk(".", dir_fd=self.descriptor):
            base = PurePosixPath(folder)
            if not base.parts:
                folders[:] = [name for name in folders if name != without]
            links = [name for name in folders if is_link(name, descriptor)]
            yield from ((base / name).as_posix() for name in (*files, *links))

    def _make_room(self, path: str) -> None:
        with ParentFolder(self, f"{path}/.") as inside:
            for folder, folders, _, above in os.fwalk(".", topdown=False, dir_fd=inside.required):
                del folder
                for name in folders:
                    _remove_empty(name, above)
        if not self._remove_folder(path):
            raise InvalidConfiguration(
                f"{path} has to become a file, and is a folder that is not empty; move it away"
            )

    def _remove_folder(self, path: str) -> bool:
        with ParentFolder(self, path) as parent:
            return parent.descriptor is not None and _remove_empty(parent.name, parent.descriptor)


class ParentFolder:
    """The folder that a path is in, held open. `descriptor` is None when it is not there.

    `blocked_by` is the path of what stands where a folder has to be, if anything does. With `make`
    the folder is made; raises InvalidConfiguration where something stands.
    """

    def __init__(self, tree: Tree, path: str, *, make: bool = False) -> None:
        *self._folders, self.name = path.split("/")
        self._tree, self._path, self._make = tree, path, make
        self.descriptor: int | None = None
        self.blocked_by: str | None = None

    def __enter__(self) -> "ParentFolder":
        current: int | None = os.open(".", FOLDER_FLAGS, dir_fd=self._tree.descriptor)
        for number, name in enumerate(self._folders, 1):
            if current is None:
                break
            following = self._step(current, name, number)
            os.close(current)
            current = following
        self.descriptor = current
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    @property
    def required(self) -> int:
        """The descriptor. Raises FileNotFoundError when the folder is not there."""
        if self.descriptor is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._path)
        return self.descriptor

    def stat(self, name: str = "") -> os.stat_result | None:
        """What is at the path, or under another name in that folder; None when nothing is."""
        if self.descriptor is None:
            return None
        try:
            return os.stat(name or self.name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def look(self, name: str = "") -> Look | None:
        """The regular file there, None when there is none."""
        found = self.stat(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return Look(found.st_size, found.st_mtime_ns)

    def _step(self, current: int, name: str, number: int) -> int | None:
        if self._make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=current)
        try:
            return os.open(name, FOLDER_FLAGS, dir_fd=current)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
                raise
            self.blocked_by = "/".join(self._folders[:number])
            if not self._make:
                return None
            os.close(current)
            raise InvalidConfiguration(
                f"{self._path}: {name!r} is not a folder (links are not followed); move it away"
            ) from error


def _remove_empty(name: str, folder: int) -> bool:
    """Removes a folder in an open one. Answers whether it was there, and empty."""
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR}:
            return False
        raise
    return True


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _move(source: ParentFolder, target: ParentFolder) -> None:
    os.replace(source.name, target.name, src_dir_fd=source.required, dst_dir_fd=target.required)


def is_link(name: str, folder: int) -> bool:
    """Whether a symbolic link is there in an open folder."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
