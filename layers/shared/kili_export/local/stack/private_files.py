"""Files and folders that their owner alone can read."""

import os
import tempfile
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
UMASK: Final = 0o077
"""Lets a process make no file that anybody else can read."""


def write_private(path: Path, contents: bytes) -> None:
    """Writes a file for its owner alone; it is on disk, whole, when this returns."""
    # Nobody can guess the name, and nothing that lies there already is followed or written to.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make_private(folder: Path) -> None:
    """Takes the rights of others to a folder and all that is in it.

    Links are left alone: they lead elsewhere. Raises OSError.
    """
    folder.chmod(FOLDER_MODE)
    for parent, folders, files in os.walk(folder):
        for name in folders:
            _restrict(Path(parent, name), FOLDER_MODE)
        for name in files:
            _restrict(Path(parent, name), FILE_MODE)


def _restrict(path: Path, mode: int) -> None:
    if not path.is_symlink():
        path.chmod(mode)
