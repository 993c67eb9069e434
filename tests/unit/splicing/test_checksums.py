"""A CRC-32 that is put together is that of the whole."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from kili_export.splicing.crc32 import combined_crc32


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_the_crc_of_parts_is_that_of_the_whole(parts: list[bytes]) -> None:
    crc32 = 0
    for part in parts:
        crc32 = combined_crc32(crc32, zlib.crc32(part), len(part))
    assert crc32 == zlib.crc32(b"".join(parts))


def test_long_parts_count_as_well() -> None:
    first, second = b"first", bytes(70_000_001)
    expected = zlib.crc32(second, zlib.crc32(first))
    assert combined_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == expected
    twice = combined_crc32(zlib.crc32(second), expected, len(first) + len(second))
    assert twice == zlib.crc32(second, zlib.crc32(first, zlib.crc32(second)))
