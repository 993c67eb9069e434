"""Lets one process at a time work in a folder of its own."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from kili_export.core.errors import InvalidConfiguration

_LOCK: Final = "export.lock"


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Makes the folder if it is missing, and holds it until the end, however the process ends.

    Raises InvalidConfiguration when another process holds it, when it holds files of somebody
    else, or when it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = {one.name for one in folder.iterdir()}
        if names and _LOCK not in names:
            raise InvalidConfiguration(
                f"{folder} is not empty, and no export works in it; name an empty directory."
            )
        lock = (folder / _LOCK).open("ab")
    except OSError as error:
        raise InvalidConfiguration(f"{folder} cannot be used: {error.strerror}.") from error
    with lock:
        if not _is_taken(lock, folder / _LOCK):
            raise InvalidConfiguration(
                f"Another export works in {folder}; wait for its end, or name another directory."
            )
        yield


def remove_owned(folder: Path) -> None:
    """Removes a folder that is held. A crash within leaves one that the next owner can take.

    The database goes first, so that it names no file that is gone, and the lock last.
    """
    entries = (one for one in folder.iterdir() if one.name != _LOCK)
    for one in sorted(entries, key=lambda one: (one.is_dir(), one.name)):
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink()
    (folder / _LOCK).unlink()
    folder.rmdir()


def _is_taken(lock: BinaryIO, path: Path) -> bool:
    """Takes the lock, unless another holds it, or its last owner has removed it meanwhile."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
