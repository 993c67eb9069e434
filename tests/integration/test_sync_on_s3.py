"""A folder that follows an export on a real S3 server, and erasure in a bucket with versions."""

import hashlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from kili_export.archives.tree_state import load_tree_state
from kili_export.aws.s3 import S3ObjectStore
from kili_export.core.bucket_layout import registration_key, tree_prefix, tree_state_key
from kili_export.core.errors import OutOfTime
from kili_export.local.stack.seaweed import SeaweedServer
from kili_export.reading.deliver_tree import DeliverTree
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.folder_change import FileStep
from kili_export.reading.folder_state import FolderState
from kili_export.reading.followed_prefix import FollowedPrefix
from kili_export.reading.following_folder import Met
from kili_export.reading.prefix_writer import PrefixWriter
from kili_export.reading.sync import SyncRequest, SyncResult, sync_folder
from kili_export.registration.parse_registration import parse_registration
from kili_export.splicing.upload_parts import CopyRange, Source
from tests.support.seaweed import BUCKET
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, change, change_of, files_in, state_of
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

# Syncs in a process of its own that kills itself after some files.
_KILLED_SYNC = """
import os, signal, sys
from pathlib import Path
import boto3
from kili_export.reading.folder import FolderOnDisk
from kili_export.aws.s3 import S3ObjectStore
from kili_export.reading.sync import SyncRequest, sync_folder

class Killed(FolderOnDisk):
    left = int(sys.argv[4])

    def _count(self):
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def stage(self, *arguments):
        super().stage(*arguments)
        self._count()

    def _put(self, *arguments):
        self._count()
        return super()._put(*arguments)

client = boto3.client("s3", endpoint_url=sys.argv[1])
with Killed.open(Path(sys.argv[3])) as folder:
    sync_folder(S3ObjectStore(client, sys.argv[2]), folder, SyncRequest("proj1", "yolo"))
"""


@pytest.fixture
def bench(object_store: S3ObjectStore) -> Workbench:
    made = Workbench(two_jobs(), OPTIONS)
    for number in range(60):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    made.rebuild()
    _upload(made, object_store)
    return made


def _upload(bench: Workbench, objects: S3ObjectStore) -> None:
    """Puts everything that is published into the real bucket, byte by byte."""
    for key, (data, stored) in bench.objects.stored.items():
        if key.startswith(("exports/", "state/")):
            assert objects.put(key, data).etag == stored.etag


def _killed_sync(server: SeaweedServer, root: Path, after: int) -> int:
    child = subprocess.run(
        [sys.executable, "-c", _KILLED_SYNC, server.endpoint, BUCKET, str(root), str(after)],
        env={
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        check=False,
    )
    assert child.returncode in {0, -signal.SIGKILL}, child.stderr.decode()
    return child.returncode


def _sync(objects: S3ObjectStore, root: Path) -> Any:
    with FolderOnDisk.open(root) as folder:
        return sync_folder(objects, folder, SyncRequest("proj1", "yolo"))


def test_a_killed_first_sync_is_resumed(
    bench: Workbench, seaweed: SeaweedServer, object_store: S3ObjectStore, tmp_path: Path
) -> None:
    files = len(bench.files("yolo"))
    assert _killed_sync(seaweed, tmp_path, 30) == -signal.SIGKILL
    assert files_in(tmp_path) == {}
    synced = _sync(object_store, tmp_path)
    assert (synced.resumed, synced.fetched) == (31, files - 31)
    assert files_in(tmp_path) == bench.files("yolo")


@pytest.mark.parametrize("left", [0, 1])
def test_an_update_that_is_killed_between_two_files_is_completed(
    bench: Workbench,
    seaweed: SeaweedServer,
    object_store: S3ObjectStore,
    tmp_path: Path,
    left: int,
) -> None:
    _sync(object_store, tmp_path)
    before = files_in(tmp_path)
    change(bench, 1, 2)
    _upload(bench, object_store)
    after = bench.files("yolo")
    changed = sum(before.get(path) != data for path, data in after.items())
    assert _killed_sync(seaweed, tmp_path, changed + left) == -signal.SIGKILL
    assert state_of(tmp_path)["status"] == "applying"
    assert all(
        data in (before.get(path), after.get(path)) for path, data in files_in(tmp_path).items()
    )
    _sync(object_store, tmp_path)
    assert files_in(tmp_path) == after
    assert state_of(tmp_path)["status"] == "current"


def test_a_prefix_holds_small_files_and_large_ones(
    bench: Workbench, object_store: S3ObjectStore
) -> None:
    def sync() -> SyncResult:
        with FollowedPrefix.open(object_store, "trees/") as prefix:
            return sync_folder(object_store, prefix, SyncRequest("proj1", "yolo"))

    def held() -> dict[str, bytes]:
        found = {one.key: object_store.get(one.key) for one in object_store.list("trees/")}
        return {
            key.removeprefix("trees/"): one[0]
            for key, one in found.items()
            if one is not None and not key.startswith("trees/.kili-export/")
        }

    sync()
    assert held() == bench.files("yolo")
    change(bench, 1, 2)
    _upload(bench, object_store)
    assert sync().method == "deltas"
    assert held() == bench.files("yolo")
    large = Random(1).randbytes(9 << 20)
    with FollowedPrefix.open(object_store, "large/") as prefix:
        digest = hashlib.sha256(large).hexdigest()
        prefix.stage("film.mp4", digest, [large[: 5 << 20], large[5 << 20 :]])
        film = change_of(FileStep("write", "film.mp4", digest))
        prefix.change(film, FolderState.of(bench.manifest("yolo")))
        assert [*prefix.met([("film.mp4", digest)])] == [Met("film.mp4", "film.mp4", is_same=True)]
    stored = object_store.get("large/film.mp4")
    assert stored is not None
    assert stored[0] == large


def test_every_version_is_erased_from_a_bucket_that_keeps_them(
    s3_client: Any, key_prefix: str
) -> None:
    bucket = f"versions-{key_prefix.strip('/')}"
    s3_client.create_bucket(Bucket=bucket)
    s3_client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    objects = S3ObjectStore(s3_client, bucket)
    for key in ("a/kept", "a/deleted", "b/kept"):
        objects.put(key, b"first")
        objects.put(key, b"second")
    objects.delete(["a/deleted"])
    assert objects.delete_versions("a/", current=False) == 3
    found = s3_client.list_object_versions(Bucket=bucket, Prefix="a/")
    assert [one["Key"] for one in found["Versions"]] == ["a/kept"]
    assert found.get("DeleteMarkers", []) == []
    assert objects.get("a/kept") is not None
    assert objects.delete_versions("a/", current=True) == 1
    assert list(objects.list("a/")) == []
    assert len(s3_client.list_object_versions(Bucket=bucket)["Versions"]) == 2


def test_a_bucket_without_versions_has_none_to_erase(
    object_store: S3ObjectStore, key_prefix: str
) -> None:
    object_store.put(f"{key_prefix}a", b"1")
    object_store.put(f"{key_prefix}a", b"2")
    assert object_store.delete_versions(key_prefix, current=False) == 0
    assert object_store.get(f"{key_prefix}a") is not None
    object_store.delete_versions(key_prefix, current=True)
    assert list(object_store.list(key_prefix)) == []


def test_a_listing_tells_when_objects_were_written(
    object_store: S3ObjectStore, key_prefix: str
) -> None:
    object_store.put(f"{key_prefix}a", b"1")
    [listed] = object_store.list(key_prefix)
    assert listed.modified is not None
    assert listed.modified.tzinfo is not None


def test_a_tree_follows_its_export(bench: Workbench, object_store: S3ObjectStore) -> None:
    def held() -> dict[str, bytes]:
        prefix = tree_prefix("proj1", "yolo")
        found = {one.key: object_store.get(one.key) for one in object_store.list(prefix)}
        return {key.removeprefix(prefix): one[0] for key, one in found.items() if one is not None}

    declared = {"name": "yolo", "format": "yolo_v8", "deliver": {"tree": True}}
    registration = parse_registration({"project_id": "proj1", "exports": [declared]})
    object_store.put(registration_key("proj1"), registration.to_bytes())
    order = DeliverTree(object_store, bench.clock, bench.tokens, at_once=40)
    with pytest.raises(OutOfTime):
        replace(order, most=1)("proj1", "yolo")
    order("proj1", "yolo")
    assert held() == bench.files("yolo")
    change(bench, 1, 2)
    del bench.kili.assets["as_003"]
    bench.run(["as_003"])
    _upload(bench, object_store)
    order("proj1", "yolo")
    assert held() == bench.files("yolo")
    # Of a tree of which nothing is known, everything is compared.
    object_store.delete([tree_state_key("proj1", "yolo")])
    object_store.put(f"{tree_prefix('proj1', 'yolo')}stranger", b"-")
    order("proj1", "yolo")
    assert held() == bench.files("yolo")
    state, _ = load_tree_state(object_store, "proj1", "yolo")
    assert state is not None
    assert state.holds(bench.manifest("yolo"))


def test_large_media_of_a_tree_are_copied_by_the_server(object_store: S3ObjectStore) -> None:
    film = Random(1).randbytes(9 << 20)
    object_store.put("exports/an-archive", b"before" + film + b"after")
    stored = object_store.head("exports/an-archive")
    assert stored is not None
    source = Source(stored.key, stored.etag, stored.size)
    digest = hashlib.sha256(film).hexdigest()
    with ThreadPoolExecutor(2) as pool:
        writer = PrefixWriter(object_store, "copied/", pool)
        writer.copy("film.mp4", digest, CopyRange(source, 6, len(film)))
        writer.settle()
        assert writer.put_before({"film.mp4": digest}) == {"film.mp4"}
        assert [*writer.lacking([("film.mp4", digest)])] == []
