"""A folder equals the export after every sync, whatever was there and whatever interrupted it."""

import hashlib
import io
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives import entry_contents
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import IntegrityError, InvalidConfiguration, Unavailable
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.reading import sync_sources
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.folder_change import FileStep, FolderChange
from kili_export.reading.folder_state import FolderState
from kili_export.reading.folder_tree import Look
from kili_export.reading.following_folder import FollowedFile
from kili_export.reading.published_files import files_of_generation
from kili_export.reading.sync import SyncRequest, SyncResult, sync_folder
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.splicing.entry_record import Record
from kili_export.steps.publishing.documents.sharding import ShardRules
from tests.support.kili_samples import job, project
from tests.support.sample_manifest import manifest_of
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

OPTIONS = {
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED),
    "coco": ExportOptions("coco", layout=Layout.MERGED),
}


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(two_jobs(), OPTIONS)
    for number in range(40):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    made.rebuild()
    return made


@pytest.fixture
def sharded(bench: Workbench) -> Workbench:
    """COCO's document is large enough here to be kept in shards."""
    bench.sharding = ShardRules(threshold=200, target=2_000, overhead=0)
    bench.rebuild()
    return bench


def change(bench: Workbench, *numbers: int, left: float = 0.6) -> None:
    """One generation in which these assets have another label."""
    keys = [f"as_{number:03d}" for number in numbers]
    for number, key in zip(numbers, keys, strict=True):
        bench.kili.assets[key] = labelled(number, f"d{number % 3}/{number}.jpg", left)
    bench.run(keys)


def remove(bench: Workbench, number: int) -> None:
    """One generation without this asset."""
    del bench.kili.assets[f"as_{number:03d}"]
    bench.run([f"as_{number:03d}"])


def change_of(*steps: FileStep) -> FolderChange:
    """What these steps make, which come by path."""
    change = FolderChange()
    for step in steps:
        change.add(step)
    return change


def test_a_folder_of_before_other_classes_is_told_so(bench: Workbench, tmp_path: Path) -> None:
    assert not sync(bench, tmp_path).classes_changed
    change(bench, 1)
    assert not sync(bench, tmp_path).classes_changed
    bench.project = project({"CARS": job(["SMALL", "BIG"]), "SIGNS": job(["STOP"])})
    bench.rebuild()
    assert sync(bench, tmp_path).classes_changed
    assert not sync(bench, tmp_path).classes_changed


def sync(bench: Workbench, root: Path, export: str = "yolo", **wish: object) -> SyncResult:
    with FolderOnDisk.open(root) as folder:
        wanted = SyncRequest("proj1", export, **{"take_over": True, **wish})  # type: ignore[arg-type]
        return sync_folder(bench.objects, folder, wanted)


def files_in(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".kili-export" not in path.relative_to(root).parts
    }


@pytest.mark.parametrize("export", OPTIONS)
def test_a_first_sync_brings_every_file(bench: Workbench, tmp_path: Path, export: str) -> None:
    synced = sync(bench, tmp_path / "new", export)
    assert files_in(tmp_path / "new") == bench.files(export)
    assert (synced.method, synced.from_generation) == ("archive", None)
    assert synced.fetched == synced.files == len(bench.files(export))


def dates_in(root: Path) -> dict[str, float]:
    return {path: (root / path).stat().st_mtime for path in files_in(root)}


def dates_of(bench: Workbench, export: str) -> dict[str, float]:
    """By file, in seconds since 1970: the date in the archive is read as UTC."""
    data = bench.objects.stored[bench.manifest(export).archive.key][0]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            one.filename: datetime(*one.date_time, tzinfo=UTC).timestamp()
            for one in archive.infolist()
        }


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
@pytest.mark.parametrize("export", OPTIONS)
def test_files_have_the_dates_of_the_archive_in_every_time_zone(
    bench: Workbench, tmp_path: Path, export: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        sync(bench, tmp_path, export)
        assert dates_in(tmp_path) == dates_of(bench, export)
        change(bench, 1)
        assert sync(bench, tmp_path, export).method == "deltas"
        assert dates_in(tmp_path) == dates_of(bench, export)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("whole", [False, True])
def test_a_file_of_a_newer_label_with_the_same_contents_gets_its_date_and_is_not_fetched(
    bench: Workbench, tmp_path: Path, whole: bool
) -> None:
    sync(bench, tmp_path)
    before = dates_in(tmp_path)
    asset = bench.kili.assets["as_001"]
    assert asset.latest_label
    newer = {**asset.latest_label, "createdAt": "2026-11-21T10:00:00Z"}
    bench.kili.assets["as_001"] = replace(asset, latest_label=newer, fingerprint="newer")
    bench.run(["as_001"])
    if whole:
        manifest = bench.manifest("yolo").model_copy(update={"recent_deltas": ()})
        bench.objects.put("exports/proj1/yolo/manifest.json", manifest.to_bytes())
    synced = sync(bench, tmp_path)
    assert (synced.method, synced.fetched, synced.written) == (
        "archive" if whole else "deltas",
        0,
        0,
    )
    assert dates_in(tmp_path) == dates_of(bench, "yolo")
    later = {path for path, date in dates_in(tmp_path).items() if date > before[path]}
    assert "labels/d1/1.txt" in later
    assert sync(bench, tmp_path).method == "nothing"


def test_a_date_that_was_given_before_a_change_broke_off_is_no_damage(tmp_path: Path) -> None:
    with FolderOnDisk.open(tmp_path) as folder:
        digest = hashlib.sha256(b"a").hexdigest()
        state = FolderState.of(manifest_of())
        folder.stage("a.txt", digest, [b"a"])
        folder.change(change_of(FileStep("write", "a.txt", digest, 1_000_000_000)), state)
        own = tmp_path / ".kili-export"
        lines = [state.model_dump(mode="json"), ["date", "a.txt", 1_100_000_000]]
        (own / "change.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.utime(tmp_path / "a.txt", (1_100_000_000, 1_100_000_000))
        known = folder.read(verify=False)
        assert dict(known.files()) == {b"a.txt": FollowedFile(digest, 1_100_000_000)}
        # What somebody changed meanwhile keeps the time of that.
        (own / "change.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (tmp_path / "a.txt").write_bytes(b"mine")
        known = folder.read(verify=False)
        assert [one.is_damaged for _, one in known.files()] == [known.is_damaged] == [True]


@pytest.mark.parametrize("export", OPTIONS)
def test_later_syncs_fetch_the_deltas(bench: Workbench, tmp_path: Path, export: str) -> None:
    sync(bench, tmp_path, export)
    change(bench, 1)
    change(bench, 1, 2, left=0.7)
    remove(bench, 3)
    bench.objects.requests.clear()
    synced = sync(bench, tmp_path, export)
    assert files_in(tmp_path) == bench.files(export)
    assert (synced.method, synced.from_generation) == ("deltas", 1)
    read = {key for operation, key in bench.objects.requests if operation == "get_range"}
    assert all("/deltas/" in key for key in read)


def test_nothing_is_fetched_or_written_when_nothing_changed(
    bench: Workbench, tmp_path: Path
) -> None:
    sync(bench, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    bench.objects.requests.clear()
    assert sync(bench, tmp_path).method == "nothing"
    assert len(bench.objects.requests) == 1, "the manifest"
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    lock = tmp_path / ".kili-export" / "lock"
    assert {**after, lock: 0} == {**before, lock: 0}


def test_a_folder_that_the_chain_does_not_reach_gets_only_what_differs(
    bench: Workbench, tmp_path: Path
) -> None:
    sync(bench, tmp_path)
    change(bench, 1)
    change(bench, 2)
    manifest = bench.manifest("yolo")
    shortened = manifest.model_copy(update={"recent_deltas": manifest.recent_deltas[-1:]})
    bench.objects.put("exports/proj1/yolo/manifest.json", shortened.to_bytes())
    synced = sync(bench, tmp_path)
    assert files_in(tmp_path) == bench.files("yolo")
    assert (synced.method, synced.fetched) == ("archive", 2)


def test_an_export_that_was_made_again_is_not_patched_with_its_namesakes_deltas(
    bench: Workbench, tmp_path: Path
) -> None:
    sync(bench, tmp_path)
    change(bench, 1)
    sync(bench, tmp_path)
    for key in [key for key in bench.objects.stored if "/yolo/" in key]:
        del bench.objects.stored[key]
    bench.kili.assets = {"as_900": labelled(900, "z.jpg", 0.4), "as_901": labelled(901, "y", 0.4)}
    bench.rebuild()
    for left in (0.5, 0.6, 0.7):
        bench.kili.assets["as_900"] = labelled(900, "z.jpg", left)
        bench.run(["as_900"])
    synced = sync(bench, tmp_path)
    assert synced.method == "archive"
    assert files_in(tmp_path) == bench.files("yolo")


def test_files_of_others_stay_and_those_of_the_export_go(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    note = tmp_path / "labels" / "d0" / "note.txt"
    note.write_text("mine")
    remove(bench, 3)
    synced = sync(bench, tmp_path)
    assert synced.removed == 1
    assert files_in(tmp_path) == {**bench.files("yolo"), "labels/d0/note.txt": b"mine"}


def test_with_delete_the_folder_holds_the_export_alone(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("mine")
    (tmp_path / "away").symlink_to(tmp_path.parent)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "d0").write_text("a file where a folder has to be")
    sync(bench, tmp_path, delete=True)
    assert files_in(tmp_path) == bench.files("yolo")
    (tmp_path / "mine").write_text("mine")
    assert sync(bench, tmp_path, delete=True).removed == 1
    assert files_in(tmp_path) == bench.files("yolo")


def test_what_is_in_the_way_is_not_overwritten(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("mine")
    with pytest.raises(InvalidConfiguration, match=r"data\.yaml.*--delete"):
        sync(bench, tmp_path)
    assert files_in(tmp_path) == {"data.yaml": b"mine"}


def test_an_unpacked_archive_is_taken_over_without_fetching(
    bench: Workbench, tmp_path: Path
) -> None:
    for name, data in bench.files("yolo").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert sync(bench, tmp_path).fetched == 0
    remove(bench, 3)
    sync(bench, tmp_path)
    assert files_in(tmp_path) == bench.files("yolo")


def test_files_that_were_changed_or_removed_are_mended(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    (tmp_path / "labels" / "d1" / "1.txt").write_text("broken")
    (tmp_path / "labels" / "d2" / "2.txt").unlink()
    assert sync(bench, tmp_path).fetched == 2
    assert files_in(tmp_path) == bench.files("yolo")


@pytest.mark.parametrize("verify", [False, True])
def test_a_copied_folder_is_taken_for_what_it_is(
    bench: Workbench, tmp_path: Path, *, verify: bool
) -> None:
    sync(bench, tmp_path / "one")
    # As `cp -r` does it: the files of the copy have other times.
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    for path in (tmp_path / "two").rglob("*"):
        os.utime(path, ns=(1, 1))
    bench.objects.requests.clear()
    synced = sync(bench, tmp_path / "two", verify=verify)
    # With `verify` the copy gets the dates of the files too.
    assert synced.method == ("archive" if verify else "nothing")
    assert (synced.written, synced.fetched) == (0, 0)
    assert verify or {operation for operation, _ in bench.objects.requests} == {"get"}
    change(bench, 1)
    method = "archive" if verify else "deltas"
    assert sync(bench, tmp_path / "two", verify=verify).method == method
    assert files_in(tmp_path / "two") == bench.files("yolo")


def test_the_files_of_a_copied_folder_are_read_once(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, ns=(1, 1))
    sync(bench, tmp_path)
    with FolderOnDisk.open(tmp_path) as folder:
        before = (tmp_path / ".kili-export" / "files.jsonl").stat().st_mtime_ns
        assert not folder.read(verify=False).is_damaged
        assert (tmp_path / ".kili-export" / "files.jsonl").stat().st_mtime_ns == before


def test_only_the_damaged_files_of_a_copied_folder_are_fetched(
    bench: Workbench, tmp_path: Path
) -> None:
    sync(bench, tmp_path)
    labels = sorted(path for path in tmp_path.rglob("*.txt") if path.is_file())
    for path in tmp_path.rglob("*"):
        os.utime(path, ns=(1, 1))
    labels[0].write_bytes(b"x" * labels[0].stat().st_size)
    synced = sync(bench, tmp_path)
    assert (synced.written, synced.fetched) == (1, 1)
    assert files_in(tmp_path) == bench.files("yolo")


def test_verify_finds_what_a_look_cannot(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    path = tmp_path / "labels" / "d1" / "1.txt"
    seen = path.stat()
    path.write_bytes(b"x" * seen.st_size)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert sync(bench, tmp_path).method == "nothing"
    assert sync(bench, tmp_path, verify=True).fetched == 1
    assert files_in(tmp_path) == bench.files("yolo")


def test_a_folder_follows_one_export(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    with pytest.raises(InvalidConfiguration, match="follows export 'yolo' of project proj1"):
        sync(bench, tmp_path, "coco")


def test_two_syncs_do_not_work_on_one_folder(bench: Workbench, tmp_path: Path) -> None:
    with (
        FolderOnDisk.open(tmp_path),
        pytest.raises(InvalidConfiguration, match="Another sync is at work"),
    ):
        sync(bench, tmp_path)


def test_a_snapshot_can_be_followed_and_left_again(bench: Workbench, tmp_path: Path) -> None:
    before = bench.files("yolo")
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    change(bench, 1)
    sync(bench, tmp_path)
    assert sync(bench, tmp_path, snapshot="v1").fetched == 1
    assert files_in(tmp_path) == before
    assert sync(bench, tmp_path).method == "deltas"
    assert files_in(tmp_path) == bench.files("yolo")


def test_a_newer_generation_is_taken_when_retention_removes_this_one(
    bench: Workbench, tmp_path: Path
) -> None:
    old = bench.manifest("yolo")

    def published_meanwhile() -> None:
        change(bench, 1)
        bench.objects.delete([old.archive.key, old.ledger.key])

    bench.objects.interleaving.before("get_range", published_meanwhile)
    assert sync(bench, tmp_path).manifest.generation == 2
    assert files_in(tmp_path) == bench.files("yolo")


@pytest.mark.parametrize("where", ["deltas", "archives"])
def test_contents_that_are_not_what_was_promised_change_nothing(
    bench: Workbench, tmp_path: Path, where: str
) -> None:
    sync(bench, tmp_path)
    before = files_in(tmp_path)
    change(bench, 1)
    manifest = bench.manifest("yolo")
    key = manifest.recent_deltas[-1].key if where == "deltas" else manifest.archive.key
    if where == "archives":
        alone = manifest.model_copy(update={"recent_deltas": ()})
        bench.objects.put("exports/proj1/yolo/manifest.json", alone.to_bytes())
    data, stored = bench.objects.stored[key]
    wrong = data.replace(b"labels/d1/1.txt", b"labels/d1/X.txt")
    bench.objects.stored[key] = (wrong, stored)
    with pytest.raises(IntegrityError):
        sync(bench, tmp_path)
    assert files_in(tmp_path) == before


def test_links_below_the_folder_are_not_followed(bench: Workbench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "labels").symlink_to(outside)
    with pytest.raises(InvalidConfiguration, match="in the way"):
        sync(bench, root)
    assert list(outside.iterdir()) == []


def test_a_link_that_appears_later_is_not_followed_either(bench: Workbench, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    sync(bench, root)
    (root / "labels").rename(outside)
    (root / "labels").symlink_to(outside)
    kept = files_in(outside)
    change(bench, 1)
    remove(bench, 3)
    with pytest.raises(InvalidConfiguration, match="links are not followed"):
        sync(bench, root)
    assert files_in(outside) == kept
    (root / "labels").unlink()
    sync(bench, root)
    assert files_in(root) == bench.files("yolo")


class Breaking(FolderOnDisk):
    """Breaks off after some operations, as a process that is killed."""

    left = 0

    def stage(self, path: str, sha256: str, chunks: Iterable[bytes]) -> None:
        self._count()
        super().stage(path, sha256, chunks)

    def _put(self, path: str, digest: str, date: int | None) -> Look | None:
        self._count()
        return super()._put(path, digest, date)

    def _count(self) -> None:
        if not self.left:
            raise Unavailable("killed")
        self.left -= 1


def state_of(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / ".kili-export" / "state.json").read_bytes())
    return found


@pytest.mark.parametrize("operations", range(9))
def test_an_interrupted_sync_goes_on_and_leaves_no_half_file(
    bench: Workbench, tmp_path: Path, operations: int
) -> None:
    sync(bench, tmp_path)
    before = files_in(tmp_path)
    change(bench, 1, 2, 4, 5)
    remove(bench, 3)
    Breaking.left = operations
    with pytest.raises(Unavailable, match="killed"), Breaking.open(tmp_path) as folder:
        sync_folder(bench.objects, folder, SyncRequest("proj1", "yolo"))
    during, after = files_in(tmp_path), bench.files("yolo")
    if operations <= 4:
        assert during == before, "nothing changes before all is fetched"
    else:
        assert state_of(tmp_path)["status"] == "applying"
    assert all(data in (before.get(path), after.get(path)) for path, data in during.items())
    bench.objects.requests.clear()
    sync(bench, tmp_path)
    assert files_in(tmp_path) == after
    assert state_of(tmp_path)["status"] == "current"
    if operations > 4:
        assert len(bench.objects.requests) == 1, "all was fetched before: the manifest alone"


def test_a_first_sync_that_broke_off_fetches_the_rest_alone(
    bench: Workbench, tmp_path: Path
) -> None:
    Breaking.left = 30
    with pytest.raises(Unavailable), Breaking.open(tmp_path) as folder:
        sync_folder(bench.objects, folder, SyncRequest("proj1", "yolo"))
    synced = sync(bench, tmp_path)
    assert (synced.resumed, synced.fetched) == (30, synced.files - 30)
    assert files_in(tmp_path) == bench.files("yolo")


def test_large_files_come_in_pieces(
    tmp_path: Path, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry_contents, "_LARGE", 60)
    monkeypatch.setattr(entry_contents, "_CHUNK", 7)
    sync(bench, tmp_path, "coco")
    assert files_in(tmp_path) == bench.files("coco")


def test_what_the_state_says_is_true(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    manifest = bench.manifest("yolo")
    assert state_of(tmp_path)["generation"] == manifest.generation
    assert state_of(tmp_path)["version"] == Path(manifest.archive.key).name
    listed = [
        json.loads(line)
        for line in (tmp_path / ".kili-export" / "files.jsonl").read_text().splitlines()
    ]
    assert {row[0]: row[1] for row in listed} == {
        path: hashlib.sha256(data).hexdigest() for path, data in files_in(tmp_path).items()
    }


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            st.sampled_from([None, 0.2, 0.4, 0.6]),
            st.sampled_from(["sync", "wait", "break", "rebuild"]),
            st.integers(0, 12),
        ),
        max_size=10,
    )
)
def test_any_history_of_changes_syncs_and_interruptions_ends_equal(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, float | None, str, int]]
) -> None:
    root = tmp_path_factory.mktemp("folder")
    bench = Workbench(two_jobs(), {"coco": replace(OPTIONS["coco"])})
    for number in range(30):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", 0.2)
    bench.rebuild()
    for number, left, then, operations in history:
        if left is None:
            bench.kili.assets.pop(f"as_{number:03d}", None)
        else:
            bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"{number}.jpg", left)
        bench.run([f"as_{number:03d}"])
        if then == "rebuild":
            bench.rebuild(confirmed_removals=30)
        if then == "sync":
            sync(bench, root, "coco")
        if then == "break":
            Breaking.left = operations
            try:
                with Breaking.open(root) as folder:
                    sync_folder(bench.objects, folder, SyncRequest("proj1", "coco"))
            except Unavailable:
                continue
    sync(bench, root, "coco")
    assert files_in(root) == bench.files("coco")


def test_a_document_in_shards_is_followed_like_any_file(sharded: Workbench, tmp_path: Path) -> None:
    sync(sharded, tmp_path, "coco")
    assert files_in(tmp_path) == sharded.files("coco")
    change(sharded, 5)
    change(sharded, 30, left=0.7)
    synced = sync(sharded, tmp_path, "coco")
    assert (synced.method, synced.written) == ("deltas", 1)
    assert files_in(tmp_path) == sharded.files("coco")
    (tmp_path / "labels.json").write_bytes(sharded.files("coco")["labels.json"][:-1])
    synced = sync(sharded, tmp_path, "coco", verify=True)
    assert (synced.method, synced.written) == ("archive", 1)
    assert files_in(tmp_path) == sharded.files("coco")
    assert sync(sharded, tmp_path, "coco", verify=True).method == "nothing"


def test_a_document_in_shards_that_is_there_already_is_taken_over(
    sharded: Workbench, tmp_path: Path
) -> None:
    for path, data in sharded.files("coco").items():
        (tmp_path / path).write_bytes(data)
    assert sync(sharded, tmp_path, "coco").fetched == 0


@pytest.mark.parametrize("way", ["archive", "deltas"])
def test_a_corrupted_shard_is_refused(
    sharded: Workbench, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "deltas":
        sync(sharded, tmp_path, "coco")
        change(sharded, 5)
    before = files_in(tmp_path)

    def corrupted(archive: StoredArchive, records: Iterable[Record]) -> Iterator[Any]:
        for record, chunks in entry_contents.iter_contents(archive, records):
            data = bytearray(b"".join(chunks))
            data[len(data) // 2] ^= record.path == "labels.json"
            yield record, (bytes(data),)

    monkeypatch.setattr("kili_export.reading.sync.iter_contents", corrupted)
    with pytest.raises(IntegrityError, match=r"labels\.json"):
        sync(sharded, tmp_path, "coco")
    assert files_in(tmp_path) == before


def test_a_file_becomes_a_folder_and_a_folder_a_file(bench: Workbench, tmp_path: Path) -> None:
    def rename(name: str) -> None:
        renamed = labelled(1, name, 0.2)
        bench.kili.assets["as_001"] = replace(renamed, fingerprint=name)
        bench.run(["as_001"])
        sync(bench, tmp_path)
        assert files_in(tmp_path) == bench.files("yolo")

    rename("x.jpg")
    rename("x.txt/y.jpg")
    rename("x.jpg")
    rename("x.txt/y.jpg")
    (tmp_path / "labels/x.txt/mine").write_bytes(b"mine")
    with pytest.raises(InvalidConfiguration, match=r"in the way that sync did not write: \S*mine"):
        rename("x.jpg")
    assert (tmp_path / "labels/x.txt/y.txt").is_file()


def test_a_name_that_is_no_utf_8_is_refused_before_anything_is_removed(
    bench: Workbench, tmp_path: Path
) -> None:
    sync(bench, tmp_path)
    change(bench, 1)
    stranger = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(stranger)).write_bytes(b"mine")
    before = files_in(tmp_path)
    with pytest.raises(InvalidConfiguration, match="no UTF-8"):
        sync(bench, tmp_path, delete=True)
    assert files_in(tmp_path) == before
    sync(bench, tmp_path)
    Path(os.fsdecode(stranger)).unlink()
    assert sync(bench, tmp_path, delete=True).method == "nothing"


@pytest.mark.parametrize("preloaded", [0, 1 << 30])
def test_deltas_of_more_files_than_are_held_are_not_used(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preloaded: int
) -> None:
    monkeypatch.setattr(sync_sources, "_PRELOADED", preloaded)
    sync(bench, tmp_path)
    change(bench, 1, 2)
    assert sync(bench, tmp_path).method == "deltas"
    monkeypatch.setattr(sync_sources, "MOST_BY_DELTAS", 1)
    change(bench, 1, 2, left=0.7)
    assert sync(bench, tmp_path).method == "archive"
    assert files_in(tmp_path) == bench.files("yolo")


def test_a_files_table_that_is_out_of_order_changes_nothing(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = list(files_of_generation(bench.objects, bench.manifest("yolo")).below())
    for wrong in (listed[::-1], [*listed, listed[-1]], [listed[1], *listed]):
        monkeypatch.setattr(sync_sources, "_with_digests", lambda *_, files=wrong: files)
        with pytest.raises(IntegrityError, match="not where it shall be"):
            sync(bench, tmp_path)
    assert files_in(tmp_path) == {}


def test_an_own_list_that_is_out_of_order_is_refused(bench: Workbench, tmp_path: Path) -> None:
    sync(bench, tmp_path)
    path = tmp_path / ".kili-export" / "files.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    with pytest.raises(IntegrityError, match=r"files\.jsonl cannot be read"):
        sync(bench, tmp_path)


@pytest.mark.parametrize("at_once", [1, 7])
def test_files_come_in_parts(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("kili_export.reading.sync._AT_ONCE", at_once)
    assert sync(bench, tmp_path).fetched == len(bench.files("yolo"))
    change(bench, 1, 2, 4)
    sync(bench, tmp_path)
    assert files_in(tmp_path) == bench.files("yolo")


def test_a_name_that_is_no_utf_8_is_in_the_way_too(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").mkdir()
    stranger = os.fsdecode(os.fsencode(tmp_path) + b"/data.yaml/caf\xe9")
    Path(stranger).write_bytes(b"mine")
    with pytest.raises(InvalidConfiguration, match=r"did not write: data\.yaml/caf\\xe9\. Move"):
        sync(bench, tmp_path)
    with pytest.raises(InvalidConfiguration, match="no UTF-8"):
        sync(bench, tmp_path, delete=True)
    assert Path(stranger).read_bytes() == b"mine"


@pytest.mark.parametrize("delete", [False, True])
def test_folders_without_files_give_way(bench: Workbench, tmp_path: Path, delete: bool) -> None:
    (tmp_path / "data.yaml" / "below" / "that").mkdir(parents=True)
    sync(bench, tmp_path, delete=delete)
    assert files_in(tmp_path) == bench.files("yolo")


def test_an_own_folder_becomes_a_file_though_its_files_were_removed(
    bench: Workbench, tmp_path: Path
) -> None:
    for name in ("x.txt/y.jpg", "x.jpg"):
        bench.kili.assets["as_001"] = replace(labelled(1, name, 0.2), fingerprint=name)
        bench.run(["as_001"])
        sync(bench, tmp_path)
        (tmp_path / "labels/x.txt/y.txt").unlink() if "y" in name else None
    assert files_in(tmp_path) == bench.files("yolo")


def broken_off(bench: Workbench, root: Path) -> Path:
    """A folder whose change is written down and half made. Answers its own place."""
    sync(bench, root)
    change(bench, 1, 2, 4)
    Breaking.left = 4
    with pytest.raises(Unavailable), Breaking.open(root) as folder:
        sync_folder(bench.objects, folder, SyncRequest("proj1", "yolo"))
    return root / ".kili-export"


def test_nothing_changes_where_the_own_list_cannot_be_read(
    bench: Workbench, tmp_path: Path
) -> None:
    own = broken_off(bench, tmp_path)
    (own / "files.jsonl").write_text("nonsense\n")
    before = files_in(tmp_path)
    with pytest.raises(IntegrityError, match=r"files\.jsonl cannot be read"):
        sync(bench, tmp_path)
    assert files_in(tmp_path) == before


def test_a_change_is_completed_where_the_own_list_is_gone(bench: Workbench, tmp_path: Path) -> None:
    own = broken_off(bench, tmp_path)
    (own / "files.jsonl").unlink()
    sync(bench, tmp_path, delete=True)
    assert files_in(tmp_path) == bench.files("yolo")


@pytest.mark.parametrize(
    "operation", [["date", "data.yaml"], ["other", "data.yaml", "x"], ["write", "data.yaml"], [], 3]
)
def test_operations_that_are_none_change_nothing(
    bench: Workbench, tmp_path: Path, operation: object
) -> None:
    own = broken_off(bench, tmp_path)
    with (own / "change.jsonl").open("a") as lines:
        lines.write(json.dumps(operation) + "\n")
    before = files_in(tmp_path)
    with pytest.raises(IntegrityError, match=r"change\.jsonl cannot be read"):
        sync(bench, tmp_path)
    assert files_in(tmp_path) == before
