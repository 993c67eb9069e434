"""Which folders may follow an export: not those that a slip of the pen names."""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from kili_export.core.errors import InvalidConfiguration


def checked_root(path: str) -> Path:
    """The folder that was named, with all links in its path followed.

    Raises InvalidConfiguration for an empty path, which an unset variable gives, and for folders
    that hold more than a dataset: the root, the home directory, the working directory's parents.
    """
    if not path.strip():
        raise InvalidConfiguration("The directory is an empty text: is a variable unset?")
    # Not Path.resolve, which raises RuntimeError for a link that leads to itself.
    root = Path(os.path.realpath(path))
    for kept, what in _kept():
        if root == kept or root in kept.parents:
            raise InvalidConfiguration(
                f"{path!r} is {what}, or above it: take a folder for this export alone."
            )
    above = Path(os.path.realpath(".")).parents
    if root in above:
        raise InvalidConfiguration(
            f"{path!r} is above the working directory: take a folder for this export alone."
        )
    return root


def _kept() -> Iterator[tuple[Path, str]]:
    """Folders that neither they nor what is above them are taken."""
    yield Path("/"), "the root of the file system"
    homes = [os.environ.get("HOME", "")]
    # A container's user may have no entry.
    with contextlib.suppress(KeyError):
        homes.append(pwd.getpwuid(os.geteuid()).pw_dir)
    for home in filter(None, homes):
        yield Path(os.path.realpath(home)), "your home directory"
