"""Entries: a file of an archive as local header and payload."""

import zlib
from dataclasses import dataclass
from typing import Final

from kili_export.core.dos_time import FORMER_DATE
from kili_export.core.errors import IntegrityError
from kili_export.splicing.entry_record import DEFLATED, STORED, Record
from kili_export.splicing.zip_headers import encode_owner, local_header

LEVEL: Final = 6
RAW_DEFLATE: Final = -15


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete entry. `local` is its header and payload; sizes are in bytes."""

    path: str
    local: bytes
    crc32: int
    size: int
    compressed_size: int
    method: int
    owner: str = ""
    modified: int = FORMER_DATE

    def record(self, offset: int) -> Record:
        """What a directory says of this entry when it stands at `offset`."""
        return Record(
            path=self.path,
            owner=self.owner,
            crc32=self.crc32,
            size=self.size,
            compressed_size=self.compressed_size,
            method=self.method,
            offset=offset,
            local_length=len(self.local),
            modified=self.modified,
        )


def encode_entry(
    path: str, data: bytes, *, owner: str = "", stored: bool = False, modified: int = FORMER_DATE
) -> Entry:
    """The entry that holds `data`: deflated where that is smaller, as it is with `stored`.

    Raises IntegrityError for a path or an owner that an archive cannot hold.
    """
    method, payload = STORED, data
    if not stored:
        deflated = zlib.compress(data, LEVEL, RAW_DEFLATE)
        if len(deflated) < len(data):
            method, payload = DEFLATED, deflated
    return entry_from_raw(
        path,
        payload,
        method=method,
        crc32=zlib.crc32(data),
        size=len(data),
        owner=owner,
        modified=modified,
    )


def entry_from_raw(
    path: str,
    payload: bytes,
    *,
    method: int,
    crc32: int,
    size: int,
    owner: str = "",
    modified: int = FORMER_DATE,
) -> Entry:
    """The entry around a payload that is compressed already."""
    if method not in {STORED, DEFLATED}:
        raise IntegrityError(f"{path!r} has compression method {method}, which is not supported")
    encode_owner(owner)
    header = local_header(
        path,
        method=method,
        crc32=crc32,
        size=size,
        compressed_size=len(payload),
        modified=modified,
    )
    return Entry(
        path=path,
        local=header + payload,
        crc32=crc32,
        size=size,
        compressed_size=len(payload),
        method=method,
        owner=owner,
        modified=modified,
    )


def decode_payload(method: int, payload: bytes, crc32: int, size: int) -> bytes:
    """The file behind a payload. Raises IntegrityError when it is not the one promised."""
    data = _inflate(payload, size) if method == DEFLATED else payload
    if len(data) != size or zlib.crc32(data) != crc32:
        raise IntegrityError("an entry's contents differ from what the directory promises")
    return data


def decode_local(record: Record, local: bytes) -> bytes:
    """The file in a whole local entry, which must be exactly the one that `record` describes."""
    header = local_header(
        record.path,
        method=record.method,
        crc32=record.crc32,
        size=record.size,
        compressed_size=record.compressed_size,
        modified=record.modified,
    )
    if len(local) != record.local_length or not local.startswith(header):
        raise IntegrityError(f"the entry of {record.path!r} is not where the directory says")
    return decode_payload(record.method, local[len(header) :], record.crc32, record.size)


def _inflate(payload: bytes, size: int) -> bytes:
    decompressor = zlib.decompressobj(RAW_DEFLATE)
    try:
        data = decompressor.decompress(payload, size + 1)
    except zlib.error as error:
        raise IntegrityError("an entry's compressed bytes are broken") from error
    if len(data) == size and not decompressor.eof:
        data += decompressor.flush(1)
    if not decompressor.eof or decompressor.unused_data:
        raise IntegrityError("an entry's compressed bytes do not end where they should")
    return data
