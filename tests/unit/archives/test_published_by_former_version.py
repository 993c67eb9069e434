"""What version 0.1 published is followed by increments, full exports and syncs of this version."""

import io
import json
import os
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from kili_export.archives.compaction import CompactionPolicy
from kili_export.archives.snapshots import pinned_keys
from kili_export.core.dos_time import FORMER_DATE, moment_of
from kili_export.core.file_dates import moments_of
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.pull import pull_archive
from kili_export.reading.sync import SyncRequest, SyncResult, sync_folder
from kili_export.steps.publishing.generation.manifest_parts import RETENTION_EVERY
from tests.support.former_version import FIXTURE, OPTIONS, SELDOM, bench_of_0_1, put, put_all
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import without_ids

FORMER = moment_of(FORMER_DATE).timetuple()[:6]
MARK = 0xFFFF_FFFF


def published(**more: Any) -> Workbench:
    """The bucket of version 0.1, and Kili as it was then."""
    bench = bench_of_0_1(**more)
    put_all(bench)
    bench.runs = 3
    with zipfile.ZipFile(FIXTURE / "bucket.zip") as bucket:
        for key in bucket.namelist():
            bench.objects.put(key, bucket.read(key))
    return bench


def from_nothing(bench: Workbench) -> Workbench:
    fresh = bench_of_0_1()
    fresh.kili = bench.kili
    fresh.rebuild()
    return fresh


def pulled(bench: Workbench, export: str) -> bytes:
    target = io.BytesIO()
    pull_archive(bench.objects, "proj1", export, target)
    return target.getvalue()


def plain_offsets(archive: bytes) -> list[bool]:
    """Of every directory record, whether readers without ZIP64 can follow it."""
    end = archive.rfind(b"PK\x05\x06")
    count, _, at = struct.unpack_from("<HII", archive, end + 10)
    found = []
    for _ in range(count):
        name, extra, comment = struct.unpack_from("<3H", archive, at + 28)
        needed, offset = struct.unpack_from("<6xH34xI", archive, at)
        found.append((needed, offset != MARK) == (20, True))
        at += 46 + name + extra + comment
    assert at == end
    return found


def dates_of(archive: bytes) -> dict[str, tuple[int, ...]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {one.filename: one.date_time for one in opened.infolist()}


def last_deltas(bench: Workbench, export: str) -> list[bytes]:
    """The delta of the newest generation."""
    return [bench.objects.stored[bench.manifest(export).deltas[-1].key][0]]


def test_the_former_ledger_stays_for_who_reads_it_while_it_is_taken_over() -> None:
    bench = published(rewriting=CompactionPolicy())
    former = bench.manifest("yolo")
    bench.clock.advance(48 * 3600)
    bench.run([put(bench, 1, 0.8)])
    assert bench.manifest("yolo").is_rewritten
    assert former.ledger.key in bench.objects.stored
    # Nobody reads it an hour later; what expired is looked for with each eighth generation.
    bench.clock.advance(2 * 3600)
    while bench.manifest("yolo").generation % RETENTION_EVERY:
        assert former.ledger.key in bench.objects.stored
        bench.run([put(bench, 1, 0.9 - bench.manifest("yolo").generation / 100)])
    assert pinned_keys(former) - bench.objects.stored.keys() == {former.ledger.key}


def test_the_fixture_is_what_version_0_1_wrote() -> None:
    bench = published()
    for key, (data, _) in bench.objects.stored.items():
        if key.endswith(".zip"):
            assert not any(plain_offsets(data)), key
            assert set(dates_of(data).values()) == {FORMER}, key
    assert len(bench.manifest("yolo").deltas) == 2


@pytest.mark.parametrize("export", OPTIONS)
def test_a_delta_follows_it(export: str) -> None:
    bench = published()
    before = dates_of(pulled(bench, export))
    bench.kili.fetches.clear()
    bench.run([put(bench, 0, 0.8, createdAt="2026-11-21T10:00:00Z")])
    assert bench.kili.fetches == [["as_000"]], "unchanged assets were converted again"
    assert bench.manifest(export).archive.generation == 1
    for data in last_deltas(bench, export):
        assert all(plain_offsets(data))
    archive = pulled(bench, export)
    assert all(plain_offsets(archive))
    files, expected = bench.files_of(archive), from_nothing(bench).files(export)
    assert without_ids(files) == without_ids(expected)
    after = dates_of(archive)
    changed = {path for path in after if after[path] != before.get(path)}
    assert "README.kili.txt" in changed
    assert all(after[path] >= (1980, 1, 3) for path in changed)
    assert all(after[path] == FORMER for path in after.keys() - changed)
    own = {path for path in changed if "/a." in path}
    assert all(after[path][:2] == (2026, 11) for path in own)
    assert own or export == "coco"


@pytest.mark.parametrize("export", OPTIONS)
@pytest.mark.parametrize("compacts", [False, True])
def test_an_archive_written_again_is_plain(export: str, compacts: bool) -> None:
    """By an increment of a small archive, or by a compaction without any change."""
    bench = published(rewriting=SELDOM if compacts else CompactionPolicy())
    if compacts:
        bench.run([], rewrite=True)
    else:
        bench.run([put(bench, 4, 0.8)])
    assert not bench.manifest(export).deltas
    archive = bench.objects.stored[bench.manifest(export).archive.key][0]
    assert all(plain_offsets(archive))
    assert without_ids(bench.files(export)) == without_ids(from_nothing(bench).files(export))


@pytest.mark.parametrize("export", OPTIONS)
def test_a_full_export_follows_it(export: str) -> None:
    bench = published()
    bench.rebuild()
    fresh = from_nothing(bench)
    archive = bench.objects.stored[bench.manifest(export).archive.key][0]
    assert all(plain_offsets(archive))
    assert without_ids(bench.files(export)) == without_ids(fresh.files(export))
    found = dates_of(archive)
    expected = dates_of(fresh.objects.stored[fresh.manifest(export).archive.key][0])
    # Media are carried over as they are stored.
    media = {path for path in found if path.startswith("assets/")}
    assert media or export != "raw"
    assert {found[path] for path in media} <= {FORMER}
    numbered = {path for path in found if path.endswith("labels.json")}
    for path in found.keys() - media - numbered:
        assert found[path] == expected[path], path
    assert all(found[path] > FORMER for path in numbered)


def sync(bench: Workbench, root: Path) -> SyncResult:
    with FolderOnDisk.open(root) as folder:
        return sync_folder(bench.objects, folder, SyncRequest("proj1", "yolo"))


def folder_of_0_1(root: Path) -> dict[str, int]:
    """The folder as version 0.1 left it, with the times at which it wrote the files."""
    with zipfile.ZipFile(FIXTURE / "folder.zip") as archive:
        archive.extractall(root)
    times = {}
    for line in (root / ".kili-export" / "files.jsonl").read_text().splitlines():
        path, _, _, written_at = json.loads(line)
        os.utime(root / path, ns=(written_at, written_at))
        times[path] = written_at
    return times


@pytest.mark.parametrize("full", [False, True])
def test_a_folder_that_was_synced_before_follows(tmp_path: Path, full: bool) -> None:
    bench = published()
    former = folder_of_0_1(tmp_path)
    key = put(bench, 0, 0.8, createdAt="2026-11-21T10:00:00Z")
    _ = bench.rebuild() if full else bench.run([key])
    synced = sync(bench, tmp_path)
    assert synced.method in {"deltas", "archive"}
    archive = pulled(bench, "yolo")
    for path, data in bench.files_of(archive).items():
        assert (tmp_path / path).read_bytes() == data
        seconds = (tmp_path / path).stat().st_mtime_ns
        if seconds != former.get(path):
            assert seconds == moment_seconds(archive, path) * 1_000_000_000, path
    assert (tmp_path / "labels/a.txt").stat().st_mtime > moments_of("2026-11-20T00:00:00Z")[0]
    assert sync(bench, tmp_path).method == "nothing"


def moment_seconds(archive: bytes, path: str) -> int:
    """A file's date in an archive, read as UTC, in seconds since 1970."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        year, month, day, hour, minute, second = opened.getinfo(path).date_time
    date = (year - 1980) << 25 | month << 21 | day << 16 | hour << 11 | minute << 5 | second // 2
    return int(moment_of(date).timestamp())


def test_a_folder_of_a_former_version_completes_a_change_that_broke_off(tmp_path: Path) -> None:
    """Version 0.1 wrote changes down without dates."""
    folder_of_0_1(tmp_path)
    own = tmp_path / ".kili-export"
    state = json.loads((own / "state.json").read_text())
    lines = [{**state, "generation": 9}, ["remove", "labels/a.txt"], ["write", "data.yaml", "0"]]
    (own / "change.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    bench = published()
    sync(bench, tmp_path)
    assert (tmp_path / "data.yaml").read_bytes() == bench.files("yolo")["data.yaml"]
    shutil.rmtree(tmp_path)
