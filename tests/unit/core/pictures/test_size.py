"""What pictures tell in their headers, by the beginnings of their files."""

import struct
from collections.abc import Callable

import pytest

from kili_export.core.pictures.file import MOST_STEPS
from kili_export.core.pictures.size import LARGEST_SIDE, PictureKind, picture_header
from tests.support.picture_files import (
    FRAME,
    JP2,
    LATE_TIFF,
    LONG_METADATA,
    METADATA,
    ORIENTATIONS,
    PNG,
    READ,
    TIFF,
    TURNED,
    TURNING,
    WEBP,
    bitmap,
    box,
    chunk,
    exif,
    exif_segment,
    heif,
    icon,
    irot,
    ispe,
    jpeg,
    tags,
)


@pytest.mark.parametrize(("data", "kind"), READ.values(), ids=READ)
def test_kind_and_size_are_in_the_header(data: bytes, kind: PictureKind) -> None:
    header = picture_header(data)
    assert header is not None
    assert (header.kind, header.stored, header.displayed) == (kind, (7, 5), (7, 5))


@pytest.mark.parametrize(("data", "kind"), READ.values(), ids=READ)
def test_the_same_is_read_through_a_small_beginning(data: bytes, kind: PictureKind) -> None:
    header = picture_header(data[:128], lambda offset, length: data[offset : offset + length])
    assert header is not None
    assert (header.kind, header.stored) == (kind, (7, 5))


def test_a_side_of_256_is_written_as_0_in_icons() -> None:
    header = picture_header(icon((0, 0), (16, 16)))
    assert header is not None
    assert header.stored == (256, 256)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("data", TURNING.values(), ids=TURNING)
def test_exif_turns_the_displayed_size(data: Callable[[int], bytes], orientation: int) -> None:
    header = picture_header(data(orientation))
    assert header is not None
    assert header.stored == (7, 5)
    assert header.displayed == ((5, 7) if orientation in TURNED else (7, 5))


@pytest.mark.parametrize(
    ("name", "in_sdk"),
    [("jpeg", (5, 7)), ("tiff", (5, 7)), ("png", (7, 5)), ("webp", (7, 5))],
)
def test_the_sdk_turns_what_its_reader_turns(name: str, in_sdk: tuple[int, int]) -> None:
    header = picture_header(TURNING[name](6))
    assert header is not None
    assert header.in_sdk == in_sdk


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
@pytest.mark.parametrize(
    ("quarters", "shown"), [(0, (7, 5)), (1, (5, 7)), (2, (7, 5)), (3, (5, 7))]
)
def test_heif_and_avif_turn_by_their_own_property(
    quarters: int, shown: tuple[int, int], brand: bytes
) -> None:
    header = picture_header(heif(ispe(7, 5), irot(quarters), brand=brand))
    assert header is not None
    assert header.displayed == header.in_sdk == shown


def test_a_property_of_another_item_turns_nothing() -> None:
    header = picture_header(heif(ispe(7, 5), irot(1), used=(2,)))
    assert header is not None
    assert header.displayed == (7, 5)


@pytest.mark.parametrize("broken", [b"", b"II", b"II*\0\xff\xff\xff\xff", b"XX" + exif(6)[2:]])
def test_exif_that_cannot_be_read_turns_nothing(broken: bytes) -> None:
    header = picture_header(jpeg(exif_segment(broken)))
    assert header is not None
    assert header.displayed == (7, 5)


UNREADABLE = {
    "nothing": b"",
    "text": b"plain text",
    "an ISO file of another kind": box(b"ftyp", b"isom", bytes(4)),
    "netpbm without a height": b"P6\n7",
    "netpbm of spaces": b"P6" + b" " * 200_000,
    "netpbm of comments": b"P6" + b"#\n" * 100_000,
    "png cut short": PNG[:20],
    "png without a header": PNG[:8] + chunk(b"IDAT", bytes(20)),
    "jpeg cut short": b"\xff\xd8",
    "jpeg without a frame": b"\xff\xd8" + METADATA,
    "jpeg of marks alone": b"\xff\xd8" + b"\xff" * (MOST_STEPS + 100) + FRAME,
    "gif cut short": b"GIF89a",
    "bmp of an unknown header": bitmap(12)[:14] + struct.pack("<I", 5) + bytes(20),
    "tiff cut short": TIFF[:30],
    "tiff whose directory is missing": LATE_TIFF[:500],
    "tiff without a width": tags("<", (257, 3, 5)),
    "big tiff of other offsets": b"II+\0\x04\0\0\0" + bytes(40),
    "webp cut short": WEBP + b"VP8X",
    "webp of another chunk": WEBP + b"ICCP" + bytes(30),
    "icon without pictures": icon(),
    "icon cut short": icon((7, 5))[:-1],
    "heic cut short": heif(ispe(7, 5))[:-30],
    "heic without a size": heif(irot(1)),
    "heic with a margin of nothing": heif(ispe(7, 5), box(b"clap", bytes(32))),
    "heic whose box is larger than its parent": heif(ispe(7, 5)).replace(
        b"\0\0\0\x14ispe", b"\0\0\x7f\x14ispe"
    ),
    "heic whose box is too small": heif(ispe(7, 5)).replace(b"\0\0\0\x14ispe", b"\0\0\0\x04ispe"),
    "jpeg 2000 without a header": JP2,
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_does_not_tell_is_not_guessed(data: bytes) -> None:
    header = picture_header(data)
    assert header is None or header.stored is None


@pytest.mark.parametrize(
    "data",
    [
        PNG[:16] + struct.pack(">II", 0, 5) + PNG[24:],
        PNG[:16] + struct.pack(">II", 7, LARGEST_SIDE + 1) + PNG[24:],
        PNG[:16] + struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF) + PNG[24:],
        bitmap(40, -7, 5),
        bitmap(40, 0, 5),
        bitmap(40, 7, -(1 << 31)),
        b"\xff\xd8" + b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 0, 7, 3),
        tags("<", (256, 16, 1 << 60), (257, 16, 5), big=True),
        heif(ispe(7, 0)),
        b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, 7, 5, 10, 20),
        b"GIF89a" + struct.pack("<HH", 0, 0),
    ],
)
def test_sizes_that_no_picture_has_are_refused(data: bytes) -> None:
    header = picture_header(data)
    assert header is not None
    assert header.stored is None


@pytest.mark.parametrize(("data", "kind"), READ.values(), ids=READ)
def test_every_beginning_of_a_picture_is_read_without_a_failure(
    data: bytes, kind: PictureKind
) -> None:
    for length in range(min(len(data), 400)):
        header = picture_header(data[:length])
        assert header is None or (header.kind is kind and header.stored in (None, (7, 5)))


def test_only_what_is_needed_is_read_behind_the_beginning() -> None:
    data = jpeg(LONG_METADATA * 40)
    read: list[int] = []

    def reading(offset: int, length: int) -> bytes:
        read.append(length)
        return data[offset : offset + length]

    header = picture_header(data[:1000], reading)
    assert header is not None
    assert header.stored == (7, 5)
    assert sum(read) < 1000
