"""Pictures in boxes: HEIF and AVIF (ISO 23008-12 on ISO 14496-12), JPEG 2000 (ISO 15444-1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kili_export.core.pictures.file import PictureFile, UnreadableHeader, steps

AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
)
_MOST_BRANDS: Final = 64
_QUARTER_TURNS: Final = frozenset({1, 3})


@dataclass(frozen=True, slots=True)
class Box:
    """`start` and `end` bound what it holds, its header left out."""

    kind: bytes
    start: int
    end: int


def boxes(file: PictureFile, start: int, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow each other; `end` is None for those of the file itself.

    Raises UnreadableHeader for one whose length is impossible, or where the file ends.
    """
    for _ in steps():
        if end is not None and end - start < 8:
            return
        size, kind = file.numbers(">I4s", start)
        header = 8
        if size == 1:
            (size,) = file.numbers(">Q", start + 8)
            header = 16
        last = size == 0
        if last:
            size = (1 << 62) if end is None else end - start
        if size < header or (end is not None and start + size > end):
            raise UnreadableHeader
        yield Box(kind, start + header, start + size)
        if last:
            return
        start += size


def brands_of(file: PictureFile) -> frozenset[bytes]:
    """What an ISO file says it is; nothing for another one. Raises UnreadableHeader."""
    first = next(boxes(file, 0))
    if first.kind != b"ftyp" or first.end - first.start < 8:
        return frozenset()
    count = min((first.end - first.start - 8) // 4, _MOST_BRANDS)
    listed = file.at(first.start + 8, 4 * count)
    major = file.at(first.start, 4)
    return frozenset({major, *(listed[at : at + 4] for at in range(0, len(listed), 4))})


def heif_size(file: PictureFile) -> tuple[int, int, bool]:
    """Width and height of the main picture, and whether it is shown on its side.

    Decoders cut out the clean aperture. Raises UnreadableHeader.
    """
    meta = _first(boxes(file, 0), b"meta")
    children = {box.kind: box for box in boxes(file, meta.start + 4, meta.end)}
    item = _main_item(file, children)
    inner = {box.kind: box for box in boxes(file, *_span(children, b"iprp"))}
    properties = list(boxes(file, *_span(inner, b"ipco")))
    used = [
        properties[index - 1]
        for index in _property_numbers(file, _of(inner, b"ipma"), item)
        if 0 < index <= len(properties)
    ]
    width, height = file.numbers(">II", _first(iter(used), b"ispe").start + 4)
    turned = False
    for box in used:
        if box.kind == b"clap":
            width, height = _aperture(file, box)
        elif box.kind == b"irot":
            turned = turned != (file.at(box.start, 1)[0] & 3 in _QUARTER_TURNS)
    return width, height, turned


def jpeg2000_size(file: PictureFile) -> tuple[int, int]:
    """Width and height of a JP2 file. Raises UnreadableHeader."""
    header = _first(boxes(file, 0), b"jp2h")
    image = _first(boxes(file, header.start, header.end), b"ihdr")
    height, width = file.numbers(">II", image.start)
    return width, height


def codestream_size(file: PictureFile) -> tuple[int, int]:
    """Width and height of JPEG 2000 without boxes. Raises UnreadableHeader."""
    right, bottom, left, top = file.numbers(">IIII", 8)
    return right - left, bottom - top


def _main_item(file: PictureFile, children: dict[bytes, Box]) -> int:
    box = _of(children, b"pitm")
    version = file.at(box.start, 1)[0]
    return int(file.numbers(">H" if version == 0 else ">I", box.start + 4)[0])


def _property_numbers(file: PictureFile, box: Box, item: int) -> list[int]:
    """The item's properties, by their numbers from 1, in the order in which they apply."""
    flags: Any
    (flags,) = file.numbers(">I", box.start)
    (count,) = file.numbers(">I", box.start + 4)
    item_layout = ">I" if flags >> 24 else ">H"
    number_layout, mask = (">H", 0x7FFF) if flags & 1 else (">B", 0x7F)
    at = box.start + 8
    for _, _ in zip(steps(), range(count), strict=False):
        (owner,) = file.numbers(item_layout, at)
        at += 4 if flags >> 24 else 2
        (length,) = file.numbers(">B", at)
        at += 1
        width = 2 if flags & 1 else 1
        if owner == item:
            return [file.numbers(number_layout, at + width * n)[0] & mask for n in range(length)]
        at += width * length
    raise UnreadableHeader


def _aperture(file: PictureFile, box: Box) -> tuple[int, int]:
    across, across_by, down, down_by = file.numbers(">IIII", box.start)
    if not (across_by and down_by):
        raise UnreadableHeader
    return across // across_by, down // down_by


def _first(found: Iterator[Box], kind: bytes) -> Box:
    box = next((box for box in found if box.kind == kind), None)
    if box is None:
        raise UnreadableHeader
    return box


def _of(children: dict[bytes, Box], kind: bytes) -> Box:
    if kind not in children:
        raise UnreadableHeader
    return children[kind]


def _span(children: dict[bytes, Box], kind: bytes) -> tuple[int, int]:
    box = _of(children, kind)
    return box.start, box.end
