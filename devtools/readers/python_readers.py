"""Readers that run in this process: Python's zipfile, and one that only reads forwards."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from devtools.readers.listing import Found, Listing, ReaderFailed, found_in

_HEADER: Final = struct.Struct("<4s5H3I2H")
_ZIP64_SIZES: Final = struct.Struct("<HHQQ")
_ZIP64_MARK: Final = 0xFFFF_FFFF
_DATA_DESCRIPTOR: Final = 8
_LOCAL: Final = b"PK\x03\x04"
_AFTER_FILES: Final = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")
_CHUNK: Final = 1 << 20
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    UnicodeDecodeError,
)
"""What zipfile raises for archives that are not sound."""


def with_zipfile(archive: Path, folder: Path) -> Listing:
    """Python's zipfile."""
    del folder
    listing: dict[str, Found] = {}
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                if entry.filename in listing:
                    raise ReaderFailed(f"it finds {entry.filename!r} twice")
                with opened.open(entry) as file:
                    listing[entry.filename] = found_in(file)
    except _BROKEN as error:
        raise ReaderFailed(f"{type(error).__name__}: {error}") from error
    return listing


def forwards(archive: Path, folder: Path) -> Listing:
    """The same as `read_forwards`, of a file."""
    del folder
    with archive.open("rb") as stream:
        return read_forwards(stream)


def read_forwards(stream: IO[bytes]) -> Listing:
    """What a reader finds that sees each byte once, by the local headers alone.

    Every byte up to the directory must belong to a file, and every checksum must be right.
    """
    listing: dict[str, Found] = {}
    while (start := stream.read(_HEADER.size))[:4] == _LOCAL:
        name, entry = _entry(stream, start)
        if name in listing:
            raise ReaderFailed(f"it finds {name!r} twice")
        listing[name] = entry
    if start[:4] not in _AFTER_FILES:
        raise ReaderFailed("it finds neither a file nor the directory after the last file")
    return listing


def _entry(stream: IO[bytes], start: bytes) -> tuple[str, Found]:
    if len(start) < _HEADER.size:
        raise ReaderFailed("a local header is cut off")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(start)
    raw_name, extra = stream.read(name_length), stream.read(extra_length)
    if packed == size == _ZIP64_MARK:
        _, _, size, packed = _ZIP64_SIZES.unpack_from(extra)
    contents = _Contents(stream, method, packed)
    try:
        name = raw_name.decode()
        entry = found_in(contents)  # type: ignore[arg-type]
    except (zlib.error, UnicodeDecodeError) as error:
        raise ReaderFailed(f"it stumbles over {raw_name!r}: {error}") from error
    if flags & _DATA_DESCRIPTOR or entry.size != size or contents.crc32 != crc:
        raise ReaderFailed(f"it stumbles over {name!r}")
    return name, entry


class _Contents:
    """The contents of the file that a stream is at, and their checksum so far."""

    def __init__(self, stream: IO[bytes], method: int, packed: int) -> None:
        self.crc32 = 0
        self._chunks = self._unpacked(stream, method, packed)

    def read(self, size: int) -> bytes:
        """Some more of them, however many; none at the end."""
        del size
        data = next(self._chunks, b"")
        self.crc32 = zlib.crc32(data, self.crc32)
        return data

    @staticmethod
    def _unpacked(stream: IO[bytes], method: int, packed: int) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS) if method else None
        while packed and (chunk := stream.read(min(packed, _CHUNK))):
            packed -= len(chunk)
            data = unpacker.decompress(chunk) if unpacker else chunk
            if data:
                yield data
        if unpacker and not unpacker.eof:
            raise zlib.error("the compressed bytes do not end")
