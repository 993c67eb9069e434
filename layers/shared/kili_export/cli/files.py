"""Files that commands read and write, and what is said when that fails."""

import errno
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from kili_export.cli.streams import standard_output_errors
from kili_export.core.errors import ExportError, InvalidConfiguration

STANDARD = "-"
"""Names standard input or standard output."""

_WRONG_PATH = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENXIO,
        errno.EPERM,
        errno.EROFS,
    }
)


class FileFailed(ExportError):
    """A file cannot be read or written although its path may be right, as on a full disk."""


def file_error(error: OSError, path: object = None, verb: str = "used") -> ExportError:
    """What to raise for a failure of the file system: InvalidConfiguration for a wrong path.

    `path` is what the user gave; without it the message has what the system tells.
    """
    kind = InvalidConfiguration if error.errno in _WRONG_PATH else FileFailed
    named = error.filename if path is None else path
    reason = error.strerror or str(error)
    return kind(f"{named} cannot be {verb}: {reason}." if named is not None else f"{reason}.")


@contextmanager
def using(path: object, verb: str = "used") -> Iterator[None]:
    """Raises `file_error` about this path for whatever the file system refuses."""
    try:
        yield
    except OSError as error:
        raise file_error(error, path, verb) from error


def check_target(name: str) -> None:
    """Raises InvalidConfiguration when `whole_file` could not make this file, before any work."""
    if name == STANDARD:
        if sys.stdout.isatty():
            raise InvalidConfiguration(
                "An archive is not for a terminal: name a file, or lead the output elsewhere."
            )
        return
    path = Path(name)
    with using(name, "written"):
        if path.is_dir():
            raise InvalidConfiguration(f"{name} is a directory; name a file in it.")
        if not path.parent.is_dir():
            raise InvalidConfiguration(f"{path.parent} is not a directory.")


@contextmanager
def whole_file(name: str) -> Iterator[BinaryIO]:
    """A file to write, which has this name in the end, whole, or is as it was before.

    Standard output, devices and pipes get everything in the end. Raises InvalidConfiguration or
    FileFailed when it cannot be written.
    """
    check_target(name)
    path = Path(name)
    if name == STANDARD or (path.exists() and not path.is_file()):
        with _into_stream(name) as file:
            yield file
        return
    part = path.with_name(f".{uuid.uuid4().hex[:16]}.part")
    with using(name, "written"):
        try:
            with part.open("x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def _into_stream(name: str) -> Iterator[BinaryIO]:
    with TemporaryFile() as held:
        yield cast("BinaryIO", held)
        held.seek(0)
        if name == STANDARD:
            with standard_output_errors(raise_if_unread=True):
                copyfileobj(held, sys.stdout.buffer)
                sys.stdout.buffer.flush()
            return
        with using(name, "written"), Path(name).open("wb") as file:
            copyfileobj(held, file)
