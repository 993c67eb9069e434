"""TIFF's directory of tags (TIFF 6.0 section 2, BigTIFF), which EXIF metadata consist of too."""

from typing import Final

from kili_export.core.pictures.file import PictureFile, UnreadableHeader

WIDTH, HEIGHT, ORIENTATION = 256, 257, 274
_MOST_TAGS: Final = 1000
_NUMBERS: Final = {3: "H", 4: "I", 16: "Q"}
_ENDS: Final = {b"II": "<", b"MM": ">"}


def tags_of(file: PictureFile) -> dict[int, int]:
    """The first directory's tags that are single whole numbers. Raises UnreadableHeader."""
    end = _ENDS.get(file.at(0, 2))
    if end is None:
        raise UnreadableHeader
    (version,) = file.numbers(f"{end}H", 2)
    if version == 42:
        (start,) = file.numbers(f"{end}I", 4)
        return _directory(file, start, end, count_layout="H", entry_layout="HHI", room=4)
    if version == 43 and file.numbers(f"{end}HH", 4) == (8, 0):
        (start,) = file.numbers(f"{end}Q", 8)
        return _directory(file, start, end, count_layout="Q", entry_layout="HHQ", room=8)
    raise UnreadableHeader


def is_turned(tags: dict[int, int]) -> bool:
    """Whether the orientation exchanges width and height."""
    return tags.get(ORIENTATION) in {5, 6, 7, 8}


def _directory(
    file: PictureFile, start: int, end: str, *, count_layout: str, entry_layout: str, room: int
) -> dict[int, int]:
    """An entry is a tag, a type, a count and `room` bytes for the value."""
    (count,) = file.numbers(end + count_layout, start)
    at = start + (2 if count_layout == "H" else 8)
    size = 4 + 2 * room
    found: dict[int, int] = {}
    for number in range(min(count, _MOST_TAGS)):
        tag, kind, _ = file.numbers(end + entry_layout, at + number * size)
        if kind in _NUMBERS and (room == 8 or kind != 16):
            value = file.numbers(end + _NUMBERS[kind], at + number * size + 4 + room)
            found.setdefault(tag, value[0])
    return found
