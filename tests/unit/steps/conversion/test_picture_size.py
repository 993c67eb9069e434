"""Sizes of pictures, by their files' beginnings."""

import io
import struct

import pytest

from kili_export.steps.conversion.picture_size import picture_size
from local.kili_standin.projects.pictures import encode_png

PNG = encode_png([bytearray(7)] * 5, [(1, 2, 3)])
METADATA = b"\xff\xe1" + struct.pack(">H", 1002) + bytes(1000)
TIFF = b"II*\0" + struct.pack("<IHHHIHxxHHIIHHII", 8, 3, 256, 3, 1, 7, 257, 4, 1, 5, 258, 3, 1, 8)
BIG_ENDED_TIFF = b"MM\0*" + struct.pack(">IHHHIIHHIHxx", 8, 2, 256, 4, 1, 7, 257, 3, 1, 5)
LATE_TIFF = b"II*\0" + struct.pack("<I", 1000) + bytes(992) + TIFF[8:]
WEBP = b"RIFF\0\0\0\0WEBP"
FRAME = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 5, 7, 3)


@pytest.mark.parametrize(
    "head",
    [
        PNG,
        b"GIF89a" + struct.pack("<HH", 7, 5),
        b"BM" + bytes(16) + struct.pack("<ii", 7, -5),
        b"\xff\xd8" + METADATA + b"\xff" + FRAME,
        b"\xff\xd8\xff\xc4\x00\x04ab" + FRAME,
        TIFF,
        BIG_ENDED_TIFF,
        LATE_TIFF,
        WEBP + b"VP8X" + bytes(8) + b"\x06\0\0\x04\0\0",
        WEBP + b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 6 | 4 << 14 | 1 << 28),
        WEBP + b"VP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", 7 | 1 << 14, 5),
        b"P6\n# a comment\n7 5\n255\n",
    ],
    ids=[
        "png",
        "gif",
        "bmp upside down",
        "jpeg after metadata",
        "jpeg after tables",
        "tiff",
        "tiff of the other end",
        "tiff with its directory behind",
        "webp extended",
        "webp lossless",
        "webp lossy",
        "netpbm",
    ],
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
        TIFF[:30],
        LATE_TIFF[:500],
        WEBP + b"VP8X",
        WEBP + b"ICCP" + bytes(30),
        b"P6\n7",
        b"P6" + b" " * 200_000,
        b"P6" + b"#\n" * 100_000,
    ],
)
def test_what_does_not_tell_is_not_guessed(head: bytes) -> None:
    assert picture_size(head) is None


def test_every_beginning_of_a_picture_is_read_without_a_failure() -> None:
    whole = io.BytesIO(b"\xff\xd8" + METADATA + FRAME).getvalue()
    sizes = {picture_size(whole[:length]) for length in range(len(whole))}
    assert sizes <= {None, (7, 5)}


def test_a_directory_far_behind_is_read_where_it_is() -> None:
    reads: list[int] = []

    def read(offset: int, length: int) -> bytes:
        reads.append(offset)
        return LATE_TIFF[offset : offset + length]

    assert picture_size(LATE_TIFF[:100], read) == (7, 5)
    assert reads == [1000, 1002]
