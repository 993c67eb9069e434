"""Moves the offsets of many directory records at once."""

import struct
from bisect import bisect_right
from collections.abc import Sequence

from kili_export.core.errors import IntegrityError
from kili_export.splicing.zip_headers import (
    CENTRAL_HEADER_SIZE,
    LENGTHS,
    LENGTHS_AT,
    OFFSET,
    OFFSET_FROM_END,
)


def rebase(raw: bytearray, start: int, steps: Sequence[int], deltas: Sequence[int]) -> None:
    """Moves, in place, the offset of every record from `start` to the end of `raw`.

    An offset of at least `steps[i]` and below `steps[i + 1]` moves by `deltas[i]` bytes; `steps`
    ascends, and no offset is below its first. Raises
    IntegrityError when the last record does not end with `raw`.
    """
    if not any(deltas):
        return
    try:
        end = _rebase(raw, start, steps, deltas)
    except struct.error as error:
        raise IntegrityError("a directory's last record is cut off") from error
    if end != len(raw):
        raise IntegrityError("a directory's last record is cut off")


def _rebase(raw: bytearray, start: int, steps: Sequence[int], deltas: Sequence[int]) -> int:
    """Answers where the last record ends."""
    lengths_of, offset_of, put_offset = LENGTHS.unpack_from, OFFSET.unpack_from, OFFSET.pack_into
    first_moved = next(step for step, delta in zip(steps, deltas, strict=True) if delta)
    fixed = CENTRAL_HEADER_SIZE
    at, end = start, len(raw)
    while at < end:
        name_length, extra_length = lengths_of(raw, at + LENGTHS_AT)
        at += fixed + name_length + extra_length
        (offset,) = offset_of(raw, at - OFFSET_FROM_END)
        if offset >= first_moved:
            moved = offset + deltas[bisect_right(steps, offset) - 1]
            put_offset(raw, at - OFFSET_FROM_END, moved)
    return at
