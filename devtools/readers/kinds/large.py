"""An archive of more than 4 GiB that takes next to no disk: its pictures are holes in the file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from io import BufferedRandom
from pathlib import Path
from typing import Final

from devtools.readers.kinds.edited import segment_of
from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import Found, found, listing_of
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.archive_reader import read_archive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.end_of_directory import Tail, encode_tail
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.entry_record import Record
from kili_export.splicing.part_limits import MIB
from kili_export.splicing.regions import Region, Regions
from kili_export.splicing.segment import Segment
from kili_export.splicing.splice import BaseArchive, splice
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, Piece, Source

PICTURE_BYTES: Final = 256 * MIB
PICTURES: Final = 18
"""One more than it takes to pass 4 GiB: one of them is deleted."""
FOUR_GIB: Final = 4 << 30
_ZEROS: Final = Source("zeros", "-", PICTURE_BYTES)


def above_4_gib(folder: Path, labels: int = 200) -> SampleArchive:
    """Half of the labels before the pictures and half behind them, after an edit.

    The edit deletes the first picture, so that entries move back over the border of 4 GiB, and
    replaces a label before it and one behind it.
    """
    files = {_label(number): b"%d\n" % number for number in range(labels)}
    first = folder / "first.zip"
    with first.open("w+b") as file:
        write_with_holes(file, bytes_of(whole_archive(files)))
    edited = {_label(1): b"edited", _label(labels - 1): b"edited", "new.txt": b"new"}
    additions = [AddedEntries.inline(segment_of(edited), Region.LABELS)]
    plan = splice(open_file(first), [_picture(0)], additions)
    path = folder / "archive.zip"
    with path.open("w+b") as file:
        written = write_with_holes(file, bytes_of(plan.pieces, first))
    first.unlink()
    if written != plan.size or written <= FOUR_GIB:
        raise RuntimeError(f"the archive has {written} bytes")
    pictures = {_picture(number): _zeros_found() for number in range(1, PICTURES)}
    return SampleArchive(path, {**listing_of({**files, **edited}), **pictures})


def open_file(path: Path) -> BaseArchive:
    """An archive in a file, opened as one in a bucket is."""
    size = path.stat().st_size
    index = read_archive(lambda start, length: b"".join(_range(path, start, length)), size)
    regions = Regions(0, index.entries_size, index.entries_size)
    return BaseArchive(Source(path.name, "-", size), index.directory, regions)


def write_with_holes(file: BufferedRandom, chunks: Iterable[bytes]) -> int:
    """Writes zeros as holes, which take no disk. Answers how many bytes the file has."""
    size = 0
    for chunk in chunks:
        if chunk.count(0) != len(chunk):
            file.seek(size)
            file.write(chunk)
        size += len(chunk)
    file.truncate(size)
    return size


def bytes_of(pieces: Iterable[Piece], former: Path | None = None) -> Iterator[bytes]:
    """The bytes that pieces stand for. Copies come out of a file, or are of zeros."""
    for piece in pieces:
        if isinstance(piece, InlineBytes):
            yield bytes(piece.data[:])
        elif former is None:
            yield from (bytes(MIB) for _ in range(piece.length // MIB))
        else:
            yield from _range(former, piece.start, piece.length)


def whole_archive(files: Mapping[str, bytes]) -> list[Piece]:
    """The archive before the edit: labels, pictures, labels."""
    names = list(files)
    half = len(names) // 2
    before, after = ({name: files[name] for name in part} for part in (names[:half], names[half:]))
    pieces: list[Piece] = []
    records: list[Record] = []
    at = 0
    for part in (segment_of(before), _pictures(), segment_of(after)):
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
    return [*pieces, InlineBytes(raw), InlineBytes(encode_tail(Tail(at, len(raw), len(directory))))]


def _pictures() -> Iterator[tuple[Record, bytes, CopyRange]]:
    """Entries that are stored, each a header and a copy."""
    first = encode_entry(_picture(0), bytes(PICTURE_BYTES), owner="asset", stored=True)
    header = first.local[:-PICTURE_BYTES]
    for number in range(PICTURES):
        path = _picture(number)
        record = replace(first.record(0), path=path)
        named = header.replace(_picture(0).encode(), path.encode())
        yield record, named, CopyRange(_ZEROS, 0, PICTURE_BYTES)


@cache
def _zeros_found() -> Found:
    return found(bytes(PICTURE_BYTES))


def _range(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        for done in range(0, length, MIB):
            yield file.read(min(MIB, length - done))


def _label(number: int) -> str:
    return f"labels/{number:06d}.txt"


def _picture(number: int) -> str:
    return f"images/{number:02d}.bin"
