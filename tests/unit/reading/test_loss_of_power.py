"""Whatever is lost that no one waited for, a folder never takes it for stored."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kili_export.core.export_options import ExportOptions, Layout
from kili_export.reading import durable_writes as durable
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.sync import SyncRequest, sync_folder
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_increments import labelled, two_jobs


@dataclass
class Disk:
    """What of a folder was stored for sure: files by inode, size and time, folders by names."""

    root: Path
    stored: set[tuple[object, ...]] = field(default_factory=set)
    single: int = 0
    moments: list[str] = field(default_factory=list)

    def fsync(self, descriptor: int) -> None:
        self.single += 1
        found = os.fstat(descriptor)
        self.stored |= {
            self.look(path)
            for path in (self.root, *self.root.rglob("*"))
            if path.exists() and path.stat().st_ino == found.st_ino
        }

    def sync(self) -> None:
        self.stored |= {self.look(path) for path in (self.root, *self.root.rglob("*"))}

    @staticmethod
    def look(path: Path) -> tuple[object, ...]:
        found = path.stat()
        names = tuple(sorted(one.name for one in path.iterdir())) if path.is_dir() else ()
        return (found.st_ino, names, 0 if names else found.st_mtime_ns)

    def check(self, moment: str) -> None:
        """At the moments that others rely on, all that they rely on is stored."""
        self.moments.append(moment)
        own = self.root / ".kili-export"
        paths: list[Path] = []
        if moment == "change.jsonl":
            paths = [path for path in (own / "staging").rglob("*") if path.is_file()]
        if moment == "state.json" and b'"current"' in (own / "state.part").read_bytes():
            paths = [path for path in self.root.rglob("*") if own not in (path, *path.parents)]
            paths = [self.root, *paths, own / "files.jsonl"]
        assert not [path for path in paths if self.look(path) not in self.stored], moment


def replacing(disk: Disk, replace: Callable[..., None]) -> Callable[..., None]:
    def checked(source: str, target: str, **folders: int) -> None:
        disk.check(target)
        replace(source, target, **folders)

    return checked


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk(tmp_path)
    monkeypatch.setattr(os, "fsync", made.fsync)
    monkeypatch.setattr(os, "sync", made.sync)
    monkeypatch.setattr(os, "replace", replacing(made, os.replace))
    return made


def follow(bench: Workbench, root: Path) -> None:
    with FolderOnDisk.open(root) as folder:
        sync_folder(bench.objects, folder, SyncRequest("proj1", "yolo"))


@pytest.mark.parametrize("assets", [3, 100])
def test_the_state_tells_of_nothing_that_is_not_stored(disk: Disk, assets: int) -> None:
    bench = Workbench(two_jobs(), {"yolo": ExportOptions("yolo_v8", layout=Layout.MERGED)})
    for number in range(assets):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    bench.rebuild()
    follow(bench, disk.root)
    bench.kili.assets["as_001"] = labelled(1, "d1/1.jpg", 0.6)
    del bench.kili.assets["as_002"]
    bench.run(["as_001", "as_002"], confirmed_removals=1)
    follow(bench, disk.root)
    assert disk.moments.count("change.jsonl") == 2


@pytest.mark.parametrize("waits", [True, False])
def test_many_files_are_waited_for_at_once_where_that_is_possible(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    monkeypatch.setattr(durable, "_SYNC_WAITS", waits)
    paths = [tmp_path / str(number) for number in range(100)]
    for path in paths[1:]:
        path.write_bytes(b"-")
    durable.settle(iter(paths))
    assert disk.single == (0 if waits else 99), "one is not there"
    assert {disk.look(path) for path in paths[1:]} <= disk.stored


def test_links_and_what_is_below_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"-")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    durable.settle([tmp_path / "link", tmp_path / "file" / "below", tmp_path])
