"""A full export of a small archive asks for each segment of a batch once."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from kili_export.core.export_options import ExportOptions
from kili_export.runs.messages import ByteRange, ExportSegment
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.regions import Regions
from kili_export.splicing.splice import SplicePlan
from kili_export.splicing.upload_parts import (
    BufferPart,
    CopyRange,
    InlineBytes,
    Part,
    Piece,
    Source,
)
from kili_export.steps.publishing.assets.held_entries import HeldEntries
from kili_export.storage.object_store import StoredObject
from tests.support.fakes import InMemoryObjects
from tests.unit.steps.publishing.test_media import bench_of, put

BATCH = Source("batch", "etag", 100)


@dataclass(slots=True)
class WatchedObjects(InMemoryObjects):
    """Notes of what batches something is composed."""

    composed_of: list[str] = field(default_factory=list)

    def compose(self, key: str, parts: Any, **more: Any) -> StoredObject:
        for part in parts:
            self.composed_of += _sources(part)
        return InMemoryObjects.compose(self, key, parts, **more)


def _sources(part: Part) -> list[str]:
    pieces = part.pieces if isinstance(part, BufferPart) else [part]
    return [one.source.key for one in pieces if not isinstance(one, InlineBytes)]


def exported(rewrite_below: int) -> tuple[dict[str, bytes], list[str], list[str]]:
    """The files of a full export; the batches that were read, and those that were copied."""
    bench = bench_of("raw")
    bench.options = {"raw": ExportOptions("kili")}
    bench.objects = objects = WatchedObjects()
    bench.limits = PartLimits(rewrite_below=rewrite_below)
    for number in range(5):
        put(bench, number, f"{number}.jpg")
    bench.rebuild()
    read = [key for name, key in objects.requests if name == "get_range" and "/batches/" in key]
    return bench.files("raw"), read, [key for key in objects.composed_of if "/batches/" in key]


def test_entries_of_a_small_archive_come_with_their_records() -> None:
    files, read, copied = exported(PartLimits().rewrite_below)
    assert len(read) == len(set(read)) == 2
    assert copied == []
    assert len(files) > 5


def test_a_larger_archive_is_copied_out_of_its_batches() -> None:
    files, read, copied = exported(0)
    assert len(read) == len(set(read)) == 2
    assert set(copied) == set(read)
    assert files == exported(PartLimits().rewrite_below)[0]


def segment(start: int, entries: int, records: int) -> ExportSegment:
    return ExportSegment(
        entries=ByteRange(start=start, length=entries),
        records=ByteRange(start=start + entries, length=records),
        count=1,
    )


def put_into(held: HeldEntries, *pieces: Piece) -> list[bytes | Piece]:
    size = sum(piece.length for piece in pieces)
    plan = SplicePlan(list(pieces), Directory.from_records([]), Regions(0, size, size), size)
    put = held.put_into(plan).pieces
    return [bytes(one.data[:]) if isinstance(one, InlineBytes) else one for one in put]


def test_ranges_of_what_is_held_become_bytes() -> None:
    held = HeldEntries(10)
    assert held.reserve(segment(20, 6, 3))
    held.hold(BATCH, 20, b"abcdef")
    elsewhere = CopyRange(Source("batch", "other", 100), 20, 2)
    outside = CopyRange(BATCH, 25, 2)
    before = CopyRange(BATCH, 19, 2)
    ready = InlineBytes(b"x")
    found = put_into(held, CopyRange(BATCH, 21, 3), elsewhere, outside, before, ready)
    assert found == [b"bcd", elsewhere, outside, before, b"x"]


def test_more_than_a_small_archive_is_not_held_at_all() -> None:
    held = HeldEntries(10)
    assert held.reserve(segment(0, 6, 3))
    held.hold(BATCH, 0, b"abcdef")
    assert not held.reserve(segment(0, 5, 3))
    late = Source("late", "etag", 100)
    held.hold(late, 0, b"abcdef")
    pieces = [CopyRange(BATCH, 0, 6), CopyRange(late, 0, 6)]
    assert put_into(held, *pieces) == pieces


@pytest.mark.parametrize("away", [-1, 1])
def test_records_elsewhere_are_read_alone(away: int) -> None:
    apart = segment(20, 6, 3)
    records = ByteRange(start=apart.records.start + away, length=3)
    assert not HeldEntries(10).reserve(apart.model_copy(update={"records": records}))


def test_records_alone_are_read_alone() -> None:
    assert not HeldEntries(10).reserve(segment(20, 0, 3))
