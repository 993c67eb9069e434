"""The contents of entries of a stored archive, in pieces where they are large."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import filterfalse
from typing import Final

from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import IntegrityError
from kili_export.splicing.entry_record import STORED, Record
from kili_export.splicing.zip_headers import local_header

_LARGE: Final = 8 << 20
_CHUNK: Final = 4 << 20
_RAW_DEFLATE: Final = -zlib.MAX_WBITS


def iter_contents(
    archive: StoredArchive, records: Iterable[Record]
) -> Iterator[tuple[Record, Iterable[bytes]]]:
    """Each entry with its contents, in the archive's order; take them before the next one.

    At most a few MiB are held at once. Raises IntegrityError for contents that are not what the
    directory says, ConflictError when the archive was replaced.
    """
    ordered = sorted(records, key=lambda record: record.offset)
    for record, data in archive.read_many(filter(_is_small, ordered)):
        yield record, (data,)
    for record in filterfalse(_is_small, ordered):
        yield record, _stream(archive, record)


def _is_small(record: Record) -> bool:
    """Also when it is decompressed: a few MiB can become gigabytes."""
    return max(record.local_length, record.size) <= _LARGE


def _stream(archive: StoredArchive, record: Record) -> Iterator[bytes]:
    _check_header(archive, record)
    payload = _payload(archive, record)
    crc32 = size = 0
    for data in payload if record.method == STORED else _inflated(payload, record):
        crc32, size = zlib.crc32(data, crc32), size + len(data)
        if size > record.size:
            raise IntegrityError(f"{record.path!r} is longer than its directory says")
        yield data
    if (crc32, size) != (record.crc32, record.size):
        raise IntegrityError(f"{record.path!r} is not what its directory promises")


def _payload(archive: StoredArchive, record: Record) -> Iterator[bytes]:
    for start in range(record.payload_start, record.end, _CHUNK):
        length = min(_CHUNK, record.end - start)
        yield archive.bytes_at(start, length)


def _inflated(payload: Iterable[bytes], record: Record) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_RAW_DEFLATE)
    try:
        for stored in payload:
            rest = stored
            while rest:
                yield inflate.decompress(rest, _CHUNK)
                rest = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error as error:
        raise IntegrityError(f"{record.path!r} cannot be decompressed") from error


def _check_header(archive: StoredArchive, record: Record) -> None:
    expected = local_header(
        record.path,
        method=record.method,
        crc32=record.crc32,
        size=record.size,
        compressed_size=record.compressed_size,
        modified=record.modified,
    )
    found = archive.bytes_at(record.offset, record.payload_start - record.offset)
    if found != expected:
        raise IntegrityError(f"the entry of {record.path!r} is not where the directory says")
