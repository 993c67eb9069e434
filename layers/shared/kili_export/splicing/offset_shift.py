"""Moves the offsets of many directory records at once."""

import struct
import sys
from bisect import bisect_right
from collections.abc import Sequence

from kili_export.core.errors import IntegrityError
from kili_export.splicing.numbers import (
    OFFSET_AT,
    PLAIN_OFFSET,
    ZIP64_MARK,
    offset_of,
    put_offset,
)
from kili_export.splicing.zip_headers import CENTRAL_HEADER_SIZE, LENGTHS, LENGTHS_AT, NEEDS_ZIP64


def rebase(raw: bytearray, start: int, steps: Sequence[int], deltas: Sequence[int]) -> None:
    """Moves, in place, the offset of every record from `start` to the end of `raw`.

    An offset of at least `steps[i]` and below `steps[i + 1]` moves by `deltas[i]` bytes; `steps`
    ascends, and no offset is below its first. Records of version 0.1 become plain ones, whether
    they move or not. Raises IntegrityError when the last record does not end with `raw`.
    """
    if not any(deltas) and raw.find(NEEDS_ZIP64, start) < 0:
        return
    try:
        end = _rebase(raw, start, steps, deltas)
    except struct.error as error:
        raise IntegrityError("a directory's last record is cut off") from error
    if end != len(raw):
        raise IntegrityError("a directory's last record is cut off")


def _rebase(raw: bytearray, start: int, steps: Sequence[int], deltas: Sequence[int]) -> int:
    """Answers where the last record ends."""
    lengths_of = LENGTHS.unpack_from
    plain_offset_of, put_plain_offset = PLAIN_OFFSET.unpack_from, PLAIN_OFFSET.pack_into
    pairs = zip(steps, deltas, strict=True)
    first_moved = next((step for step, delta in pairs if delta), sys.maxsize)
    fixed = CENTRAL_HEADER_SIZE
    at, end = start, len(raw)
    while at < end:
        begin = at
        name_length, extra_length = lengths_of(raw, at + LENGTHS_AT)
        at += fixed + name_length + extra_length
        (offset,) = plain_offset_of(raw, begin + OFFSET_AT)
        if first_moved <= offset < ZIP64_MARK:
            moved = offset + deltas[bisect_right(steps, offset) - 1]
            if moved < ZIP64_MARK:
                put_plain_offset(raw, begin + OFFSET_AT, moved)
            else:
                put_offset(raw, begin, at, moved)
        elif offset == ZIP64_MARK:
            offset = offset_of(raw, begin, at)
            moved = offset + deltas[bisect_right(steps, offset) - 1]
            put_offset(raw, begin, at, moved)
    return at
