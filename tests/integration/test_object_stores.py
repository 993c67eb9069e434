"""The rules of the object store, on S3, in a folder and in the fake of the tests."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from kili_export.core.clock import SystemClock
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.machine.folder_objects import FolderObjects
from kili_export.splicing.part_limits import MIB
from kili_export.splicing.upload_parts import (
    BufferPart,
    CopyPart,
    CopyRange,
    InlineBytes,
    Part,
    Source,
    parts_digest,
)
from kili_export.storage.object_store import ObjectStore, StoredObject
from tests.support.fakes import InMemoryObjects


@dataclass
class Bucket:
    """A store, and a prefix of the test's own."""

    objects: ObjectStore
    prefix: str

    def key(self, name: str) -> str:
        return self.prefix + name

    def names(self, prefix: str = "") -> list[str]:
        return [one.key.removeprefix(self.prefix) for one in self.objects.list(self.key(prefix))]

    def data(self, name: str) -> bytes | None:
        found = self.objects.get(self.key(name))
        return None if found is None else bytes(found[0])


@pytest.fixture
def folder_objects(tmp_path: Path) -> Iterator[FolderObjects]:
    made = FolderObjects.at(tmp_path, SystemClock())
    yield made
    made.database.close()


# The fake must keep the very rules that the stores keep, or the tests over it prove nothing.
@pytest.fixture(params=["S3", "a folder", "the fake"])
def bucket(request: pytest.FixtureRequest, key_prefix: str) -> Bucket:
    match request.param:
        case "S3":
            return Bucket(request.getfixturevalue("object_store"), key_prefix)
        case "a folder":
            return Bucket(request.getfixturevalue("folder_objects"), key_prefix)
        case _:
            return Bucket(InMemoryObjects(), key_prefix)


def source_of(stored: StoredObject) -> Source:
    return Source(stored.key, stored.etag, stored.size)


def test_what_was_put_is_read_as_it_was(bucket: Bucket) -> None:
    key = bucket.key("a/b.json")
    assert bucket.objects.head(key) is None
    assert bucket.objects.get(key) is None
    stored = bucket.objects.put(key, b"0123456789", metadata={"made-by": "test"})
    assert stored.size == 10
    found = bucket.objects.get(key, if_match=stored.etag)
    assert found is not None
    assert (bytes(found[0]), found[1].etag) == (b"0123456789", stored.etag)
    head = bucket.objects.head(key)
    assert head is not None
    assert (head.size, head.etag, head.metadata["made-by"]) == (10, stored.etag, "test")


def test_ranges_have_just_the_bytes_that_were_asked_for(bucket: Bucket) -> None:
    key = bucket.key("ranges")
    stored = bucket.objects.put(key, b"0123456789")
    assert bytes(bucket.objects.get_range(key, 3, 4)) == b"3456"
    assert bytes(bucket.objects.get_range(key, 0, 10, if_match=stored.etag)) == b"0123456789"
    with pytest.raises(IntegrityError):
        bucket.objects.get_range(key, 8, 4)
    with pytest.raises(IntegrityError):
        bucket.objects.get_range(bucket.key("nothing"), 0, 1)
    with pytest.raises(IntegrityError):
        bucket.objects.download(bucket.key("nothing"), io.BytesIO())
    target = io.BytesIO()
    assert bucket.objects.download(key, target).etag == stored.etag
    assert target.getvalue() == b"0123456789"


def test_a_version_that_was_replaced_is_not_read_for_the_former_one(bucket: Bucket) -> None:
    key = bucket.key("replaced")
    former = bucket.objects.put(key, b"one")
    bucket.objects.put(key, b"two")
    for read in (
        lambda: bucket.objects.get(key, if_match=former.etag),
        lambda: bucket.objects.get_range(key, 0, 3, if_match=former.etag),
        lambda: bucket.objects.download(key, io.BytesIO(), if_match=former.etag),
    ):
        with pytest.raises(ConflictError):
            read()


def test_conditions_decide_about_writes(bucket: Bucket) -> None:
    key = bucket.key("conditional")
    with pytest.raises(ConflictError):
        bucket.objects.put(key, b"none", if_match='"of-nothing"')
    first = bucket.objects.put(key, b"one", if_none_match=True)
    with pytest.raises(ConflictError):
        bucket.objects.put(key, b"two", if_none_match=True)
    second = bucket.objects.put(key, b"two", if_match=first.etag)
    with pytest.raises(ConflictError):
        bucket.objects.put(key, b"three", if_match=first.etag)
    assert second.etag != first.etag
    assert bucket.data("conditional") == b"two"


def test_of_many_that_replace_the_same_version_one_succeeds(bucket: Bucket) -> None:
    if isinstance(bucket.objects, InMemoryObjects):
        pytest.skip("one thread uses the fake")
    key = bucket.key("raced")
    first = bucket.objects.put(key, b"first")
    ready = threading.Barrier(6)

    def replace(number: int) -> bytes | None:
        data = f"racer {number}".encode()
        ready.wait()
        try:
            bucket.objects.put(key, data, if_match=first.etag)
        except ConflictError:
            return None
        return data

    with ThreadPoolExecutor(6) as racers:
        won = [data for data in racers.map(replace, range(6)) if data is not None]
    assert won == [bucket.data("raced")]


def test_an_object_is_composed_of_ranges_and_bytes(bucket: Bucket) -> None:
    large = bytes(range(256)) * (24 * MIB // 256)
    one = bucket.objects.put(bucket.key("large"), large)
    two = bucket.objects.put(bucket.key("small"), b"abcdef")
    parts: list[Part] = [
        CopyPart(source_of(one), 100, 6 * MIB),
        BufferPart(
            (
                CopyRange(source_of(two), 1, 3),
                InlineBytes(b"between" * MIB),
                CopyRange(source_of(one), 7, 9),
            )
        ),
        CopyPart(source_of(one), 0, 5 * MIB),
    ]
    expected = (
        large[100 : 100 + 6 * MIB] + b"bcd" + b"between" * MIB + large[7:16] + large[: 5 * MIB]
    )
    stored = bucket.objects.compose(bucket.key("whole"), parts, metadata={"made-by": "test"})
    assert stored.size == len(expected)
    assert bucket.data("whole") == expected
    head = bucket.objects.head(bucket.key("whole"))
    assert head is not None
    assert head.metadata["made-by"] == "test"


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_nothing_is_composed_of_a_source_that_changed(bucket: Bucket, change: str) -> None:
    former = bucket.objects.put(bucket.key("source"), b"x" * 6 * MIB)
    if change == "replaced":
        bucket.objects.put(bucket.key("source"), b"y" * 6 * MIB)
    else:
        bucket.objects.delete([bucket.key("source")])
    parts: list[Part] = [
        CopyPart(source_of(former), 0, 6 * MIB),
        BufferPart((InlineBytes(b"end"),)),
    ]
    with pytest.raises(ConflictError):
        bucket.objects.compose(bucket.key("whole"), parts)
    assert "whole" not in bucket.names()


def test_what_was_composed_by_the_same_plan_counts_as_written(bucket: Bucket) -> None:
    parts: list[Part] = [BufferPart((InlineBytes(b"whole"),))]
    key, plan = bucket.key("planned"), parts_digest(parts)
    assert bucket.objects.composed(key, plan) is None
    first = bucket.objects.compose(key, parts, if_none_match=True, plan=plan)
    again = bucket.objects.compose(key, parts, if_none_match=True, plan=plan)
    assert again.etag == first.etag
    composed = bucket.objects.composed(key, plan)
    assert composed is not None
    assert composed.etag == first.etag
    assert bucket.objects.composed(key, "another") is None
    with pytest.raises(ConflictError):
        bucket.objects.compose(key, parts, if_none_match=True, plan="another")


def test_objects_are_listed_by_key_below_a_prefix(bucket: Bucket) -> None:
    names = ["a/2", "a/10", "a/b/c", "b/1", "a/É", "a"]
    for name in names:
        bucket.objects.put(bucket.key(name), name.encode())
    assert bucket.names("a/") == ["a/10", "a/2", "a/b/c", "a/É"]
    assert bucket.names() == sorted(names)
    assert bucket.names("nothing") == []
    listed = next(bucket.objects.list(bucket.key("b/")))
    assert listed.size == 3
    assert listed.modified is not None
    assert list(bucket.objects.folders(bucket.prefix)) == ["a", "b"]
    assert list(bucket.objects.folders(bucket.key("a/"))) == ["b"]


def test_names_that_xml_cannot_write_are_listed_and_deleted(bucket: Bucket) -> None:
    names = ["plain.txt", "x\ufffe.txt", "x\uffff.txt"]
    for name in names:
        bucket.objects.put(bucket.key(name), b"x")
    assert bucket.names() == names
    bucket.objects.delete(map(bucket.key, names))
    assert bucket.names() == []


def test_more_than_a_page_is_listed_and_deleted(bucket: Bucket) -> None:
    names = [f"many/{number:04d}" for number in range(1100)]
    for name in names:
        bucket.objects.put(bucket.key(name), b"x")
    assert bucket.names("many/") == names
    bucket.objects.delete(bucket.key(name) for name in [*names[:1050], "many/unknown"])
    assert bucket.names("many/") == names[1050:]
