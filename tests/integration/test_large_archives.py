"""An archive of more than 4 GiB and more than 65,535 files, for every reader. `make test-large`.

The server copies one object of zeros again and again, and what is downloaded leaves holes in the
file: it takes 5 GB of disk and some minutes.
"""

import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BufferedRandom
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from kili_export.adapters.s3 import S3ObjectStore
from kili_export.domain.archive.addition import Addition
from kili_export.domain.archive.directory import Directory
from kili_export.domain.archive.entries import encode_entry
from kili_export.domain.archive.layout import Region
from kili_export.domain.archive.limits import MIB, PartLimits
from kili_export.domain.archive.parts import (
    CopyPart,
    CopyRange,
    InlineBytes,
    Piece,
    Source,
    plan_parts,
)
from kili_export.domain.archive.record import STORED, Record
from kili_export.domain.archive.segment import Segment, SegmentBuilder
from kili_export.domain.archive.splice import splice
from kili_export.domain.archive.tail import Tail, encode_tail
from kili_export.domain.archive.wire import local_header
from kili_export.usecases.aggregation.stored_archive import StoredArchive
from local.stack.seaweed import SeaweedServer
from tests.archive_readers import compare, read_with, sha256

pytestmark = [
    pytest.mark.skipif(
        "KILI_EXPORT_LARGE" not in os.environ, reason="takes minutes and 5 GB: make test-large"
    ),
    pytest.mark.timeout(1800),
]
BIG, COUNT = 256 * MIB, 17
READERS = ("zipfile", "unzip", "7z", "bsdtar from a pipe")


def patient_client(server: SeaweedServer) -> Any:
    """A client that asks again: the server is busy for long."""
    key, secret = server._credentials
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "max_attempts": 10},
            read_timeout=300,
            max_pool_connections=32,
        ),
    )


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
        header = local_header(path, method=STORED, crc32=crc, size=BIG, compressed_size=BIG)
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


def stored_bytes(objects: S3ObjectStore, source: Source) -> Iterator[bytes]:
    for start in range(0, source.size, 16 * MIB):
        length = min(16 * MIB, source.size - start)
        yield objects.get_range(source.key, start, length, if_match=source.etag)


def spliced_bytes(pieces: Iterable[Piece], former: Path) -> Iterator[bytes]:
    """What the pieces amount to, with the copies taken from a file."""
    with former.open("rb") as file:
        for piece in pieces:
            if isinstance(piece, InlineBytes):
                yield bytes(piece.data[:])
                continue
            file.seek(piece.start)
            for start in range(0, piece.length, MIB):
                yield file.read(min(MIB, piece.length - start))


def test_every_reader_takes_archives_that_need_all_of_zip64(tmp_path: Path) -> None:
    server = SeaweedServer(
        tmp_path / "s3", bucket="large-archives", access_key_id="key", secret_access_key="secret"
    )
    server.start()
    try:
        client = patient_client(server)
        objects = S3ObjectStore(client, "large-archives")
        stored = objects.put("zeros", bytes(BIG))
        pieces, directory = archive_of(Source(stored.key, stored.etag, BIG))
        # Short copies: the server must answer in time whatever else the machine does.
        parts = plan_parts(pieces, PartLimits(copy=32 * MIB))
        assert sum(isinstance(part, CopyPart) for part in parts) >= COUNT
        whole = objects.compose("large.zip", parts)
        source = Source(whole.key, whole.etag, whole.size)
        assert whole.size > 4 << 30
        assert len(directory) > 65_535
        base = StoredArchive.open(objects, source)
        assert len(base.directory) == len(directory)
        target = tmp_path / "large.zip"
        with target.open("w+b") as file:
            assert write_with_holes(file, stored_bytes(objects, source)) == whole.size
        client.close()
    finally:
        server.stop()

    files = {path: sha256(data) for path, data in labels(0, 70_000).items()}
    files |= dict.fromkeys(
        (f"images/{number:02d}.bin" for number in range(COUNT)), sha256(bytes(BIG))
    )
    for reader in READERS:
        compare(reader, read_with(reader, target), files)

    # One picture goes, so that all behind it moves over the border of 4 GiB; labels change.
    edited = {"labels/000001.txt": b"edited", "labels/069999.txt": b"edited", "new.txt": b"new"}
    plan = splice(
        base.base(),
        ["images/00.bin"],
        [Addition.inline(segment(edited), Region.LABELS)],
    )
    following = tmp_path / "following.zip"
    with following.open("w+b") as file:
        assert write_with_holes(file, spliced_bytes(plan.pieces, target)) == plan.size
    del files["images/00.bin"]
    files |= {path: sha256(data) for path, data in edited.items()}
    for reader in READERS:
        compare(reader, read_with(reader, following), files)
