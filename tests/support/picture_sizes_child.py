"""Writes pictures of every kind with Pillow, in the environment of its own, and tells their sizes.

    python picture_sizes_child.py FOLDER

Prints, by the name of each file, its width and height as it is displayed.
"""

import io
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image, ImageOps

WIDTH, HEIGHT = 64, 48
LONG_SEGMENT = b"\xff\xe1\xff\xffFLIR\0" + bytes(65528)


def encoded(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A picture as Pillow writes it."""
    file = io.BytesIO()
    Image.new(mode, (WIDTH, HEIGHT)).save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """Metadata that turn a picture."""
    tags = Image.Exif()
    tags[274] = orientation
    return bytes(tags.tobytes())


def bitmap(header: int, height: int = HEIGHT) -> bytes:
    """A Windows or OS/2 bitmap with a header of so many bytes."""
    rows = bytes(WIDTH * 3 * abs(height))
    if header == 12:
        described = struct.pack("<IHHHH", 12, WIDTH, height, 1, 24)
    else:
        described = struct.pack(
            "<IiiHHIIiiII", header, WIDTH, height, 1, 24, 0, len(rows), 2835, 2835, 0, 0
        ) + bytes(header - 40)
    start = 14 + header
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + described + rows


def turned(orientation: int) -> Iterator[tuple[str, bytes]]:
    """Pictures that are displayed so."""
    tags = exif(orientation)
    jpeg = encoded("JPEG", exif=tags)
    yield "plain.jpg", jpeg
    yield "long-before.jpg", jpeg[:2] + LONG_SEGMENT * 6 + jpeg[2:]
    length = int.from_bytes(jpeg[4:6], "big")
    yield "long-behind.jpg", jpeg[: 4 + length] + LONG_SEGMENT * 6 + jpeg[4 + length :]
    yield "exif.png", encoded("PNG", exif=tags)
    yield "exif.webp", encoded("WEBP", exif=tags)
    yield "exif.avif", encoded("AVIF", exif=tags)
    yield "exif.heic", encoded("HEIF", exif=tags)
    yield "exif.tif", encoded("TIFF", tiffinfo={274: orientation})
    yield "exif-big.tif", encoded("TIFF", tiffinfo={274: orientation}, big_tiff=True)


def plain() -> Iterator[tuple[str, bytes]]:
    """Pictures of every kind and of their variants."""
    for mode in ("1", "L", "P", "RGB", "RGBA", "I;16"):
        yield f"{mode[:1]}{len(mode)}.png", encoded("PNG", mode)
    yield "progressive.jpg", encoded("JPEG", progressive=True)
    yield "gray.jpg", encoded("JPEG", "L")
    yield "cmyk.jpg", encoded("JPEG", "CMYK")
    yield "several.mpo", encoded("MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    yield "a.gif", encoded("GIF")
    for header in (12, 40, 52, 56, 64, 108, 124):
        yield f"{header}.bmp", bitmap(header)
    yield "upside-down.bmp", bitmap(40, -HEIGHT)
    yield "deflated.tif", encoded("TIFF", compression="tiff_deflate")
    yield "lossy.webp", encoded("WEBP")
    yield "lossless.webp", encoded("WEBP", lossless=True)
    yield "alpha.webp", encoded("WEBP", "RGBA")
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9))]
    yield "moving.webp", encoded("WEBP", save_all=True, append_images=frames)
    yield "alpha.avif", encoded("AVIF", "RGBA")
    yield "moving.avif", encoded("AVIF", save_all=True, append_images=frames)
    yield "alpha.heic", encoded("HEIF", "RGBA")
    yield "several.heic", encoded("HEIF", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    yield "sizes.ico", encoded("ICO", sizes=[(16, 12), (WIDTH, HEIGHT), (32, 24)])
    yield "bitmap.ico", encoded("ICO", sizes=[(WIDTH, HEIGHT)], bitmap_format="bmp")
    yield "boxes.jp2", encoded("JPEG2000", no_jp2=False)
    yield "bare.j2k", encoded("JPEG2000", no_jp2=True)
    yield "color.ppm", encoded("PPM")
    yield "gray.pgm", encoded("PPM", "L")
    yield "black.pbm", encoded("PPM", "1")


def main() -> None:
    pillow_heif.register_heif_opener()
    folder = Path(sys.argv[1])
    files = dict(plain())
    for orientation in range(1, 9):
        files |= {f"{orientation}-{name}": data for name, data in turned(orientation)}
    sizes = {}
    for name, data in files.items():
        (folder / name).write_bytes(data)
        with Image.open(io.BytesIO(data)) as picture:
            sizes[name] = ImageOps.exif_transpose(picture).size
    print(json.dumps(sizes))


if __name__ == "__main__":
    main()
