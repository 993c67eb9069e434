"""The end of an archive: the records after the central directory that say where it is."""

import struct
from dataclasses import dataclass
from typing import Final

from kili_export.core.errors import IntegrityError
from kili_export.splicing.numbers import ZIP64_MARK
from kili_export.splicing.zip_headers import ZIP64_COUNT

_END: Final = struct.Struct("<4s4H2IH")
_ZIP64_END: Final = struct.Struct("<4sQ2H2I4Q")
_ZIP64_LOCATOR: Final = struct.Struct("<4sIQI")
_END_SIGNATURE: Final = b"PK\x05\x06"
_ZIP64_END_SIGNATURE: Final = b"PK\x06\x06"
_ZIP64_LOCATOR_SIGNATURE: Final = b"PK\x06\x07"
_VERSION: Final = (0x032D, 45)
# No archive is as long as what a record of eight bytes can count.
_TOO_MUCH: Final = 1 << 63
MIN_TAIL: Final = _END.size
MAX_TAIL: Final = _ZIP64_END.size + _ZIP64_LOCATOR.size + _END.size


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the directory is: its first byte, its length in bytes, its number of entries."""

    directory_start: int
    directory_length: int
    count: int

    @property
    def ends(self) -> int:
        """Where the directory ends."""
        return self.directory_start + self.directory_length


def encode_tail(tail: Tail) -> bytes:
    """The end records, in ZIP64 only where a number needs it."""
    numbers = (tail.count, tail.directory_length, tail.directory_start)
    plain = tail.count < ZIP64_COUNT and max(numbers[1:]) < ZIP64_MARK
    if plain:
        return _END.pack(
            _END_SIGNATURE, 0, 0, tail.count, tail.count, tail.directory_length,
            tail.directory_start, 0,
        )  # fmt: skip
    zip64_end = _ZIP64_END.pack(
        _ZIP64_END_SIGNATURE, _ZIP64_END.size - 12, *_VERSION, 0, 0, tail.count, *numbers
    )
    locator = _ZIP64_LOCATOR.pack(_ZIP64_LOCATOR_SIGNATURE, 0, tail.ends, 1)
    count = min(tail.count, ZIP64_COUNT)
    end = _END.pack(
        _END_SIGNATURE, 0, 0, count, count, min(tail.directory_length, ZIP64_MARK),
        min(tail.directory_start, ZIP64_MARK), 0,
    )  # fmt: skip
    return zip64_end + locator + end


def decode_tail(end: bytes, archive_size: int) -> Tail:
    """Reads what `encode_tail` wrote, out of the archive's last bytes (MAX_TAIL if it has them).

    Raises IntegrityError for an archive that was not written by us or is cut off.
    """
    if len(end) < MIN_TAIL or end[-MIN_TAIL : -MIN_TAIL + 4] != _END_SIGNATURE:
        raise IntegrityError("not a ZIP archive of ours: it does not end with an end record")
    fields = _END.unpack(end[-MIN_TAIL:])
    tail = Tail(directory_start=fields[6], directory_length=fields[5], count=fields[4])
    tail_length = MIN_TAIL
    if end[-MAX_TAIL : -MAX_TAIL + 4] == _ZIP64_END_SIGNATURE:
        zip64 = _ZIP64_END.unpack_from(end, len(end) - MAX_TAIL)
        candidate = Tail(directory_start=zip64[9], directory_length=zip64[8], count=zip64[7])
        if candidate.ends < _TOO_MUCH and encode_tail(candidate) == end[-MAX_TAIL:]:
            tail, tail_length = candidate, MAX_TAIL
    whole = tail.ends + tail_length == archive_size
    if not whole or encode_tail(tail) != end[-tail_length:]:
        raise IntegrityError("not a ZIP archive of ours: its end record does not fit its size")
    return tail
