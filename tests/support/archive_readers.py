"""Foreign readers of ZIP archives as judges: each says which files an archive holds.

A reader is a function from a path to the files' SHA-256 by name, or to None where it tests and
lists them without giving them out: unzip and 7z do so with archives of many files, to save time.
Readers that are not on this machine are named, never passed over.
"""

import hashlib
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zipimport
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Listing = dict[str, str | None]
Reader = Callable[[Path], Listing]
_ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8"}
_MANY = 5000
_LOCATOR_AND_END = 42
_JAVA_SOURCE = Path(__file__).with_name("ListZip.java")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all readers agree on: SHA-256 by name; who was asked; who is not here."""

    contents: Mapping[str, str]
    readers: tuple[str, ...]
    missing: tuple[str, ...]


class ReadersDisagree(AssertionError):
    """A reader failed on an archive, or found other files in it than the first one."""


def check_with_every_reader(path: Path) -> Verdict:
    """Reads the archive with all readers of this machine. Raises ReadersDisagree."""
    present = [
        name for name, (program, _) in READERS.items() if _has(program) and is_for(name, path)
    ]
    listings = {name: read_with(name, path) for name in present}
    contents = {name: str(digest) for name, digest in listings["zipfile"].items()}
    for reader, listing in listings.items():
        compare(reader, listing, contents)
    return Verdict(contents, tuple(present), tuple(missing_readers()))


def missing_readers() -> list[str]:
    """The readers that this machine does not have."""
    return [name for name, (program, _) in READERS.items() if not _has(program)]


def is_for(reader: str, path: Path) -> bool:
    """Whether the reader is asked about the archive: some know no ZIP64, or take very long."""
    with path.open("rb") as file:
        file.seek(-min(_LOCATOR_AND_END, path.stat().st_size), os.SEEK_END)
        return reader not in WITHOUT_ZIP64 or not file.read().startswith(b"PK\x06\x07")


def read_with(reader: str, path: Path) -> Listing:
    """The files of an archive as one reader finds them. Raises ReadersDisagree when it fails."""
    try:
        return READERS[reader][1](path)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace")
        raise ReadersDisagree(f"{reader} exits {error.returncode} on {path}: {said}") from error


def compare(reader: str, listing: Listing, expected: Mapping[str, str]) -> None:
    """Raises ReadersDisagree when a listing is another than expected."""
    missing = sorted(set(expected) - set(listing))[:5]
    extra = sorted(set(listing) - set(expected))[:5]
    other = sorted(
        name for name, digest in listing.items() if digest and digest != expected.get(name, digest)
    )[:5]
    if missing or extra or other:
        raise ReadersDisagree(f"{reader}: missing {missing}, extra {extra}, other bytes {other}")


def sha256(data: bytes) -> str:
    """The digest that listings hold."""
    return hashlib.sha256(data).hexdigest()


def walk_local_headers(archive: bytes) -> Listing:
    """The files that a reader finds who only reads forwards; every byte must be accounted for."""
    listing: Listing = {}
    at = 0
    while archive[at : at + 4] == b"PK\x03\x04":
        _, flags, method, _, _, crc, packed, size, name_length, extra_length = struct.unpack_from(
            "<5H3I2H", archive, at + 4
        )
        start = at + 30 + name_length + extra_length
        name = archive[at + 30 : at + 30 + name_length].decode()
        payload = archive[start : start + packed]
        data = zlib.decompress(payload, -15) if method else payload
        if flags & 8 or len(data) != size or zlib.crc32(data) != crc or name in listing:
            raise ReadersDisagree(f"a forward reader stumbles over {name!r}")
        listing[name] = sha256(data)
        at = start + packed
    if archive[at : at + 4] not in {b"PK\x01\x02", b"PK\x05\x06"}:
        raise ReadersDisagree(f"a forward reader finds neither entry nor directory at {at}")
    return listing


def _forwards(path: Path) -> Listing:
    return walk_local_headers(path.read_bytes())


def _zipfile(path: Path) -> Listing:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != len(set(names)):
            raise ReadersDisagree("zipfile: a name comes twice")
        return {name: sha256(archive.read(name)) for name in names}


def _unzip(path: Path) -> Listing:
    tested = subprocess.run(
        ["unzip", "-tqq", path], check=False, capture_output=True, env=_ENVIRONMENT
    )
    if tested.returncode == 1 and b"zipfile is empty" in tested.stdout + tested.stderr:
        return {}
    tested.check_returncode()
    names = _run("unzip", "-Z1", path).decode().splitlines()
    if len(names) > _MANY:
        return dict.fromkeys(names)
    with tempfile.TemporaryDirectory() as folder:
        _run("unzip", "-qq", "-o", path, "-d", folder)
        return _files(Path(folder))


def _seven_zip(path: Path) -> Listing:
    _run(_seven_zip_program(), "t", "-bso0", "-bsp0", path)
    listed = _run(_seven_zip_program(), "l", "-slt", "-ba", path).decode().splitlines()
    names = [line.removeprefix("Path = ") for line in listed if line.startswith("Path = ")]
    if len(names) > _MANY:
        return dict.fromkeys(names)
    with tempfile.TemporaryDirectory() as folder:
        _run(_seven_zip_program(), "x", "-bso0", "-bsp0", "-y", f"-o{folder}", path)
        return _files(Path(folder))


def _bsdtar(path: Path) -> Listing:
    return _tar(subprocess.Popen(_as_tar(f"@{path}"), stdout=subprocess.PIPE))


def _bsdtar_pipe(path: Path) -> Listing:
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as pipe:
        return _tar(subprocess.Popen(_as_tar("@-"), stdin=pipe.stdout, stdout=subprocess.PIPE))


def _busybox(path: Path) -> Listing:
    """BusyBox's unzip knows no ZIP64, and cannot say that an archive is empty."""
    return _extracted(path, "busybox", "unzip", "-q", "-o", path)


def _unar(path: Path) -> Listing:
    return _extracted(path, "unar", "-quiet", "-force-overwrite", "-no-directory", path)


def _minizip(path: Path) -> Listing:
    return _extracted(path, "miniunzip", "-x", "-o", path)


def _archive_zip(path: Path) -> Listing:
    program = (
        "my $zip = Archive::Zip->new($ARGV[0]) or die; $zip->extractTree('', './') == 0 or die"
    )
    return _extracted(path, "perl", "-MArchive::Zip", "-e", program, path)


def _extracted(path: Path, *command: str | Path) -> Listing:
    """What a program writes into the folder that it works in."""
    if not zipfile.ZipFile(path).namelist():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        _run(*command, folder=Path(folder))
        return _files(Path(folder))


def _zipimport(path: Path) -> Listing:
    """Python's importer reads the directory by itself; `get_data` inflates and has no CRC."""
    names = zipfile.ZipFile(path).namelist()
    if not names:
        return {}
    importer = zipimport.zipimporter(str(path))
    return {name: sha256(importer.get_data(name)) for name in names}


def _as_tar(archive: str) -> list[str]:
    return ["bsdtar", "--format=pax", "-cf", "-", archive]


def _tar(process: subprocess.Popen[bytes]) -> Listing:
    listing: Listing = {}
    assert process.stdout is not None
    with process:
        with tarfile.open(fileobj=process.stdout, mode="r|", encoding="utf-8") as archive:
            for member in archive:
                file = archive.extractfile(member)
                assert file is not None, f"bsdtar: {member.name} is not a file"
                listing[member.name] = _digest(file)
        process.stdout.read()
    if process.returncode:
        raise ReadersDisagree(f"bsdtar exits {process.returncode}")
    return listing


def _java(mode: str) -> Reader:
    def read(path: Path) -> Listing:
        lines = _run("java", "-Xshare:auto", _JAVA_SOURCE, mode, path).decode().splitlines()
        return {name: digest for digest, name in (line.split(" ", 1) for line in lines)}

    return read


def _run(*command: str | Path, folder: Path | None = None) -> bytes:
    return subprocess.run(
        command, capture_output=True, check=True, env=_ENVIRONMENT, cwd=folder
    ).stdout


def _files(folder: Path) -> Listing:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def _digest(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _seven_zip_program() -> str:
    return "7z" if shutil.which("7z") else "7zz"


def _has(program: str) -> bool:
    if program == "Archive::Zip":
        found = subprocess.run(
            ["perl", "-MArchive::Zip", "-e", "1"], check=False, capture_output=True
        )
        return found.returncode == 0
    if program == "7z":
        return bool(shutil.which("7z") or shutil.which("7zz"))
    return not program or shutil.which(program) is not None


WITHOUT_ZIP64 = {"BusyBox", "unar", "minizip", "Archive::Zip", "zipimport"}
"""Readers of archives below 4 GiB that have less than 65,535 files."""

READERS: dict[str, tuple[str, Reader]] = {
    "zipfile": ("", _zipfile),
    "a forward reader": ("", _forwards),
    "unzip": ("unzip", _unzip),
    "7z": ("7z", _seven_zip),
    "bsdtar": ("bsdtar", _bsdtar),
    "bsdtar from a pipe": ("bsdtar", _bsdtar_pipe),
    "BusyBox": ("busybox", _busybox),
    "unar": ("unar", _unar),
    "minizip": ("miniunzip", _minizip),
    "Archive::Zip": ("Archive::Zip", _archive_zip),
    "zipimport": ("", _zipimport),
    "Java's ZipFile": ("java", _java("file")),
    "Java's ZipInputStream": ("java", _java("stream")),
}
"""Each reader and the program that it needs."""
