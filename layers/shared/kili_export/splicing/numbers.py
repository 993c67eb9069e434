"""Sizes and offset of a directory record: plain where 32 bits hold them, in ZIP64 where not.

A record ends with 12 bytes for this, or with 28 where a size of its entry needs ZIP64: first
padding under an id of our own, then the ZIP64 field with the numbers that need it, the offset
last. So a record keeps its length when its entry moves across 4 GiB in either direction.

Version 0.1 wrote every offset into the ZIP64 field, and both sizes where one of them needed it.
Such records are read, and become plain ones when their offset is put.
"""

import struct
from typing import Final, NamedTuple

from kili_export.core.errors import IntegrityError

ZIP64_MARK: Final = 0xFFFF_FFFF
"""What a field of 32 bits says when its number is in the ZIP64 field."""
NEEDS_20: Final = 20
NEEDS_45: Final = 45
PADDING_FIELD: Final = 0x6C4C
ZIP64_FIELD: Final = 0x0001
FIELD: Final = struct.Struct("<HH")

NEEDED_AT: Final = 6
SIZES_AT: Final = 20
OFFSET_AT: Final = 42

_NEEDED: Final = struct.Struct("<H")
_SIZES: Final = struct.Struct("<2I")
PLAIN_OFFSET: Final = struct.Struct("<I")
_LARGE: Final = struct.Struct("<Q")
_ROOM: Final = FIELD.size + _LARGE.size
_LARGE_ROOM: Final = FIELD.size + 3 * _LARGE.size

_OFFSET_ALONE: Final = FIELD.pack(ZIP64_FIELD, _LARGE.size)
_NOTHING_LARGE: Final = FIELD.pack(PADDING_FIELD, _LARGE.size) + bytes(_LARGE.size)

Raw = bytes | bytearray | memoryview


class Numbers(NamedTuple):
    """The sizes of an entry and the offset of its local header, in bytes."""

    size: int
    compressed_size: int
    offset: int


class EncodedNumbers(NamedTuple):
    """Numbers as a record says them: the version that they need, fields of 32 bits, its end."""

    needed: int
    size: int
    compressed_size: int
    offset: int
    end: bytes


def is_large(size: int, compressed_size: int) -> bool:
    """Whether an entry of these sizes needs ZIP64 wherever it stands."""
    return size >= ZIP64_MARK or compressed_size >= ZIP64_MARK


def encode_numbers(numbers: Numbers) -> EncodedNumbers:
    """Numbers for a record."""
    size, compressed_size, offset = numbers
    if max(numbers) < ZIP64_MARK:
        return EncodedNumbers(NEEDS_20, size, compressed_size, offset, _NOTHING_LARGE)
    large = [number for number in numbers if number >= ZIP64_MARK]
    values = b"".join(map(_LARGE.pack, large))
    zip64 = FIELD.pack(ZIP64_FIELD, len(values)) + values
    room = _LARGE_ROOM if is_large(size, compressed_size) else _ROOM
    unused, padding = room - len(zip64), b""
    if unused:
        padding = FIELD.pack(PADDING_FIELD, unused - FIELD.size) + bytes(unused - FIELD.size)
    size, compressed_size, offset = (min(number, ZIP64_MARK) for number in numbers)
    return EncodedNumbers(NEEDS_45, size, compressed_size, offset, padding + zip64)


def end_length(size: int, compressed_size: int) -> int:
    """How many bytes at the end of a record are for numbers, by its fields of 32 bits."""
    return _LARGE_ROOM if ZIP64_MARK in {size, compressed_size} else _ROOM


def decode_numbers(plain: Numbers, end: bytes) -> Numbers:
    """What the fields of 32 bits and the end of a record say together. Raises IntegrityError."""
    if end == _NOTHING_LARGE and ZIP64_MARK not in plain:
        return plain
    at = 0
    identifier, length = FIELD.unpack_from(end, at)
    if identifier == PADDING_FIELD:
        at += FIELD.size + length
    values: list[int] = []
    if at < len(end):
        identifier, length = FIELD.unpack_from(end, at)
        at += FIELD.size
        if identifier != ZIP64_FIELD or length % _LARGE.size or at + length != len(end):
            raise IntegrityError("a directory record does not end with its ZIP64 field")
        values = [value for (value,) in _LARGE.iter_unpack(end[at:])]
    if at > len(end) or len(values) != plain.count(ZIP64_MARK):
        raise IntegrityError("a directory record's ZIP64 field has not the numbers that it needs")
    values.reverse()
    size, compressed_size, offset = (
        values.pop() if number == ZIP64_MARK else number for number in plain
    )
    return Numbers(size, compressed_size, offset)


def numbers_of(raw: Raw, start: int, end: int) -> Numbers:
    """The numbers of the record from `start` to before `end`.

    Raises IntegrityError where it is not one of ours, struct.error where it is cut off.
    """
    compressed_size, size = _SIZES.unpack_from(raw, start + SIZES_AT)
    (offset,) = PLAIN_OFFSET.unpack_from(raw, start + OFFSET_AT)
    plain = Numbers(size, compressed_size, offset)
    if ZIP64_MARK not in plain:
        return plain
    return decode_numbers(plain, bytes(raw[end - end_length(size, compressed_size) : end]))


def offset_of(raw: Raw, start: int, end: int) -> int:
    """The offset alone. Raises as `numbers_of` does."""
    (offset,) = PLAIN_OFFSET.unpack_from(raw, start + OFFSET_AT)
    if offset != ZIP64_MARK:
        return int(offset)
    if raw[end - _ROOM : end - _LARGE.size] == _OFFSET_ALONE:
        return int(_LARGE.unpack_from(raw, end - _LARGE.size)[0])
    return numbers_of(raw, start, end).offset


def put_offset(raw: bytearray, start: int, end: int, offset: int) -> None:
    """Gives the record from `start` to before `end` another offset. Its length stays.

    Raises as `numbers_of` does.
    """
    if ZIP64_MARK in _SIZES.unpack_from(raw, start + SIZES_AT):
        encoded = encode_numbers(numbers_of(raw, start, end)._replace(offset=offset))
        _SIZES.pack_into(raw, start + SIZES_AT, encoded.compressed_size, encoded.size)
        needed, plain, room = encoded.needed, encoded.offset, encoded.end
    elif offset < ZIP64_MARK:
        needed, plain, room = NEEDS_20, offset, _NOTHING_LARGE
    else:
        needed, plain, room = NEEDS_45, ZIP64_MARK, _OFFSET_ALONE + _LARGE.pack(offset)
    _NEEDED.pack_into(raw, start + NEEDED_AT, needed)
    PLAIN_OFFSET.pack_into(raw, start + OFFSET_AT, plain)
    raw[end - len(room) : end] = room
