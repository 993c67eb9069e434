"""The bytes of a ZIP archive's headers, as this project writes them and no other way.

Layouts are those of PKWARE's APPNOTE.TXT, sections 4.3 and 4.5. What is fixed here on purpose:

- Directory records carry a ZIP64 field with the offset always, so that a record never changes
  its length when its entry moves. The field is the last of the record: its last eight bytes are
  the offset, wherever the record is.
- "Version made by" says Unix, or Info-ZIP's unzip takes the local name for another one.
- Date and mode are constant: the same contents give the same bytes.
- The first ten bytes of a record and the six after its method's low byte never vary. No other
  sixteen bytes of a directory can read so: names hold no control characters, a name has at
  least one byte, extra fields have 12 to 255, and no size or offset reaches 2**48. That makes it
  safe to look for records in raw bytes.
"""

import re
import struct
from typing import Final, NamedTuple

from kili_export.core.errors import IntegrityError
from kili_export.splicing.entry_record import DEFLATED, STORED, Record

ZIP64_MARK: Final = 0xFFFF_FFFF
ZIP64_COUNT: Final = 0xFFFF
MAX_NAME_BYTES: Final = 4096
MAX_OWNER_BYTES: Final = 128
SIZE_LIMIT: Final = 1 << 48
_FLAGS_UTF8: Final = 0x0800
_DATE_1980: Final = 0x0021
_MADE_BY_UNIX_45: Final = 0x032D
_NEEDS_20: Final = 20
_NEEDS_45: Final = 45
_REGULAR_0644: Final = 0o100644 << 16
_ZIP64_FIELD: Final = 0x0001
_OWNER_FIELD: Final = 0x6C4B
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
LENGTHS: Final = struct.Struct("<HH")
_FIELD: Final = struct.Struct("<HH")
_SIZES: Final = struct.Struct("<2I2H")
_SIZES_AT: Final = 20
_LARGE_SIZES: Final = struct.Struct("<2Q")
OFFSET: Final = struct.Struct("<Q")
LOCAL_HEADER_SIZE: Final = _LOCAL.size
CENTRAL_HEADER_SIZE: Final = _CENTRAL.size
LENGTHS_AT: Final = 28
OFFSET_FROM_END: Final = 8
MAX_RECORD_BYTES: Final = CENTRAL_HEADER_SIZE + MAX_NAME_BYTES + 255
RECORD_START: Final = struct.pack("<4s3H", b"PK\x01\x02", _MADE_BY_UNIX_45, _NEEDS_45, _FLAGS_UTF8)
RECORD_STARTS: Final = tuple(
    RECORD_START + struct.pack("<3H", method, 0, _DATE_1980) for method in (STORED, DEFLATED)
)
RECORD_START_SIZE: Final = len(RECORD_STARTS[0])
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
    time: int
    date: int
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


def local_header(path: str, *, method: int, crc32: int, size: int, compressed_size: int) -> bytes:
    """The header that stands before an entry's payload. Sizes are in bytes."""
    name = encode_name(path)
    if max(size, compressed_size) >= SIZE_LIMIT:
        raise IntegrityError(f"{path!r} is too large for an archive")
    needed, sizes, extra = _NEEDS_20, (compressed_size, size), b""
    if _is_large(size, compressed_size):
        needed, sizes = _NEEDS_45, (ZIP64_MARK, ZIP64_MARK)
        extra = struct.pack("<HHQQ", _ZIP64_FIELD, 16, size, compressed_size)
    head = _LOCAL.pack(
        b"PK\x03\x04", needed, _FLAGS_UTF8, method, 0, _DATE_1980, crc32, *sizes,
        len(name), len(extra),
    )  # fmt: skip
    return head + name + extra


def local_length(name_length: int, size: int, compressed_size: int) -> int:
    """How many bytes an entry takes: header, name, extra field and payload."""
    extra = 20 if _is_large(size, compressed_size) else 0
    return LOCAL_HEADER_SIZE + name_length + extra + compressed_size


def encode_record(record: Record) -> bytes:
    """A directory record."""
    name, owner = encode_name(record.path), encode_owner(record.owner)
    if _is_large(record.size, record.compressed_size):
        sizes = (ZIP64_MARK, ZIP64_MARK)
        zip64 = struct.pack(
            "<HHQQQ", _ZIP64_FIELD, 24, record.size, record.compressed_size, record.offset
        )
    else:
        sizes = (record.compressed_size, record.size)
        zip64 = struct.pack("<HHQ", _ZIP64_FIELD, 8, record.offset)
    extra = (_FIELD.pack(_OWNER_FIELD, len(owner)) + owner if owner else b"") + zip64
    head = _CENTRAL.pack(
        b"PK\x01\x02", _MADE_BY_UNIX_45, _NEEDS_45, _FLAGS_UTF8, record.method, 0, _DATE_1980,
        record.crc32, *sizes, len(name), len(extra), 0, 0, 0, _REGULAR_0644, ZIP64_MARK,
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
        owner, numbers = _decode_extra(bytes(raw[name_end : name_end + head.extra_length]))
        path = name.decode()
        size, compressed_size, offset = _extent(head, numbers)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
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
    )


def _extent(head: "_Central", numbers: tuple[int, ...]) -> tuple[int, int, int]:
    """Size, compressed size and offset. Raises IndexError where a number is not there."""
    if head.size == ZIP64_MARK and head.compressed_size == ZIP64_MARK:
        return numbers[0], numbers[1], numbers[-1]
    return head.size, head.compressed_size, numbers[-1]


def is_record_start(raw: bytes | bytearray | memoryview, start: int) -> bool:
    """Whether a directory record of ours begins at `start`."""
    return bytes(raw[start : start + RECORD_START_SIZE]) in RECORD_STARTS


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
        packed, size, name_length, extra_length = _SIZES.unpack_from(raw, start + _SIZES_AT)
        length = CENTRAL_HEADER_SIZE + name_length + extra_length
        offset_at = start + length - OFFSET_FROM_END
        if size == ZIP64_MARK and packed == ZIP64_MARK:
            size, packed = _LARGE_SIZES.unpack_from(raw, offset_at - _LARGE_SIZES.size)
        (offset,) = OFFSET.unpack_from(raw, offset_at)
    except struct.error as error:
        raise _cut_off(start) from error
    return RecordSpan(length, offset, local_length(name_length, size, packed))


def _cut_off(start: int) -> IntegrityError:
    return IntegrityError(f"the directory record at byte {start} is cut off")


def _is_large(size: int, compressed_size: int) -> bool:
    return size >= ZIP64_MARK or compressed_size >= ZIP64_MARK


def _decode_extra(extra: bytes) -> tuple[str, tuple[int, ...]]:
    owner = ""
    at = 0
    identifier, length = _FIELD.unpack_from(extra, at)
    if identifier == _OWNER_FIELD:
        owner = extra[at + 4 : at + 4 + length].decode("ascii")
        at += 4 + length
        identifier, length = _FIELD.unpack_from(extra, at)
    if identifier != _ZIP64_FIELD or length not in {8, 24} or at + 4 + length != len(extra):
        raise IntegrityError("a directory record without the ZIP64 offset at its end")
    return owner, struct.unpack_from(f"<{length // 8}Q", extra, at + 4)
