"""What is written of stored objects: JSON as it is, everything else as a digest."""

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson

from tests.pins.product import InMemoryObjects

_DIGITS = 16
_LONGEST_TEXT = 4000
_SHOWN = 4
_NUMBER = re.compile(r"[0-9a-f]*[0-9]+[0-9a-f]*")


def digest(data: bytes) -> str:
    """The first 64 bits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


def files_digest(archive: bytes) -> str:
    """A digest of an archive's files, however they are compressed, dated and put in order."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        files = sorted((name, digest(opened.read(name))) for name in opened.namelist())
    return digest(json.dumps(files).encode())


def document(data: bytes) -> Any:
    """JSON as a value where that stands for these bytes and no others; else text, or a digest."""
    if len(data) > _LONGEST_TEXT:
        return f"{len(data)} bytes, {digest(data)}"
    try:
        value = orjson.loads(data)
    except ValueError:
        return _lines(data)
    return value if orjson.dumps(value) == data else data.decode()


def _lines(data: bytes) -> Any:
    try:
        return data.decode().split("\n")
    except UnicodeDecodeError:
        return f"{len(data)} bytes, {digest(data)}"


def writings(objects: InMemoryObjects) -> list[tuple[str, bytes]]:
    """Everything that was ever stored, by key and then in order. `keeps_versions` must be set."""
    assert objects.keeps_versions
    stored = ((key, data) for key, (data, _) in objects.stored.items())
    return sorted((*objects.versions, *stored), key=lambda written: written[0])


def documents(written: Iterable[tuple[str, bytes]]) -> dict[str, list[Any]]:
    """What was stored under each key, oldest first.

    Of keys that differ by their numbers alone a few are shown in full, all others as digests.
    """
    found: dict[str, list[Any]] = {}
    shown: Counter[str] = Counter()
    for key, data in written:
        kind = _NUMBER.sub("#", key)
        shown[kind] += 1
        is_packed = key.endswith((".zip", ".bin"))
        whole = not is_packed and shown[kind] <= _SHOWN
        found.setdefault(key, []).append(document(data) if whole else digest(data))
    return found
