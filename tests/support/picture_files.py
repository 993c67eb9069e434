"""The beginnings of pictures' files: 7 pixels wide and 5 high, of every kind that is read."""

import struct
from collections.abc import Callable

from kili_export.core.pictures.size import PictureKind
from kili_export.local.kili_standin.projects.pictures import encode_png

PNG = encode_png([bytearray(7)] * 5, [(1, 2, 3)])
METADATA = b"\xff\xe1" + struct.pack(">H", 1002) + bytes(1000)
LONG_METADATA = b"\xff\xe1\xff\xffFLIR\0" + bytes(65528)
FRAME = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 5, 7, 3)
WEBP = b"RIFF\0\0\0\0WEBP"
LOSSY = WEBP + b"VP8 " + bytes(7) + b"\x9d\x01\x2a" + struct.pack("<HH", 7 | 1 << 14, 5)
LOSSLESS = WEBP + b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 6 | 4 << 14 | 1 << 28)
TURNED = (5, 6, 7, 8)
ORIENTATIONS = range(1, 9)


def tags(end: str, *entries: tuple[int, int, int], big: bool = False, start: int = 0) -> bytes:
    """A TIFF of one directory: each entry a tag, a type (3, 4 or 16) and a value."""
    number = {3: "H", 4: "I", 16: "Q"}
    room = 8 if big else 4
    body = b"".join(
        struct.pack(end + ("HHQ" if big else "HHI"), tag, kind, 1)
        + struct.pack(end + number[kind], value).ljust(room, b"\0")
        for tag, kind, value in entries
    )
    mark = b"II" if end == "<" else b"MM"
    if big:
        at = start or 16
        head = mark + struct.pack(end + "HHHQ", 43, 8, 0, at)
        return head.ljust(at, b"\0") + struct.pack(end + "Q", len(entries)) + body
    at = start or 8
    head = mark + struct.pack(end + "HI", 42, at)
    return head.ljust(at, b"\0") + struct.pack(end + "H", len(entries)) + body


TIFF = tags("<", (256, 3, 7), (257, 4, 5), (258, 3, 8))
LATE_TIFF = tags("<", (256, 3, 7), (257, 4, 5), start=100_000)


def exif(orientation: int, end: str = "<") -> bytes:
    return tags(end, (274, 3, orientation))


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + FRAME


def exif_segment(data: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 8 + len(data)) + b"Exif\0\0" + data


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + bytes(4)


def extended_webp(*chunks: tuple[bytes, bytes], flags: int = 0) -> bytes:
    head = bytes([flags, 0, 0, 0]) + b"\x06\0\0\x04\0\0"
    listed = ((b"VP8X", head), *chunks)
    return WEBP + b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in listed
    )


def bitmap(header: int, width: int = 7, height: int = 5) -> bytes:
    layout = "<HH" if header == 12 else "<ii"
    sizes = struct.pack(layout, width, height)
    return (b"BM" + bytes(12) + struct.pack("<I", header) + sizes).ljust(14 + header, b"\0")


def box(kind: bytes, *held: bytes) -> bytes:
    data = b"".join(held)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def heif(
    *properties: bytes,
    brand: bytes = b"heic",
    used: tuple[int, ...] | None = None,
    version: int = 0,
) -> bytes:
    """A file with a first item that is not the main one, and the main one with `properties`."""
    numbers = tuple(range(2, 2 + len(properties))) if used is None else used
    item = ">I" if version else ">H"
    owners = b"".join(
        struct.pack(item, owner) + bytes([len(of), *of])
        for owner, of in ((1, (1,)), (2, tuple(0x80 | number for number in numbers)))
    )
    thumbnail = ispe(1, 1)
    full = struct.pack(">I", version << 24)
    return box(b"ftyp", brand, bytes(4), b"mif1") + box(
        b"meta",
        bytes(4),
        box(b"pitm", full, struct.pack(">I" if version else ">H", 2)),
        box(
            b"iprp",
            box(b"ipco", thumbnail, *properties),
            box(b"ipma", full, struct.pack(">I", 2), owners),
        ),
    )


def ispe(width: int, height: int) -> bytes:
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def clap(width: int, height: int) -> bytes:
    return box(b"clap", struct.pack(">IIIIIIII", width, 1, height, 1, 0, 1, 0, 1))


def irot(quarters: int) -> bytes:
    return box(b"irot", bytes([quarters]))


JP2 = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 ", bytes(4), b"jp2 ")
CODESTREAM = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, 17, 25, 10, 20)


def icon(*sides: tuple[int, int]) -> bytes:
    entries = b"".join(bytes([width, height]) + bytes(14) for width, height in sides)
    return b"\0\0\1\0" + struct.pack("<H", len(sides)) + entries


READ: dict[str, tuple[bytes, PictureKind]] = {
    "png": (PNG, PictureKind.PNG),
    "gif": (b"GIF89a" + struct.pack("<HH", 7, 5), PictureKind.GIF),
    **{f"bmp of {n}": (bitmap(n), PictureKind.BMP) for n in (12, 16, 40, 52, 56, 64, 108, 124)},
    "bmp upside down": (bitmap(40, 7, -5), PictureKind.BMP),
    "jpeg after metadata": (jpeg(METADATA, b"\xff"), PictureKind.JPEG),
    "jpeg after tables": (jpeg(b"\xff\xc4\x00\x04ab"), PictureKind.JPEG),
    "jpeg after megabytes": (jpeg(LONG_METADATA * 40), PictureKind.JPEG),
    "tiff": (TIFF, PictureKind.TIFF),
    "tiff of the other end": (tags(">", (256, 4, 7), (257, 3, 5)), PictureKind.TIFF),
    "tiff with its directory behind": (LATE_TIFF, PictureKind.TIFF),
    **{
        f"big tiff {end} {kind}": (
            tags(end, (256, kind, 7), (257, kind, 5), big=True, start=start),
            PictureKind.TIFF,
        )
        for end, kind, start in (("<", 3, 0), (">", 4, 0), ("<", 16, 100_000), (">", 16, 0))
    },
    "webp extended": (extended_webp(), PictureKind.WEBP),
    "webp lossless": (LOSSLESS, PictureKind.WEBP),
    "webp lossy": (LOSSY, PictureKind.WEBP),
    "heic": (heif(ispe(7, 5)), PictureKind.HEIC),
    "heic of many items": (heif(ispe(7, 5), version=1), PictureKind.HEIC),
    "heic with a margin": (heif(ispe(64, 64), clap(7, 5)), PictureKind.HEIC),
    "avif": (heif(ispe(7, 5), brand=b"avif"), PictureKind.AVIF),
    "avif of frames": (heif(ispe(7, 5), brand=b"avis"), PictureKind.AVIF),
    "jpeg 2000": (
        JP2 + box(b"jp2h", box(b"ihdr", struct.pack(">II", 5, 7), bytes(6))),
        PictureKind.JPEG2000,
    ),
    "jpeg 2000 without boxes": (CODESTREAM, PictureKind.JPEG2000),
    "icon": (icon((3, 2), (7, 5), (5, 6)), PictureKind.ICON),
    "netpbm": (b"P6\n# a comment\n7 5\n255\n", PictureKind.NETPBM),
}


TURNING: dict[str, Callable[[int], bytes]] = {
    "jpeg": lambda n: jpeg(exif_segment(exif(n))),
    "jpeg of the other end": lambda n: jpeg(exif_segment(exif(n, ">"))),
    "jpeg behind long metadata": lambda n: jpeg(LONG_METADATA * 6, exif_segment(exif(n))),
    "jpeg before long metadata": lambda n: jpeg(exif_segment(exif(n)), LONG_METADATA * 6),
    "png": lambda n: PNG[:33] + chunk(b"eXIf", exif(n)) + PNG[33:],
    "png behind the picture": lambda n: PNG[:-12] + chunk(b"eXIf", exif(n)) + PNG[-12:],
    "webp": lambda n: extended_webp((b"ALPH", b"abc"), (b"EXIF", exif(n)), flags=8),
    "webp with a prefix": lambda n: extended_webp((b"EXIF", b"Exif\0\0" + exif(n)), flags=8),
    "tiff": lambda n: tags("<", (256, 3, 7), (257, 3, 5), (274, 3, n)),
    "big tiff": lambda n: tags(">", (256, 3, 7), (257, 3, 5), (274, 3, n), big=True),
}
