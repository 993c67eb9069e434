"""Foreign programs that read archives: each must find them sound and complete.

A program that is not on this machine is named, never passed over.
"""

import os
import shutil
import struct
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

Count = Callable[[Path], int]
_ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}
_HEADER = struct.Struct("<4s5H3I2H")
_DATA_DESCRIPTOR = 8
_CHUNK = 1 << 20


class Unreadable(Exception):
    """A program does not take an archive for sound; the message says which, and why."""


def check(archive: Path) -> tuple[list[str], list[str]]:
    """The readers that found the archive sound, and those that are not here.

    Raises Unreadable when one fails, or finds another number of files than the others.
    """
    with zipfile.ZipFile(archive) as opened:
        expected = len(opened.namelist())
    agreed: list[str] = []
    missing: list[str] = []
    for name, (program, count) in _READERS.items():
        if program and not shutil.which(program):
            missing.append(name)
            continue
        try:
            found = count(archive)
        except subprocess.CalledProcessError as error:
            said = (error.stderr or b"").decode(errors="replace").strip()[-300:]
            raise Unreadable(f"{name} exits {error.returncode}: {said}") from error
        if found != expected:
            raise Unreadable(f"{name} finds {found} files, the directory names {expected}")
        agreed.append(name)
    return agreed, missing


def _unzip(archive: Path) -> int:
    _run("unzip", "-tqq", archive)
    return len(_run("unzip", "-Z1", archive).splitlines())


def _seven_zip(archive: Path) -> int:
    _run("7z", "t", "-bso0", "-bsp0", archive)
    listed = _run("7z", "l", "-slt", "-ba", archive).splitlines()
    return sum(line.startswith(b"Path = ") for line in listed)


def _bsdtar_from_a_pipe(archive: Path) -> int:
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(["cat", archive], stdout=subprocess.PIPE) as cat,
        subprocess.Popen(
            ["bsdtar", "-tf", "-"], stdin=cat.stdout, stdout=subprocess.PIPE, stderr=errors
        ) as bsdtar,
    ):
        listed, _ = bsdtar.communicate()
        if bsdtar.returncode:
            errors.seek(0)
            raise subprocess.CalledProcessError(bsdtar.returncode, "bsdtar", stderr=errors.read())
    return len(listed.splitlines())


def _forwards(archive: Path) -> int:
    """Reads from the first byte on, as a reader of a stream does, and checks every file's CRC."""
    count = 0
    with archive.open("rb") as stream:
        while (header := stream.read(_HEADER.size))[:4] == b"PK\x03\x04":
            _, _, flags, method, _, _, crc, packed, size, name, extra = _HEADER.unpack(header)
            path = stream.read(name)
            stream.seek(extra, os.SEEK_CUR)
            if flags & _DATA_DESCRIPTOR or _checked(stream, method, packed) != (size, crc):
                raise Unreadable(f"a forward reader stumbles over {path!r}")
            count += 1
    if header[:4] not in {b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"}:
        raise Unreadable("a forward reader finds neither a file nor the directory")
    return count


def _checked(stream: IO[bytes], method: int, packed: int) -> tuple[int, int]:
    """Size and CRC of a file's contents."""
    unpacker = zlib.decompressobj(-15) if method else None
    size = crc = 0
    while packed:
        chunk = stream.read(min(packed, _CHUNK))
        if not chunk:
            break
        packed -= len(chunk)
        data = unpacker.decompress(chunk) if unpacker else chunk
        size, crc = size + len(data), zlib.crc32(data, crc)
    return size, crc


def _run(*command: str | Path) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, env=_ENVIRONMENT).stdout


_READERS: dict[str, tuple[str, Count]] = {
    "unzip -t": ("unzip", _unzip),
    "7z t": ("7z", _seven_zip),
    "bsdtar from a pipe": ("bsdtar", _bsdtar_from_a_pipe),
    "a forward reader": ("", _forwards),
}
"""Each reader and the program that it needs."""
