"""An archive of more than 4 GiB and more than 65,535 files, for every reader. `make test-large`.

Zeros are holes in the file: it takes minutes, because all of it is read, and next to no disk.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BufferedRandom
from pathlib import Path

import pytest

from kili_export.core.dos_time import FORMER_DATE
from kili_export.splicing.addition import Addition
from kili_export.splicing.archive_reader import read_archive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.end_of_directory import Tail, encode_tail
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.entry_record import STORED, Record
from kili_export.splicing.part_limits import MIB
from kili_export.splicing.regions import Region, Regions
from kili_export.splicing.segment import Segment, SegmentBuilder
from kili_export.splicing.splice import BaseArchive, splice
from kili_export.splicing.upload_parts import (
    CopyPart,
    CopyRange,
    InlineBytes,
    Piece,
    Source,
    plan_parts,
)
from kili_export.splicing.zip_headers import local_header
from tests.support.archive_readers import compare, read_with, sha256
from tests.support.large import large

pytestmark = [
    large,
    pytest.mark.timeout(1800),
]
BIG, COUNT = 256 * MIB, 17
READERS = ("zipfile", "unzip", "7z", "bsdtar from a pipe")


def labels(first: int, count: int) -> dict[str, bytes]:
    return {f"labels/{number:06d}.txt": b"%d\n" % number for number in range(first, first + count)}


def segment(files: dict[str, bytes]) -> Segment:
    builder = SegmentBuilder()
    for path, data in files.items():
        builder.add(encode_entry(path, data, owner="asset"))
    return builder.finish()


def pictures(zeros: Source) -> Iterator[tuple[Record, bytes, CopyRange]]:
    """Entries that are stored, each a header and a copy."""
    crc = zlib.crc32(bytes(BIG))
    for number in range(COUNT):
        path = f"images/{number:02d}.bin"
        header = local_header(
            path, method=STORED, crc32=crc, size=BIG, compressed_size=BIG, modified=FORMER_DATE
        )
        record = Record(path, "asset", crc, BIG, BIG, STORED, 0, len(header) + BIG)
        yield record, header, CopyRange(zeros, 0, BIG)


def archive_of(zeros: Source) -> tuple[list[Piece], Directory]:
    """Some labels, the pictures, and labels that begin behind 4 GiB."""
    pieces: list[Piece] = []
    records: list[Record] = []
    at = 0
    for part in (segment(labels(0, 40_000)), pictures(zeros), segment(labels(40_000, 30_000))):
        if isinstance(part, Segment):
            pieces.append(InlineBytes(part.body))
            records += [replace(one, offset=one.offset + at) for one in part.directory.records()]
            at += len(part.body)
            continue
        for record, header, copy in part:
            pieces += [InlineBytes(header), copy]
            records.append(replace(record, offset=at))
            at += record.local_length
    directory = Directory.from_records(records)
    raw = directory.raw[:]
    pieces += [InlineBytes(raw), InlineBytes(encode_tail(Tail(at, len(raw), len(directory))))]
    return pieces, directory


def write_with_holes(file: BufferedRandom, chunks: Iterable[bytes]) -> int:
    """Zeros take no room. Answers how many bytes the file has."""
    size = 0
    for chunk in chunks:
        if chunk.count(0) != len(chunk):
            file.seek(size)
            file.write(chunk)
        size += len(chunk)
    file.truncate(size)
    return size


def bytes_of(pieces: Iterable[Piece], former: Path | None = None) -> Iterator[bytes]:
    """What the pieces amount to. Copies come out of a file, or are of zeros."""
    for piece in pieces:
        if isinstance(piece, InlineBytes):
            yield bytes(piece.data[:])
        elif former is None:
            yield from (bytes(MIB) for _ in range(piece.length // MIB))
        else:
            yield from _range(former, piece.start, piece.length)


def _range(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        for done in range(0, length, MIB):
            yield file.read(min(MIB, length - done))


def open_file(path: Path) -> BaseArchive:
    """An archive in a file, opened as one in a bucket is."""
    size = path.stat().st_size
    index = read_archive(lambda start, length: b"".join(_range(path, start, length)), size)
    regions = Regions(0, index.entries_size, index.entries_size)
    return BaseArchive(Source(path.name, "-", size), index.directory, regions)


def test_every_reader_takes_archives_that_need_all_of_zip64(tmp_path: Path) -> None:
    pieces, directory = archive_of(Source("zeros", "-", BIG))
    assert sum(isinstance(part, CopyPart) for part in plan_parts(pieces)) >= COUNT
    target = tmp_path / "large.zip"
    with target.open("w+b") as file:
        assert write_with_holes(file, bytes_of(pieces)) > 4 << 30
    assert len(directory) > 65_535
    base = open_file(target)
    assert len(base.directory) == len(directory)
    files = {path: sha256(data) for path, data in labels(0, 70_000).items()}
    picture = sha256(bytes(BIG))
    files |= {f"images/{number:02d}.bin": picture for number in range(COUNT)}
    for reader in READERS:
        compare(reader, read_with(reader, target), files)

    # One picture goes, so that what is behind it moves over the border of 4 GiB; labels change.
    edited = {"labels/000001.txt": b"edited", "labels/069999.txt": b"edited", "new.txt": b"new"}
    additions = [Addition.inline(segment(edited), Region.LABELS)]
    plan = splice(base, ["images/00.bin"], additions)
    following = tmp_path / "following.zip"
    with following.open("w+b") as file:
        assert write_with_holes(file, bytes_of(plan.pieces, target)) == plan.size
    del files["images/00.bin"]
    files |= {path: sha256(data) for path, data in edited.items()}
    for reader in READERS:
        compare(reader, read_with(reader, following), files)
