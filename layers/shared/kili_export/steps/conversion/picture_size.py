"""The size of a picture, read from the headers of its file.

Layouts: PNG (third edition) section 11.2.1, GIF89a section 18, Windows BMP's BITMAPINFOHEADER,
JPEG (ITU-T T.81) section B.2, TIFF 6.0 section 2, WebP (RFC 9649) section 2, Netpbm's manual.
"""

import re
import struct
from collections.abc import Callable
from typing import Final

HEAD_BYTES: Final = 1 << 18
"""How much of a file is looked at: a JPEG may have long metadata before its frame header."""
# Frame headers; C4, C8 and CC between them are tables.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})

_NETPBM: Final = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")
_TIFF_ENDS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_NUMBERS: Final = {3: "H", 4: "I"}
_TIFF_ENTRIES: Final = 1000
Read = Callable[[int, int], bytes]
"""Bytes of a file from an offset on, fewer where it ends."""


def picture_size(head: bytes, read: Read | None = None) -> tuple[int, int] | None:
    """Width and height in pixels, None when the file does not tell.

    `head` is its beginning. `read` reads elsewhere in it: TIFF may have its directory at the end.
    """
    try:
        size = _size(head, read or (lambda offset, length: head[offset : offset + length]))
    except (struct.error, IndexError):
        return None
    return size if size is not None and min(size) > 0 else None


def _size(head: bytes, read: Read) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return _pair(">II", head, 16)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", head, 6)
    if head.startswith(b"BM"):
        width, height = _pair("<ii", head, 18)
        return width, abs(height)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(head)
    if head[:4] in _TIFF_ENDS:
        return _tiff(_TIFF_ENDS[head[:4]], head, read)
    if (netpbm := _NETPBM.match(head)) is not None:
        return int(netpbm[1]), int(netpbm[2])
    return _jpeg(head) if head.startswith(b"\xff\xd8") else None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _FRAMES:
            height, width = _pair(">HH", head, at + 5)
            return width, height
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", head, at + 2)[0])
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, rest, height, last = struct.unpack_from("<HBHB", head, 24)
        return 1 + width + (rest << 16), 1 + height + (last << 16)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = _pair("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(end: str, head: bytes, read: Read) -> tuple[int, int] | None:
    (offset,) = struct.unpack_from(f"{end}I", head, 4)
    (count,) = struct.unpack(f"{end}H", read(offset, 2))
    entries = read(offset + 2, 12 * min(count, _TIFF_ENTRIES))
    found: dict[int, int] = {}
    for at in range(0, len(entries) - 11, 12):
        tag, kind = struct.unpack_from(f"{end}HH", entries, at)
        if kind in _TIFF_NUMBERS:
            found.setdefault(tag, *struct.unpack_from(end + _TIFF_NUMBERS[kind], entries, at + 8))
    width, height = found.get(_TIFF_WIDTH), found.get(_TIFF_HEIGHT)
    return None if width is None or height is None else (width, height)


def _pair(layout: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, head, at)
    return int(first), int(second)
