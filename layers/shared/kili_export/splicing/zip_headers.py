"""The bytes of a ZIP archive's headers, as this project writes them and no other way.

Layouts are those of PKWARE's APPNOTE.TXT, sections 4.3 and 4.5. What is fixed here on purpose:

- A directory record ends with room for its offset (`numbers`), so that it never changes its length
  when its entry moves.
- "Version made by" says Unix, or Info-ZIP's unzip takes the local name for another one.
- The mode is constant, and the date is given: the same contents give the same bytes.
- Looking for records in raw bytes is safe: RECORD matches nowhere else. A record begins with
  seven bytes that are not zero. In an extra field no more than six follow each other: padding is
  zero, and no size or offset reaches 2**48. In names and owners there are no control characters,
  and the third byte is one. That leaves the first 25 bytes of a record; what begins at one of the
  others would have to have its zeros (or its short length of extra fields, 12 to 255) where this
  record has its mode, its lengths or its name.
"""

import re
import struct
from typing import Final, NamedTuple

from kili_export.core.errors import IntegrityError
from kili_export.splicing.entry_record import Record
from kili_export.splicing.numbers import (
    FIELD,
    NEEDS_20,
    NEEDS_45,
    ZIP64_FIELD,
    ZIP64_MARK,
    Numbers,
    decode_numbers,
    encode_numbers,
    end_length,
    is_large,
    numbers_of,
)

ZIP64_COUNT: Final = 0xFFFF
MAX_NAME_BYTES: Final = 4096
MAX_OWNER_BYTES: Final = 128
SIZE_LIMIT: Final = 1 << 48
_FLAGS_UTF8: Final = 0x0800
_MADE_BY_UNIX_45: Final = 0x032D
_REGULAR_0644: Final = 0o100644 << 16
_OWNER_FIELD: Final = 0x6C4B
_LOCAL: Final = struct.Struct("<4s3H4I2H")
_CENTRAL: Final = struct.Struct("<4s4H4I5H2I")
LENGTHS: Final = struct.Struct("<HH")
LOCAL_HEADER_SIZE: Final = _LOCAL.size
CENTRAL_HEADER_SIZE: Final = _CENTRAL.size
LENGTHS_AT: Final = 28
MAX_RECORD_BYTES: Final = CENTRAL_HEADER_SIZE + MAX_NAME_BYTES + 255
RECORD_START: Final = struct.pack("<4sH", b"PK\x01\x02", _MADE_BY_UNIX_45)
"""What every record begins with. See RECORD for what nothing else looks like."""
NEEDS_ZIP64: Final = RECORD_START + struct.pack("<H", NEEDS_45)
RECORD: Final = re.compile(
    re.escape(RECORD_START) + rb"[\x14\x2d]\x00\x00\x08[\x00\x08]\x00.{19}\x00{9}\xa4\x81",
    re.DOTALL,
)
RECORD_START_SIZE: Final = 42
"""How many bytes of a record RECORD matches."""
_FORBIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


class RecordSpan(NamedTuple):
    """The extents of a record and of its entry: the record's length, the entry's offset and length.

    All are in bytes.
    """

    length: int
    offset: int
    local_length: int


class _Central(NamedTuple):
    signature: bytes
    made_by: int
    needed: int
    flags: int
    method: int
    modified: int
    crc32: int
    compressed_size: int
    size: int
    name_length: int
    extra_length: int
    comment_length: int
    disk: int
    internal: int
    external: int
    offset: int


def encode_name(path: str) -> bytes:
    """The name of an entry as bytes.

    Raises IntegrityError unless it is a relative path of plain parts: nothing empty, no `.` or
    `..`, no backslash, no control characters, at most 4096 bytes of UTF-8.
    """
    parts = path.split("/")
    if _FORBIDDEN.search(path) or any(part in {"", ".", ".."} for part in parts):
        raise IntegrityError(f"not a name for an archive's entry: {path!r}")
    try:
        name = path.encode()
    except UnicodeEncodeError as error:
        raise IntegrityError(f"an entry's name is not valid Unicode: {path!r}") from error
    if len(name) > MAX_NAME_BYTES:
        raise IntegrityError(f"an entry's name is longer than {MAX_NAME_BYTES} bytes: {path!r}")
    return name


def encode_owner(owner: str) -> bytes:
    """The owner's id as bytes. Raises IntegrityError unless it is short printable ASCII."""
    if not (owner.isascii() and owner.isprintable()) or len(owner) > MAX_OWNER_BYTES:
        raise IntegrityError(
            f"an entry's owner must be at most {MAX_OWNER_BYTES} printable ASCII characters: "
            f"{owner!r}"
        )
    return owner.encode("ascii")


def local_header(
    path: str,
    *,
    method: int,
    crc32: int,
    size: int,
    compressed_size: int,
    modified: int,
) -> bytes:
    """The header that stands before an entry's payload. Sizes are in bytes."""
    name = encode_name(path)
    if max(size, compressed_size) >= SIZE_LIMIT:
        raise IntegrityError(f"{path!r} is too large for an archive")
    needed, sizes, extra = NEEDS_20, (compressed_size, size), b""
    if is_large(size, compressed_size):
        # Other than in the directory, both have to be there.
        needed, sizes = NEEDS_45, (ZIP64_MARK, ZIP64_MARK)
        extra = struct.pack("<HHQQ", ZIP64_FIELD, 16, size, compressed_size)
    head = _LOCAL.pack(
        b"PK\x03\x04", needed, _FLAGS_UTF8, method, modified, crc32, *sizes, len(name), len(extra)
    )
    return head + name + extra


def local_length(name_length: int, size: int, compressed_size: int) -> int:
    """How many bytes an entry takes: header, name, extra field and payload."""
    extra = 20 if is_large(size, compressed_size) else 0
    return LOCAL_HEADER_SIZE + name_length + extra + compressed_size


def encode_record(record: Record) -> bytes:
    """A directory record."""
    name, owner = encode_name(record.path), encode_owner(record.owner)
    numbers = encode_numbers(Numbers(record.size, record.compressed_size, record.offset))
    extra = (FIELD.pack(_OWNER_FIELD, len(owner)) + owner if owner else b"") + numbers.end
    head = _CENTRAL.pack(
        b"PK\x01\x02", _MADE_BY_UNIX_45, numbers.needed, _FLAGS_UTF8, record.method,
        record.modified, record.crc32, numbers.compressed_size, numbers.size, len(name),
        len(extra), 0, 0, 0, _REGULAR_0644, numbers.offset,
    )  # fmt: skip
    return head + name + extra


def decode_record(raw: bytes | bytearray | memoryview, start: int) -> Record:
    """The directory record at `start`. Raises IntegrityError when it is not one of ours."""
    try:
        head = _Central._make(_CENTRAL.unpack_from(raw, start))
        name_end = start + CENTRAL_HEADER_SIZE + head.name_length
        name = bytes(raw[start + CENTRAL_HEADER_SIZE : name_end])
        if not is_record_start(raw, start):
            raise IntegrityError(f"no directory record of ours at byte {start}")
        extra = bytes(raw[name_end : name_end + head.extra_length])
        owner, end = _decode_extra(extra, end_length(head.size, head.compressed_size))
        path = name.decode()
        plain = Numbers(head.size, head.compressed_size, head.offset)
        size, compressed_size, offset = decode_numbers(plain, end)
    except (struct.error, UnicodeDecodeError) as error:
        raise IntegrityError(f"a broken directory record at byte {start}") from error
    return Record(
        path=path,
        owner=owner,
        crc32=head.crc32,
        size=size,
        compressed_size=compressed_size,
        method=head.method,
        offset=offset,
        local_length=local_length(head.name_length, size, compressed_size),
        modified=head.modified,
    )


def is_record_start(raw: bytes | bytearray | memoryview, start: int) -> bool:
    """Whether a directory record of ours begins at `start`."""
    return RECORD.match(raw, start) is not None


def record_length(raw: bytes | bytearray | memoryview, start: int) -> int:
    """How many bytes the directory record at `start` takes. Raises IntegrityError."""
    try:
        name_length, extra_length = LENGTHS.unpack_from(raw, start + LENGTHS_AT)
    except struct.error as error:
        raise _cut_off(start) from error
    return CENTRAL_HEADER_SIZE + int(name_length) + int(extra_length)


def record_span(raw: bytes | bytearray | memoryview, start: int) -> RecordSpan:
    """What a splice needs of the directory record at `start`, without decoding its texts.

    Raises IntegrityError when the record is cut off.
    """
    try:
        name_length, extra_length = LENGTHS.unpack_from(raw, start + LENGTHS_AT)
        length = CENTRAL_HEADER_SIZE + name_length + extra_length
        size, packed, offset = numbers_of(raw, start, start + length)
    except struct.error as error:
        raise _cut_off(start) from error
    return RecordSpan(length, offset, local_length(name_length, size, packed))


def _cut_off(start: int) -> IntegrityError:
    return IntegrityError(f"the directory record at byte {start} is cut off")


def _decode_extra(extra: bytes, room: int) -> tuple[str, bytes]:
    """The owner, and the `room` bytes for numbers."""
    owner = ""
    if len(extra) > room:
        identifier, length = FIELD.unpack_from(extra, 0)
        if identifier != _OWNER_FIELD or not length:
            raise IntegrityError("a directory record with fields that are not of ours")
        owner = extra[FIELD.size : FIELD.size + length].decode("ascii")
        extra = extra[FIELD.size + length :]
    if len(extra) != room:
        raise IntegrityError("a directory record without room for its numbers")
    return owner, extra
