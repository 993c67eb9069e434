"""Files that an archive gains and that memory may not hold."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import LEVEL, RAW_DEFLATE
from kili_export.splicing.entry_record import DEFLATED, STORED, Record
from kili_export.splicing.held_bytes import ByteSource, chunks_of
from kili_export.splicing.regions import Region
from kili_export.splicing.splice import BaseArchive
from kili_export.splicing.zip_headers import local_header
from kili_export.storage.spool import Spool

_LARGE: Final = 8 << 20
"""What is copied by the server rather than sent twice, in bytes."""


@dataclass(frozen=True, slots=True)
class StreamedFile:
    """A whole entry of the region of documents. `size` is that of its contents, in bytes."""

    path: str
    size: int
    addition: AddedEntries

    def stored_in(self, written: BaseArchive | None) -> AddedEntries:
        """The entry, out of an archive that has it where that saves sending it again."""
        record = written.directory.find(self.path) if written else None
        if written is None or record is None or self.addition.length < _LARGE:
            return self.addition
        directory = Directory.from_records([replace(record, offset=0)])
        length = record.local_length
        return AddedEntries.stored(
            written.source, record.offset, length, directory, self.addition.region
        )


def sha256_of(pieces: Sequence[ByteSource]) -> str:
    """The digest of contents that come in pieces, in hexadecimal digits."""
    digest = hashlib.sha256()
    for chunk in _chunks(pieces):
        digest.update(chunk)
    return digest.hexdigest()


def streamed_file(path: str, pieces: Sequence[ByteSource], modified: int) -> StreamedFile:
    """The entry with these contents: deflated where that is smaller, as `encode_entry` does it.

    Holds a few MiB, whatever the contents.
    """
    size = sum(map(len, pieces))
    header = len(_header(path, STORED, 0, size, size, modified))
    crc32, held = _deflated(header, pieces)
    method = DEFLATED
    if len(held) - header >= size:
        method, held = STORED, _stored(header, pieces)
    compressed_size = len(held) - header
    held.overwrite(0, _header(path, method, crc32, size, compressed_size, modified))
    record = Record(path, "", crc32, size, compressed_size, method, 0, len(held), modified)
    directory = Directory.from_records([record])
    return StreamedFile(path, size, AddedEntries(directory, Region.DOCUMENTS, len(held), data=held))


def _header(
    path: str, method: int, crc32: int, size: int, compressed_size: int, modified: int
) -> bytes:
    return local_header(
        path,
        method=method,
        crc32=crc32,
        size=size,
        compressed_size=compressed_size,
        modified=modified,
    )


def _deflated(header: int, pieces: Sequence[ByteSource]) -> tuple[int, Spool]:
    """The CRC-32 of the contents, and their compressed form behind room for a header."""
    held = Spool()
    held.write(bytes(header))
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW_DEFLATE)
    crc32 = 0
    for chunk in _chunks(pieces):
        crc32 = zlib.crc32(chunk, crc32)
        held.write(compressor.compress(chunk))
    held.write(compressor.flush())
    return crc32, held


def _stored(header: int, pieces: Sequence[ByteSource]) -> Spool:
    held = Spool()
    held.write(bytes(header))
    for chunk in _chunks(pieces):
        held.write(chunk)
    return held


def _chunks(pieces: Sequence[ByteSource]) -> Iterator[bytes]:
    for piece in pieces:
        yield from chunks_of(piece)
