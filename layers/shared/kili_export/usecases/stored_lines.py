"""Stored objects of lines, read a few MiB at a time."""

from collections.abc import Iterable, Iterator
from typing import Final

from kili_export.ports import ObjectStore, StoredObject

_CHUNK: Final = 8 << 20


def iter_lines(
    objects: ObjectStore, key: str, *, size: int | None = None, chunk: int = _CHUNK
) -> Iterator[bytes] | None:
    """The lines of an object that are not blank; None when there is no such object.

    `size`, where it is known, spares a request for small objects: those of up to `chunk` bytes,
    which is also what is read at once. Raises ConflictError when the
    object is replaced meanwhile.
    """
    if size is not None and size <= chunk:
        found = objects.get(key)
        return None if found is None else _not_blank(found[0].split(b"\n"))
    stored = objects.head(key)
    return None if stored is None else _not_blank(_lines(objects, stored, chunk))


def _not_blank(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.strip())


def _lines(objects: ObjectStore, stored: StoredObject, chunk: int) -> Iterator[bytes]:
    rest = b""
    for start in range(0, stored.size, chunk):
        length = min(chunk, stored.size - start)
        data = rest + objects.get_range(stored.key, start, length, if_match=stored.etag)
        *lines, rest = data.split(b"\n")
        yield from lines
    yield rest
