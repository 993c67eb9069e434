"""Prints SHA-256, size and name of every file that stream-unzip finds, reading forwards."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from stream_unzip import stream_unzip

_CHUNK = 1 << 16


def main(archive: str) -> None:
    """Lists the archive."""
    for name, _, chunks in stream_unzip(_chunks(Path(archive))):
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
        sys.stdout.write(f"{digest.hexdigest()} {size} {name.decode()}\n")


def _chunks(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


main(sys.argv[1])
