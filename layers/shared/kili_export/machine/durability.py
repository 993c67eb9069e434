"""Makes sure that a power cut takes nothing of what was written so far."""

import ctypes
import os
from pathlib import Path

from kili_export.core.errors import Unavailable


def sync_files(folder: Path) -> None:
    """Returns when everything that was written to the folder's file system is on its disk.

    By anybody: the object store's server writes its files without waiting for the disk. Raises
    Unavailable when that failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _sync_file_system(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written to disk: {error.strerror}") from error


def _sync_file_system(descriptor: int) -> None:
    # Linux alone has a call for one file system.
    sync_one = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if sync_one is None:
        os.sync()
    elif sync_one(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
