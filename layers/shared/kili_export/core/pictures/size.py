"""What a picture's file tells in its header: its kind, its size, and whether it is shown turned.

Layouts: PNG (third edition) section 11, GIF89a section 18, Windows BMP's headers and that of
OS/2 1.x, JPEG (ITU-T T.81) section B.2, EXIF 2.32, WebP (RFC 9649) section 2, Netpbm's manual,
Windows icons; see picture_tags and picture_boxes for the others.
"""

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kili_export.core.pictures.boxes import (
    AVIF_BRANDS,
    HEIF_BRANDS,
    brands_of,
    codestream_size,
    heif_size,
    jpeg2000_size,
)
from kili_export.core.pictures.file import PictureFile, Read, UnreadableHeader, steps
from kili_export.core.pictures.tags import HEIGHT, WIDTH, is_turned, tags_of

HEAD_BYTES: Final = 1 << 16
"""How much of a file is read at once; the rest is read where a header says that more follows."""
LARGEST_SIDE: Final = 1_000_000
"""Pixels: a header that tells of more is broken."""
# Frame headers; C4, C8 and CC between them are tables.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})
_APP1: Final = 0xE1
_EXIF: Final = b"Exif\0\0"
_NETPBM: Final = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")
_MOST_ICONS: Final = 1000


class PictureKind(StrEnum):
    """How a picture is encoded, by the extension that its files have."""

    JPEG = ".jpg"
    PNG = ".png"
    GIF = ".gif"
    BMP = ".bmp"
    WEBP = ".webp"
    TIFF = ".tif"
    AVIF = ".avif"
    HEIC = ".heic"
    JPEG2000 = ".jp2"
    ICON = ".ico"
    NETPBM = ".pnm"


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """`stored` is width and height in pixels as the picture is encoded, None where unreadable.

    `turned`: it is shown on its side, as EXIF or its container says.
    """

    kind: PictureKind
    stored: tuple[int, int] | None = None
    turned: bool = False

    @property
    def displayed(self) -> tuple[int, int] | None:
        """Width and height as browsers and most loaders show it."""
        return self.stored[::-1] if self.stored and self.turned else self.stored

    @property
    def in_sdk(self) -> tuple[int, int] | None:
        """As the SDK reads it with imagesize 2, which passes over EXIF in PNG and WebP."""
        plain = self.kind in (PictureKind.PNG, PictureKind.WEBP)
        return self.stored if plain else self.displayed


def picture_header(head: bytes, read: Read | None = None) -> PictureHeader | None:
    """What the file tells of itself, None when it is no picture that is known here.

    `head` is its beginning. `read` reads elsewhere in it: TIFF may have its directory at the end.
    """
    file = PictureFile(head, read or (lambda offset, length: head[offset : offset + length]))
    try:
        kind = _kind(file)
    except UnreadableHeader:
        return None
    if kind is None:
        return None
    try:
        width, height, turned = _READERS[kind](file)
    except UnreadableHeader:
        return PictureHeader(kind)
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        return PictureHeader(kind)
    return PictureHeader(kind, (width, height), turned)


_SIGNATURES: Final = (
    (b"\xff\xd8", PictureKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", PictureKind.PNG),
    (b"GIF87a", PictureKind.GIF),
    (b"GIF89a", PictureKind.GIF),
    (b"BM", PictureKind.BMP),
    (b"II*\0", PictureKind.TIFF),
    (b"MM\0*", PictureKind.TIFF),
    (b"II+\0", PictureKind.TIFF),
    (b"MM\0+", PictureKind.TIFF),
    (b"\xff\x4f\xff\x51", PictureKind.JPEG2000),
    (b"\0\0\0\x0cjP  ", PictureKind.JPEG2000),
    (b"\0\0\1\0", PictureKind.ICON),
)


def _kind(file: PictureFile) -> PictureKind | None:
    head = file.head
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return PictureKind.WEBP
    if head[4:8] == b"ftyp":
        brands = brands_of(file)
        if brands & AVIF_BRANDS:
            return PictureKind.AVIF
        return PictureKind.HEIC if brands & HEIF_BRANDS else None
    return PictureKind.NETPBM if _NETPBM.match(head) else None


_Size = tuple[int, int, bool]
"""Width, height, and whether it is shown on its side."""


def _png(file: PictureFile) -> _Size:
    if file.at(12, 4) != b"IHDR":
        raise UnreadableHeader
    width, height = file.numbers(">II", 16)
    return width, height, _png_is_turned(file)


def _png_is_turned(file: PictureFile) -> bool:
    """By its eXIf chunk, which may follow the picture. A file cut short is not turned."""
    at = 8
    try:
        for _ in steps():
            length, name = file.numbers(">I4s", at)
            if name == b"eXIf":
                return _exif_is_turned(file.part(at + 8))
            if name == b"IEND":
                break
            at += 12 + length
    except UnreadableHeader:
        pass
    return False


def _gif(file: PictureFile) -> _Size:
    width, height = file.numbers("<HH", 6)
    return width, height, False


def _bmp(file: PictureFile) -> _Size:
    """A height below zero means that the rows begin at the top."""
    (header,) = file.numbers("<I", 14)
    if header == 12:
        width, height = file.numbers("<HH", 18)
    elif header >= 16:
        width, height = file.numbers("<ii", 18)
    else:
        raise UnreadableHeader
    return width, abs(height), False


def _jpeg(file: PictureFile) -> _Size:
    at, turned = 2, False
    for _ in steps():
        mark, marker = file.at(at, 2)
        if mark != 0xFF:
            raise UnreadableHeader
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            (length,) = file.numbers(">H", at + 2)
            if marker in _FRAMES:
                height, width = file.numbers(">HH", at + 5)
                return width, height, turned
            if marker == _APP1 and length >= 8 and file.at(at + 4, 6) == _EXIF:
                turned = turned or _exif_is_turned(file.part(at + 10))
            at += 2 + length
    raise UnreadableHeader


def _exif_is_turned(file: PictureFile) -> bool:
    """EXIF that cannot be read says nothing, as all readers have it."""
    try:
        return is_turned(tags_of(file))
    except UnreadableHeader:
        return False


def _webp(file: PictureFile) -> _Size:
    kind = file.at(12, 4)
    if kind == b"VP8X":
        flags, width, rest, height, last = file.numbers("<BxxxHBHB", 20)
        turned = bool(flags & 8) and _webp_is_turned(file)
        return 1 + width + (rest << 16), 1 + height + (last << 16), turned
    if kind == b"VP8L":
        (bits,) = file.numbers("<I", 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), False
    if kind == b"VP8 ":
        width, height = file.numbers("<HH", 26)
        return width & 0x3FFF, height & 0x3FFF, False
    raise UnreadableHeader


def _webp_is_turned(file: PictureFile) -> bool:
    """By its EXIF chunk, which follows the picture. A file cut short is not turned."""
    at = 12
    try:
        for _ in steps():
            name, length = file.numbers("<4sI", at)
            if name == b"EXIF":
                prefix = len(_EXIF) if length >= 6 and file.at(at + 8, 6) == _EXIF else 0
                return _exif_is_turned(file.part(at + 8 + prefix))
            at += 8 + length + length % 2
    except UnreadableHeader:
        pass
    return False


def _tiff(file: PictureFile) -> _Size:
    tags = tags_of(file)
    if WIDTH not in tags or HEIGHT not in tags:
        raise UnreadableHeader
    return tags[WIDTH], tags[HEIGHT], is_turned(tags)


def _jpeg2000(file: PictureFile) -> _Size:
    found = codestream_size if file.head.startswith(b"\xff\x4f") else jpeg2000_size
    return (*found(file), False)


def _icon(file: PictureFile) -> _Size:
    """The largest one; a side of 256 is written as 0."""
    (count,) = file.numbers("<H", 4)
    if not 0 < count <= _MOST_ICONS:
        raise UnreadableHeader
    sides = [
        tuple(side or 256 for side in struct.unpack("BB", file.at(6 + 16 * number, 16)[:2]))
        for number in range(count)
    ]
    width, height = max(sides, key=lambda pair: pair[0] * pair[1])
    return width, height, False


def _netpbm(file: PictureFile) -> _Size:
    found = _NETPBM.match(file.head)
    if found is None:
        raise UnreadableHeader
    return int(found[1]), int(found[2]), False


_READERS: Final = {
    PictureKind.JPEG: _jpeg,
    PictureKind.PNG: _png,
    PictureKind.GIF: _gif,
    PictureKind.BMP: _bmp,
    PictureKind.WEBP: _webp,
    PictureKind.TIFF: _tiff,
    PictureKind.AVIF: heif_size,
    PictureKind.HEIC: heif_size,
    PictureKind.JPEG2000: _jpeg2000,
    PictureKind.ICON: _icon,
    PictureKind.NETPBM: _netpbm,
}
