"""Archives composed on a real S3 server."""

import random
import threading
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.core.errors import AccessDenied, ConflictError, IntegrityError, Unavailable
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.archive_reader import read_archive, read_entry
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.part_limits import DEFAULT_LIMITS, MIB
from kili_export.splicing.regions import Region
from kili_export.splicing.segment import Segment, SegmentBuilder
from kili_export.splicing.splice import BaseArchive, SplicePlan, splice
from kili_export.splicing.upload_parts import (
    BufferPart,
    CopyPart,
    InlineBytes,
    Part,
    Source,
    plan_parts,
)
from kili_export.storage.object_store import StoredObject
from tests.support.archive_readers import check_with_every_reader, sha256
from tests.support.seaweed import BUCKET

ALWAYS_COPY = replace(DEFAULT_LIMITS, rewrite_below=0, copy=8 * MIB)


def segment(files: Mapping[str, bytes], *, stored: bool = False) -> Segment:
    builder = SegmentBuilder()
    for path, data in files.items():
        builder.add(encode_entry(path, data, owner="asset", stored=stored))
    return builder.finish()


def publish(
    store: S3ObjectStore, key: str, plan: SplicePlan, parts: Sequence[Part] | None = None
) -> tuple[StoredObject, BaseArchive]:
    stored = store.compose(key, plan_parts(plan.pieces) if parts is None else parts)
    source = Source(stored.key, stored.etag, stored.size)
    return stored, BaseArchive(source, plan.directory, plan.regions)


def pictures(count: int, size: int) -> dict[str, bytes]:
    randomness = random.Random(7)
    return {f"images/{i:03d}.jpg": randomness.randbytes(size) for i in range(count)}


def open_uploads(client: Any, prefix: str) -> list[str]:
    answer = client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)
    return [upload["Key"] for upload in answer.get("Uploads", [])]


def whole(store: S3ObjectStore, key: str) -> bytes:
    found = store.get(key)
    assert found is not None, f"{key} was not written"
    return found[0]


def write_large_archive(store: S3ObjectStore, key: str) -> tuple[dict[str, bytes], BaseArchive]:
    """12 MB of pictures and some labels, written at once."""
    media = pictures(6, 2 * MIB)
    labels = {f"labels/{i:03d}.txt": b"0 0.5 0.5 0.1 0.1\n" * (i + 1) for i in range(200)}
    additions = [
        AddedEntries.inline(segment(media, stored=True), Region.MEDIA),
        AddedEntries.inline(segment(labels), Region.LABELS),
    ]
    _, base = publish(store, key, splice(None, (), additions))
    return {**media, **labels}, base


@pytest.fixture(scope="module")
def large_archive(s3_client: Any) -> tuple[dict[str, bytes], BaseArchive]:
    """An archive that no test changes."""
    return write_large_archive(S3ObjectStore(s3_client, BUCKET), "shared/base.zip")


@pytest.fixture
def own_archive(object_store: S3ObjectStore, key_prefix: str) -> BaseArchive:
    """An archive that the test may change."""
    return write_large_archive(object_store, f"{key_prefix}base.zip")[1]


def test_an_edited_label_leaves_the_pictures_to_the_server(
    s3_client: Any,
    object_store: S3ObjectStore,
    key_prefix: str,
    large_archive: tuple[dict[str, bytes], BaseArchive],
    tmp_path: Path,
) -> None:
    files, base = large_archive
    edited = {"labels/007.txt": b"edited", "labels/new.txt": b"", "README.md": b"# read me"}
    additions = [
        AddedEntries.inline(segment(dict(list(edited.items())[:2])), Region.LABELS),
        AddedEntries.inline(segment({"README.md": edited["README.md"]}), Region.DOCUMENTS),
    ]
    plan = splice(base, ["labels/011.txt"], additions)
    parts = plan_parts(plan.pieces, ALWAYS_COPY)
    traffic = S3Traffic(s3_client)
    stored, _ = publish(object_store, f"{key_prefix}next.zip", plan, parts)
    moved = traffic.snapshot()

    copied = [part for part in parts if isinstance(part, CopyPart)]
    assert sum(part.length for part in copied) >= 12 * MIB
    assert moved.requests["UploadPartCopy"] == len(copied)
    assert moved.bytes_up < MIB
    assert moved.bytes_down < MIB
    assert stored.size == plan.size
    archive = tmp_path / "next.zip"
    with archive.open("wb") as target:
        object_store.download(stored.key, target, if_match=stored.etag)
    expected = {**files, **edited}
    del expected["labels/011.txt"]
    verdict = check_with_every_reader(archive)
    assert verdict.contents == {name: sha256(data) for name, data in expected.items()}


def test_a_deleted_picture_is_gone_from_the_file(
    object_store: S3ObjectStore,
    key_prefix: str,
    large_archive: tuple[dict[str, bytes], BaseArchive],
) -> None:
    files, base = large_archive
    plan = splice(base, ["images/005.jpg"], [])
    stored, _ = publish(
        object_store, f"{key_prefix}next.zip", plan, plan_parts(plan.pieces, ALWAYS_COPY)
    )
    archive = whole(object_store, stored.key)
    assert files["images/005.jpg"][:64] not in archive
    assert zipfile.ZipFile(BytesIO(archive)).testzip() is None
    assert len(archive) == stored.size


def test_large_segments_are_copied_and_small_ones_join_a_part(
    object_store: S3ObjectStore, key_prefix: str
) -> None:
    large = segment(pictures(4, 2 * MIB), stored=True)
    small = segment({"labels/a.txt": b"a" * 100})
    stored = object_store.put(f"{key_prefix}batch", b"head" + large.body + small.body)
    source = Source(stored.key, stored.etag, stored.size)
    additions = [
        AddedEntries.stored(source, 4, len(large.body), large.directory, Region.MEDIA),
        AddedEntries.stored(
            source, 4 + len(large.body), len(small.body), small.directory, Region.LABELS
        ),
    ]
    plan = splice(None, (), additions)
    parts = plan_parts(plan.pieces, ALWAYS_COPY)
    assert [type(part) for part in parts] == [CopyPart, BufferPart]
    written, _ = publish(object_store, f"{key_prefix}archive.zip", plan, parts)
    with zipfile.ZipFile(BytesIO(whole(object_store, written.key))) as archive:
        assert archive.read("labels/a.txt") == b"a" * 100
        assert archive.testzip() is None


def test_an_archive_is_read_piece_by_piece_with_its_version_pinned(
    object_store: S3ObjectStore, own_archive: BaseArchive
) -> None:
    source = own_archive.source

    def fetch(start: int, length: int) -> bytes:
        return object_store.get_range(source.key, start, length, if_match=source.etag)

    index = read_archive(fetch, source.size)
    assert index.directory == own_archive.directory
    record = index.directory.find("labels/100.txt")
    assert record is not None
    assert read_entry(fetch, record) == b"0 0.5 0.5 0.1 0.1\n" * 101
    object_store.put(source.key, b"something else")
    with pytest.raises(ConflictError):
        fetch(0, 10)


def test_a_source_that_changed_ends_the_upload_with_nothing_left(
    s3_client: Any, object_store: S3ObjectStore, key_prefix: str, own_archive: BaseArchive
) -> None:
    plan = splice(own_archive, ["labels/000.txt"], [])
    object_store.put(own_archive.source.key, b"x" * own_archive.source.size)
    with pytest.raises(ConflictError):
        object_store.compose(f"{key_prefix}next.zip", plan_parts(plan.pieces, ALWAYS_COPY))
    assert open_uploads(s3_client, key_prefix) == []
    assert object_store.head(f"{key_prefix}next.zip") is None


def test_a_source_that_is_gone_is_a_conflict_too(
    s3_client: Any, object_store: S3ObjectStore, key_prefix: str, own_archive: BaseArchive
) -> None:
    object_store.delete([own_archive.source.key])
    copied: list[Part] = [
        CopyPart(own_archive.source, 0, 6 * MIB),
        BufferPart((InlineBytes(b"end"),)),
    ]
    read = plan_parts(splice(own_archive, [], []).pieces)
    for parts in (copied, read):
        with pytest.raises(ConflictError):
            object_store.compose(f"{key_prefix}next.zip", parts)
    assert open_uploads(s3_client, key_prefix) == []


def test_of_many_racing_publishers_one_commits_and_none_leaves_an_upload(
    s3_client: Any,
    object_store: S3ObjectStore,
    key_prefix: str,
    large_archive: tuple[dict[str, bytes], BaseArchive],
) -> None:
    """Each writes an archive of its own; the manifest decides, by one conditional write."""
    _, base = large_archive
    manifest = f"{key_prefix}manifest.json"
    first = object_store.put(manifest, b"what all plan from")
    gate = threading.Barrier(5, timeout=60)

    def write(number: int) -> str | None:
        added = segment({f"labels/by-{number}.txt": b"x"})
        plan = splice(base, [], [AddedEntries.inline(added, Region.LABELS)])
        gate.wait()
        stored, _ = publish(
            object_store,
            f"{key_prefix}archives/{number}.zip",
            plan,
            plan_parts(plan.pieces, ALWAYS_COPY),
        )
        try:
            object_store.put(manifest, stored.key.encode(), if_match=first.etag)
        except ConflictError:
            return None
        return stored.key

    with ThreadPoolExecutor(5) as pool:
        committed = [key for key in pool.map(write, range(5)) if key]
    assert len(committed) == 1
    assert whole(object_store, manifest) == committed[0].encode()
    with zipfile.ZipFile(BytesIO(whole(object_store, committed[0]))) as archive:
        assert len(archive.namelist()) == len(base.directory) + 1
    assert open_uploads(s3_client, key_prefix) == []


def test_what_exists_is_not_written_over(
    s3_client: Any,
    object_store: S3ObjectStore,
    key_prefix: str,
    large_archive: tuple[dict[str, bytes], BaseArchive],
) -> None:
    _, base = large_archive
    key = f"{key_prefix}once.zip"
    parts = plan_parts(splice(base, [], []).pieces, ALWAYS_COPY)
    object_store.compose(key, parts, if_none_match=True)
    with pytest.raises(ConflictError):
        object_store.compose(key, parts, if_none_match=True)
    with pytest.raises(ConflictError):
        object_store.put(key, b"", if_none_match=True)
    assert open_uploads(s3_client, key_prefix) == []


class Interrupting:
    """A client whose operations fail in the way given, after the real ones were done or not."""

    def __init__(self, client: Any, operation: str, failure: BaseException) -> None:
        self._client, self._operation, self._failure = client, operation, failure

    def __getattr__(self, name: str) -> Any:
        if name != self._operation:
            return getattr(self._client, name)

        def fail(**_: Any) -> None:
            raise self._failure

        return fail


@pytest.mark.parametrize(
    "operation", ["upload_part", "upload_part_copy", "complete_multipart_upload"]
)
@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (EndpointConnectionError(endpoint_url="http://nowhere"), Unavailable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_no_upload_is_left_by_any_failure(
    s3_client: Any,
    object_store: S3ObjectStore,
    key_prefix: str,
    large_archive: tuple[dict[str, bytes], BaseArchive],
    operation: str,
    failure: BaseException,
    raised: type[BaseException],
) -> None:
    _, base = large_archive
    store = S3ObjectStore(Interrupting(s3_client, operation, failure), BUCKET)
    with pytest.raises(raised):
        store.compose(f"{key_prefix}next.zip", plan_parts(splice(base, [], []).pieces, ALWAYS_COPY))
    assert open_uploads(s3_client, key_prefix) == []
    assert object_store.head(f"{key_prefix}next.zip") is None


def test_the_uploads_of_a_killed_process_can_be_ended(
    s3_client: Any, object_store: S3ObjectStore, key_prefix: str
) -> None:
    for name in ("a.zip", "b.zip"):
        s3_client.create_multipart_upload(Bucket=BUCKET, Key=key_prefix + name)
    assert object_store.abort_uploads(key_prefix) == 2
    assert open_uploads(s3_client, key_prefix) == []


def test_objects_are_put_listed_and_deleted(object_store: S3ObjectStore, key_prefix: str) -> None:
    names = [f"{key_prefix}{name}" for name in ("a b.json", "c+d.json", "é.json")]
    for name in names:
        object_store.put(name, name.encode(), metadata={"run": "r1"}, content_type="text/plain")
    listed = list(object_store.list(key_prefix))
    assert [stored.key for stored in listed] == names
    head = object_store.head(names[0])
    assert head is not None
    assert (head.etag, head.size) == (listed[0].etag, len(names[0]))
    assert head.metadata == {"run": "r1"}
    object_store.delete([*names, f"{key_prefix}never-was"])
    assert list(object_store.list(key_prefix)) == []
    assert object_store.head(names[0]) is None
    assert object_store.get(names[0]) is None


def test_more_objects_than_one_request_may_name_are_deleted(
    object_store: S3ObjectStore, key_prefix: str
) -> None:
    keys = [f"{key_prefix}{number:04d}" for number in range(1001)]
    for key in (keys[0], keys[999], keys[1000]):
        object_store.put(key, b"")
    object_store.delete(keys)
    assert list(object_store.list(key_prefix)) == []


def test_a_range_is_exact_or_an_error(object_store: S3ObjectStore, key_prefix: str) -> None:
    key = f"{key_prefix}ten"
    stored = object_store.put(key, b"0123456789")
    assert object_store.get_range(key, 3, 4, if_match=stored.etag) == b"3456"
    assert object_store.get_range(key, 3, 0) == b""
    for start, length in ((8, 3), (10, 1)):
        with pytest.raises(IntegrityError):
            object_store.get_range(key, start, length)
    with pytest.raises(IntegrityError):
        object_store.get_range(f"{key_prefix}nothing", 0, 1)


def test_a_condition_names_the_version_that_was_read(
    object_store: S3ObjectStore, key_prefix: str
) -> None:
    key = f"{key_prefix}manifest.json"
    first = object_store.put(key, b"1", if_none_match=True)
    second = object_store.put(key, b"2", if_match=first.etag)
    for attempt in (
        lambda: object_store.put(key, b"3", if_match=first.etag),
        lambda: object_store.get(key, if_match=first.etag),
        lambda: object_store.download(key, BytesIO(), if_match=first.etag),
        lambda: object_store.put(f"{key}.gone", b"3", if_match=first.etag),
    ):
        with pytest.raises(ConflictError):
            attempt()
    assert object_store.get(key, if_match=second.etag) == (b"2", second)


def test_wrong_credentials_are_denied(seaweed: SeaweedServer) -> None:
    stranger = SeaweedServer(
        Path("unused"), bucket=BUCKET, access_key_id="nobody", secret_access_key="guess"
    )
    stranger._ports = seaweed._ports
    store = S3ObjectStore(stranger.client(), BUCKET)
    with pytest.raises(AccessDenied):
        store.put("any", b"")
