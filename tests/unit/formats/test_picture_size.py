"""Sizes of pictures, by their files' beginnings."""

import io
import struct

import pytest

from kili_export.domain.picture_size import picture_size
from local.kili_standin.pictures import encode_png

PNG = encode_png([bytearray(7)] * 5, [(1, 2, 3)])
METADATA = b"\xff\xe1" + struct.pack(">H", 1002) + bytes(1000)
FRAME = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 5, 7, 3)


@pytest.mark.parametrize(
    "head",
    [
        PNG,
        b"GIF89a" + struct.pack("<HH", 7, 5),
        b"BM" + bytes(16) + struct.pack("<ii", 7, -5),
        b"\xff\xd8" + METADATA + b"\xff" + FRAME,
        b"\xff\xd8\xff\xc4\x00\x04ab" + FRAME,
    ],
    ids=["png", "gif", "bmp upside down", "jpeg after metadata", "jpeg after tables"],
)
def test_the_size_is_in_the_header(head: bytes) -> None:
    assert picture_size(head) == (7, 5)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"plain text",
        PNG[:20],
        b"\xff\xd8",
        b"\xff\xd8" + METADATA,
        b"\xff\xd8\xff\xda\x00",
        b"GIF89a",
    ],
)
def test_what_does_not_tell_is_not_guessed(head: bytes) -> None:
    assert picture_size(head) is None


def test_every_beginning_of_a_picture_is_read_without_a_failure() -> None:
    whole = io.BytesIO(b"\xff\xd8" + METADATA + FRAME).getvalue()
    sizes = {picture_size(whole[:length]) for length in range(len(whole))}
    assert sizes <= {None, (7, 5)}
