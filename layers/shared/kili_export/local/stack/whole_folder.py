"""A folder that has its name when it is whole, and a copy of files with their digests."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Self

from kili_export.cli.files import using
from kili_export.core.document import Document
from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.local.stack.private_files import FILE_MODE, FOLDER_MODE, make_private
from kili_export.machine.durability import sync_files

_CHUNK: Final = 1024 * 1024


class CopiedFile(Document):
    """Its length in bytes, and its SHA-256 in hexadecimal digits."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Reads it of a file."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(bytes=file.tell(), sha256=digest.hexdigest())


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, for its owner alone, which has this name and is on disk at the end.

    Nothing of it is left when the block fails. Raises InvalidConfiguration when there is anything
    of this name, or FileFailed when it cannot be made.
    """
    if os.path.lexists(path):
        raise InvalidConfiguration(f"{path} exists already; give another name.")
    part = path.with_name(f".{path.name}.partial-{uuid.uuid4().hex[:8]}")
    with using(path, "written"):
        part.mkdir(mode=FOLDER_MODE)
    try:
        yield part
        make_private(part)
        sync_files(part)
        with using(path, "written"):
            part.rename(path)
        sync_files(path.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def copy_file(source: BinaryIO, target: Path, length: int | None = None) -> CopiedFile:
    """Copies a file from where it is read, up to its end or `length` bytes.

    Raises FileFailed when the target cannot be written, Unavailable when the source is shorter.
    """
    digest = hashlib.sha256()
    copied = 0
    with using(target, "written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := source.read(_next(copied, length)):
                file.write(chunk)
                digest.update(chunk)
                copied += len(chunk)
    if length is not None and copied < length:
        raise Unavailable(f"{source.name} became shorter while it was copied; try again")
    return CopiedFile(bytes=copied, sha256=digest.hexdigest())


def _next(copied: int, length: int | None) -> int:
    return _CHUNK if length is None else min(_CHUNK, length - copied)
