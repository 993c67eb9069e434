"""Lets one process at a time work in a folder of its own."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidConfiguration(
                f"Another export works in {folder}; wait for its end, or name another directory."
            ) from None
        yield
