"""The bytes of a sorted table: blocks of pairs, a tree of blocks that names them, a footer.

docs/reference/files-table.md describes them for other readers.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from kili_export.core.errors import IntegrityError
from kili_export.splicing.entries import LEVEL, RAW_DEFLATE

MAGIC: Final = b"kx-table"
VERSION: Final = 1
MOST_KEY_BYTES: Final = 0xFFFF
MOST_BLOCK_BYTES: Final = 512 << 20
"""What a block may hold uncompressed. Usual ones have 64 KiB; one that has a single pair may be as
large as this."""
_PAIR: Final = struct.Struct("<HI")
_REMOVED: Final = 0xFFFF_FFFF
_PLACE: Final = struct.Struct("<QIII")
_FOOTER: Final = struct.Struct("<8sHHQIIIQ")
FOOTER_SIZE: Final = _FOOTER.size
_MOST_HEIGHT: Final = 16


class Place(NamedTuple):
    """Where a block is: its first byte, its length, its length uncompressed, its CRC-32.

    The CRC-32 is that of the bytes as they are stored.
    """

    start: int
    length: int
    raw_length: int
    crc32: int

    def to_bytes(self) -> bytes:
        """What the block above says of it."""
        return _PLACE.pack(*self)

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self:
        """Reads what `to_bytes` wrote. Raises IntegrityError."""
        if data is None or len(data) != _PLACE.size:
            raise IntegrityError("a table's index cannot be read")
        return cls(*_PLACE.unpack(data))


@dataclass(frozen=True, slots=True)
class Footer:
    """The end of a table: where the topmost block is, how many levels of blocks are below it.

    `count` is how many pairs the table has, removals included.
    """

    root: Place
    height: int
    count: int

    def to_bytes(self) -> bytes:
        """The last bytes of the table."""
        return _FOOTER.pack(MAGIC, VERSION, self.height, *self.root, self.count)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote. Raises IntegrityError."""
        if len(data) != FOOTER_SIZE:
            raise IntegrityError("it is too short for a table")
        magic, version, height, *place, count = _FOOTER.unpack(data)
        if magic != MAGIC:
            raise IntegrityError("it is not a table")
        if version != VERSION:
            raise IntegrityError(f"a later version wrote it: format {version} is not known")
        if height > _MOST_HEIGHT:
            raise IntegrityError(f"no table has {height} levels")
        return cls(Place(*place), height, count)


@dataclass(frozen=True, slots=True)
class Block:
    """Pairs in ascending order of their keys. The value None says that the key was removed."""

    keys: Sequence[bytes]
    values: Sequence[bytes | None]


def encode_pair(key: bytes, value: bytes | None) -> bytes:
    """A pair as it stands in a block. Raises IntegrityError for what a table cannot hold."""
    if len(key) > MOST_KEY_BYTES:
        raise IntegrityError(f"a key of {len(key)} bytes is too long for a table")
    if value is None:
        return _PAIR.pack(len(key), _REMOVED) + key
    if len(value) + _PAIR.size + len(key) > MOST_BLOCK_BYTES:
        raise IntegrityError(f"a value of {len(value)} bytes is too long for a table")
    return b"".join((_PAIR.pack(len(key), len(value)), key, value))


def first_key(pairs: bytes) -> bytes:
    """The key of the first of some encoded pairs."""
    return pairs[_PAIR.size : _PAIR.size + _PAIR.unpack_from(pairs)[0]]


def encode_block(pairs: bytes, start: int) -> tuple[bytes, Place]:
    """A block of encoded pairs, compressed, and its place when it begins at `start`."""
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, RAW_DEFLATE)
    stored = deflate.compress(pairs) + deflate.flush()
    return stored, Place(start, len(stored), len(pairs), zlib.crc32(stored))


def decode_block(stored: bytes, place: Place) -> Block:
    """Reads a block. Raises IntegrityError for anything but what its place promises."""
    if len(stored) != place.length or zlib.crc32(stored) != place.crc32:
        raise IntegrityError("a block differs from what the table's index promises")
    if place.raw_length > MOST_BLOCK_BYTES:
        raise IntegrityError(f"a block of {place.raw_length} bytes is too large")
    inflate = zlib.decompressobj(RAW_DEFLATE)
    try:
        pairs = inflate.decompress(stored, place.raw_length + 1)
    except zlib.error as error:
        raise IntegrityError("a block cannot be decompressed") from error
    if len(pairs) != place.raw_length or not inflate.eof or inflate.unused_data:
        raise IntegrityError("a block has another length than the table's index promises")
    return _decode_pairs(pairs)


def _decode_pairs(pairs: bytes) -> Block:
    keys: list[bytes] = []
    values: list[bytes | None] = []
    unpack, head, end, at = _PAIR.unpack_from, _PAIR.size, len(pairs), 0
    last: bytes | None = None
    while at + head <= end:
        key_length, value_length = unpack(pairs, at)
        begin = at + head + key_length
        key = pairs[at + head : begin]
        if last is not None and key <= last:
            raise IntegrityError("a block's keys are not in order")
        keys.append(key)
        last = key
        at = begin
        if value_length == _REMOVED:
            values.append(None)
        else:
            at += value_length
            values.append(pairs[begin:at])
    if at != end:
        raise IntegrityError("a block's last pair is cut off")
    return Block(keys, values)
