"""Objects of more parts than an upload may have: what is stored meanwhile, and what stays."""

import random
from dataclasses import dataclass

import pytest

from kili_export.core.errors import Unavailable
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import CopyRange, InlineBytes, Piece, Source
from kili_export.storage.large_objects import LargeObjects
from tests.support.fakes import InMemoryObjects
from tests.unit.steps.publishing.test_media import bench_of, put

FEW = PartLimits(
    min_part=5, max_part=4000, max_parts=3, rewrite_below=0, copy_from=5, copy=40, buffer=20
)
JOINS = "runs/p/r/joins/e/"


@dataclass
class Site:
    objects: InMemoryObjects
    pieces: list[Piece]
    contents: bytes

    @classmethod
    def of(cls, count: int) -> "Site":
        objects, pieces, contents = InMemoryObjects(), list[Piece](), b""
        for number in range(count):
            data = random.Random(number).randbytes(30)
            stored = objects.put(f"runs/p/r/batches/{number}", data)
            pieces.append(CopyRange(Source(stored.key, stored.etag, stored.size), 0, stored.size))
            contents += data
        return cls(objects, [*pieces, InlineBytes(b"end")], contents + b"end")

    def compose(self) -> None:
        stored = LargeObjects(self.objects, FEW, JOINS).compose("archive", self.pieces)
        assert stored.size == len(self.contents)

    def joined(self) -> list[str]:
        return [stored.key for stored in self.objects.list(JOINS)]

    def composed(self) -> list[str]:
        return [key for operation, key in self.objects.requests if operation == "compose"]


@pytest.mark.parametrize("count", [2, 3, 9, 40])
def test_it_is_the_same_object_and_nothing_else_stays(count: int) -> None:
    site = Site.of(count)
    site.compose()
    assert site.objects.stored["archive"][0] == site.contents
    assert site.joined() == []
    assert (len(site.composed()) > 1) == (count > 2)


def test_what_was_joined_before_a_crash_is_not_joined_again() -> None:
    site = Site.of(9)

    def fail() -> None:
        raise Unavailable("the bucket does not answer")

    reach = site.objects.interleaving
    for wait in range(3):
        reach.before("compose", fail if wait == 2 else lambda: None)
    with pytest.raises(Unavailable):
        site.compose()
    present = {key: site.objects.stored[key][1].etag for key in site.joined()}
    assert len(present) == 2
    site.compose()
    assert site.objects.stored["archive"][0] == site.contents
    assert site.joined() == []


def test_a_crash_right_after_the_last_request_joins_nothing_again() -> None:
    site = Site.of(9)

    def fail() -> None:
        raise Unavailable("the bucket does not answer")

    site.objects.interleaving.before("list", fail)
    with pytest.raises(Unavailable):
        site.compose()
    # Another invocation deleted some of them, and was cut off as well.
    site.objects.delete(site.joined()[:1])
    site.objects.requests.clear()
    site.compose()
    assert site.composed() == []
    assert site.joined() == []


@pytest.mark.parametrize("change", ["rebuild", "increment"])
def test_archives_and_deltas_are_the_same_however_many_parts_they_have(change: str) -> None:
    archives = []
    for most in (10_000, 3):
        limits = PartLimits(
            min_part=64, max_parts=most, rewrite_below=0, copy_from=64, copy=1024, buffer=512
        )
        bench = bench_of("yolo", "raw", limits=limits)
        for number in range(12):
            put(bench, number, f"{number}.jpg")
        bench.rebuild()
        if change == "rebuild":
            bench.rebuild()
        else:
            bench.run([put(bench, 3, "3.jpg", version=1)])
        archives.append(
            [
                bench.objects.stored[key][0]
                for name in ("yolo", "raw")
                for manifest in [bench.manifest(name)]
                for key in (manifest.archive.key, *(one.key for one in manifest.recent_deltas))
            ]
        )
        left = [stored.key for stored in bench.objects.list("runs/") if "/joins/" in stored.key]
        assert left == []
        joined = any("/joins/" in key for _, key in bench.objects.requests)
        assert joined == (most == 3)
    assert archives[0] == archives[1]
