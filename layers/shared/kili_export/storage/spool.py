"""Bytes that are more than memory should hold: kept in a file that has no name."""

import os
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_IN_MEMORY: Final = 1 << 20


class Spool:
    """Bytes that are written one after another, and read in slices.

    Up to a MiB is in memory. The file beyond that is unlinked as soon as it is made: it goes
    with the last who refers to the spool, and a crash leaves nothing. May be read by many
    threads once all is written. Raises OSError when the disk is full.
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._tail = bytearray()
        self._flushed = 0
        self._file: int | None = None

    def __len__(self) -> int:
        return self._flushed + len(self._tail)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Appends."""
        self._tail += data
        if len(self._tail) > self._in_memory:
            self._flush()

    def overwrite(self, start: int, data: bytes) -> None:
        """Replaces bytes that are there."""
        if start + len(data) > len(self):
            raise ValueError("only bytes that are there can be replaced")
        if self._file is not None:
            self._flush()
            _write_all(self._file, start, data)
        else:
            self._tail[start : start + len(data)] = data

    def __getitem__(self, span: slice, /) -> bytes:
        start, stop, step = span.indices(len(self))
        if step != 1:
            raise ValueError("a spool is read forwards, byte by byte")
        if self._file is None:
            return bytes(self._tail[start:stop])
        kept = _read_all(self._file, start, min(stop, self._flushed))
        if stop > self._flushed:
            kept += self._tail[max(0, start - self._flushed) : stop - self._flushed]
        return kept

    def _flush(self) -> None:
        if self._file is None:
            self._file = _unnamed_file()
            weakref.finalize(self, os.close, self._file)
        _write_all(self._file, self._flushed, self._tail)
        self._flushed += len(self._tail)
        self._tail.clear()


def hold_in_spool(chunks: Iterable[bytes | bytearray]) -> Spool:
    """Keeps chunks, one after another."""
    spool = Spool()
    for chunk in chunks:
        spool.write(chunk)
    return spool


def _unnamed_file() -> int:
    number, path = tempfile.mkstemp(prefix="kili-export-")
    Path(path).unlink()
    return number


def _write_all(file: int, start: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, start)
        view, start = view[written:], start + written


def _read_all(file: int, start: int, stop: int) -> bytes:
    chunks = []
    while start < stop:
        chunk = os.pread(file, stop - start, start)
        if not chunk:
            raise OSError(f"a temporary file ends at {start}, not at {stop}")
        chunks.append(chunk)
        start += len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
