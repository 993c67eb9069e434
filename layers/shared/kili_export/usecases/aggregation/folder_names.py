"""Files by name, and which of them are called like folders of others."""

from collections.abc import Iterator
from typing import Final

from kili_export.domain.folders import named_like_folders
from kili_export.usecases.aggregation.sorting import Sorter, grouped

_END: Final = b"\0"


def grouped_by_name(items: Sorter) -> Iterator[tuple[list[bytes], bool]]:
    """Items of one name together, and whether a folder of that name has other files in it.

    Each item begins with its name and a NUL. They are read twice, because what is in a folder
    may come long after its name.
    """
    like_folders = Sorter()
    for name in named_like_folders(map(_name, items)):
        like_folders.add(name)
    remaining = iter(like_folders)
    folder = next(remaining, None)
    for group in grouped(items, _name):
        is_folder = _name(group[0]) == folder
        if is_folder:
            folder = next(remaining, None)
        yield group, is_folder


def _name(item: bytes) -> bytes:
    return item.partition(_END)[0]
