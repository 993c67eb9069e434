"""Opens one file of an archive for reading, by ranges of the archive."""

import io
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, Final, cast

from kili_export.archives.entry_contents import iter_contents
from kili_export.reading.published_files import PublishedFile
from kili_export.splicing.entry_record import STORED

_HELD_BYTES: Final = 8 << 20
_BUFFER_BYTES: Final = 1 << 20

Guard = Callable[[], AbstractContextManager[None]]
"""What every later read of an open file is done within."""


def open_file(file: PublishedFile, guard: Guard) -> BinaryIO:
    """The file, opened for reading bytes from anywhere.

    Up to 8 MiB it is read and checked at once. A larger one is read range by range, without a
    check, where it is stored as it is, like media; else it is unpacked into a temporary file.
    """
    if file.size <= _HELD_BYTES >= file.record.local_length:
        return io.BytesIO(file.archive.read(file.record))
    if file.record.method == STORED:
        ranges = cast("io.RawIOBase", _RangesOfArchive(file, guard))
        return io.BufferedReader(ranges, _BUFFER_BYTES)
    unpacked = cast(
        "BinaryIO",
        tempfile.TemporaryFile(prefix="kili-export-"),  # noqa: SIM115 the caller closes it
    )
    try:
        for _, chunks in iter_contents(file.archive, (file.record,)):
            unpacked.writelines(chunks)
    except BaseException:
        unpacked.close()
        raise
    unpacked.seek(0)
    return unpacked


class _RangesOfArchive(io.RawIOBase):
    """A file that is stored as it is, within an archive."""

    def __init__(self, file: PublishedFile, guard: Guard) -> None:
        super().__init__()
        self._file, self._guard = file, guard
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if begin + offset < 0:
            raise ValueError(f"a file has no position {begin + offset}")
        self._at = begin + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        length = max(0, min(len(buffer), self._file.size - self._at))
        with self._guard():
            start = self._file.record.payload_start + self._at
            buffer[:length] = self._file.archive.bytes_at(start, length)
        self._at += length
        return length
