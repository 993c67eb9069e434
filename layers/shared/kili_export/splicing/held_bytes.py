"""Bytes that are at hand, in memory or in a file, and that are read a slice at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

_CHUNK: Final = 1 << 20


class ByteSource(Protocol):
    """Bytes of a known length. `bytes` and `bytearray` are such; so may be a file.

    A slice of them is read when it is asked for.
    """

    def __len__(self) -> int:
        """How many bytes these are."""

    def __getitem__(self, span: slice, /) -> bytes | bytearray | memoryview:
        """Some of them."""


Hold = Callable[[Iterable[bytes | bytearray]], ByteSource]
"""Takes chunks in and keeps them, one after another."""


def hold_in_memory(chunks: Iterable[bytes | bytearray]) -> ByteSource:
    """Keeps chunks as one piece of memory."""
    return b"".join(chunks)


def chunks_of(held: ByteSource, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes from `start` to `end`, a MiB at a time."""
    stop = len(held) if end is None else end
    for at in range(start, stop, _CHUNK):
        yield bytes(held[at : min(at + _CHUNK, stop)])


@dataclass(frozen=True, slots=True)
class ByteSlice:
    """A slice of what is held, not read yet."""

    held: ByteSource
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, span: slice, /) -> bytes | bytearray | memoryview:
        start, stop, _ = span.indices(len(self))
        return self.held[self.start + start : self.start + stop]

    def __bytes__(self) -> bytes:
        return bytes(self[:])


def cut_held(held: ByteSource, start: int, end: int) -> ByteSource:
    """A slice of what is held, without copying or reading it."""
    if isinstance(held, bytes | bytearray | memoryview):
        return memoryview(held)[start:end]
    if isinstance(held, ByteSlice):
        return ByteSlice(held.held, held.start + start, held.start + end)
    return ByteSlice(held, start, end)
