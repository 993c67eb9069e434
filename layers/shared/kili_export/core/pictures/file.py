"""A picture's file as the readers of its header see it: bytes by offset, read where they are.

Whatever a file claims, no reader takes more than a bounded number of steps through it, and none
asks for more bytes at once than `LARGEST_READ`.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Read = Callable[[int, int], bytes]
"""Bytes of a file from an offset on, fewer where it ends."""

LARGEST_READ: Final = 1 << 18
MOST_STEPS: Final = 20_000
"""Segments, chunks or boxes that are passed over: a PNG of 150 MB may have as many."""


class UnreadableHeader(ValueError):
    """The file ends within its header, or its header contradicts itself."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """`head` is the beginning of the file. `read` reads elsewhere in it."""

    head: bytes
    read: Read

    def at(self, offset: int, length: int) -> bytes:
        """Exactly so many bytes. Raises UnreadableHeader where the file is shorter."""
        if length > LARGEST_READ:
            raise UnreadableHeader
        data = self.head[offset : offset + length]
        if len(data) < length:
            data = self.read(offset, length)
        if len(data) < length:
            raise UnreadableHeader
        return data

    def numbers(self, layout: str, offset: int) -> tuple[Any, ...]:
        """The numbers of that `struct` layout. Raises UnreadableHeader."""
        return struct.unpack(layout, self.at(offset, struct.calcsize(layout)))

    def part(self, start: int) -> "PictureFile":
        """The same file as if it began there: offsets within metadata count from its start."""
        return PictureFile(
            self.head[start:], lambda offset, length: self.read(start + offset, length)
        )


def steps() -> Iterator[int]:
    """As many steps as a reader may take. Raises UnreadableHeader after the last one."""
    yield from range(MOST_STEPS)
    raise UnreadableHeader
