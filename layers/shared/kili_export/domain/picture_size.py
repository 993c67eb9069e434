"""The size of a picture, read from the beginning of its file.

Layouts: PNG (third edition) section 11.2.1, GIF89a section 18, Windows BMP's BITMAPINFOHEADER,
JPEG (ITU-T T.81) section B.2.
"""

import struct
from typing import Final

HEAD_BYTES: Final = 1 << 18
"""How much of a file is looked at: a JPEG may have long metadata before its frame header."""

# Frame headers; C4, C8 and CC between them are tables.
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})


def picture_size(head: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, None when these bytes do not tell."""
    try:
        size = _size(head)
    except (struct.error, IndexError):
        return None
    return size if size is not None and min(size) > 0 else None


def _size(head: bytes) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return _pair(">II", head, 16)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", head, 6)
    if head.startswith(b"BM"):
        width, height = _pair("<ii", head, 18)
        return width, abs(height)
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


def _pair(layout: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, head, at)
    return int(first), int(second)
