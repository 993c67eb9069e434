"""A folder follows one lineage of an export: of another one it takes over no file unseen."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import orjson
import pytest

from kili_export.archives.delta_document import Delta
from kili_export.archives.ended_exports import end_exports, unregister_exports
from kili_export.archives.manifest import Manifest
from kili_export.archives.purged_export import leave_tombstone
from kili_export.archives.snapshots import read_snapshot
from kili_export.archives.stored_deltas import open_deltas
from kili_export.core.bucket_layout import manifest_key, registration_key
from kili_export.core.export_options import Authors
from kili_export.reading.folder_state import FolderState
from kili_export.reading.sync_sources import usable_chain
from kili_export.reading.take_snapshot import take_snapshot
from kili_export.registration.declaration import ExportDeclaration, ProjectRegistration
from kili_export.storage.object_store import delete_prefix
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import (
    OPTIONS,
    change,
    files_in,
    sync,
)
from tests.unit.steps.publishing.test_increments import labelled, two_jobs


@pytest.fixture
def bench() -> Workbench:
    made = Workbench(two_jobs(), dict(OPTIONS))
    for number in range(40):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    made.rebuild()
    return made


def purge(bench: Workbench) -> None:
    """As `kili-export purge` does it."""
    leave_tombstone(bench.objects, "proj1", "yolo", bench.clock.now())
    tombstone = bench.objects.stored[manifest_key("proj1", "yolo")]
    delete_prefix(bench.objects, "exports/proj1/yolo/")
    delete_prefix(bench.objects, "state/proj1/yolo/")
    bench.objects.stored[manifest_key("proj1", "yolo")] = tombstone


def erase(bench: Workbench) -> None:
    """As version 0.1 purged: numbers begin again."""
    delete_prefix(bench.objects, "exports/proj1/yolo/")
    delete_prefix(bench.objects, "state/proj1/yolo/")


def publish_another(bench: Workbench) -> None:
    """Another export of the same name, with as many files, of which one changes at last."""
    for key, found in bench.kili.assets.items():
        number = int(key.removeprefix("as_"))
        bench.kili.assets[key] = replace(
            labelled(number, f"d{number % 3}/{number}.jpg", 0.3), fingerprint=f"other {number}"
        )
        assert found is not None
    bench.options["yolo"] = replace(bench.options["yolo"], authors=Authors.OMIT)
    bench.definitions["yolo"] = "another"
    bench.rebuild()
    change(bench, 5)


@pytest.mark.parametrize("remove", [purge, erase])
@pytest.mark.parametrize("generations", [1, 2, 3])
def test_another_export_of_the_same_name_is_compared_file_by_file(
    bench: Workbench, tmp_path: Path, remove: Callable[[Workbench], None], generations: int
) -> None:
    for _ in range(generations - 1):
        change(bench, 1, left=0.4 + generations / 100)
    sync(bench, tmp_path)
    remove(bench)
    publish_another(bench)
    assert sync(bench, tmp_path).method == "archive"
    assert files_in(tmp_path) == bench.files("yolo")
    assert sync(bench, tmp_path).method == "nothing"


def test_verify_compares_with_what_is_published(bench: Workbench, tmp_path: Path) -> None:
    """Also where the folder's own records say that all is well."""
    sync(bench, tmp_path)
    purge(bench)
    bench.kili.assets["as_001"] = labelled(1, "d1/1.jpg", 0.9)
    bench.rebuild()
    own = tmp_path / ".kili-export" / "state.json"
    own.write_bytes(FolderState.of(bench.manifest("yolo")).to_bytes())
    assert sync(bench, tmp_path).method == "nothing"
    assert files_in(tmp_path) != bench.files("yolo")
    synced = sync(bench, tmp_path, verify=True)
    assert (synced.method, synced.written, synced.fetched) == ("archive", 1, 1)
    assert files_in(tmp_path) == bench.files("yolo")


def test_everything_that_is_published_names_its_lineage(bench: Workbench, tmp_path: Path) -> None:
    change(bench, 1)
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    change(bench, 2)
    manifest = bench.manifest("yolo")
    lineage = manifest.lineage
    assert lineage
    assert lineage != bench.manifest("coco").lineage
    assert read_snapshot(bench.objects, "proj1", "yolo", "v1").lineage == lineage
    first = next(one for one in bench.objects.stored if "yolo/archives/00000001-" in one)
    versions = [PurePosixPath(first).name]
    for delta in open_deltas(bench.objects, manifest.recent_deltas):
        assert delta.document.lineage == lineage
        assert delta.document.from_version == versions[-1]
        versions.append(PurePosixPath(delta.archive.source.key).name)
    assert manifest.version == versions[-1]
    sync(bench, tmp_path)
    state = FolderState.from_bytes((tmp_path / ".kili-export" / "state.json").read_bytes())
    assert (state.lineage, state.version) == (lineage, manifest.version)


def test_a_compaction_and_a_shortened_chain_keep_the_version(bench: Workbench) -> None:
    change(bench, 1)
    before = bench.manifest("yolo")
    bench.run([], rewrite=True)
    after = bench.manifest("yolo").model_copy(update={"recent_deltas": ()})
    assert (after.files_version, after.lineage) == (before.version, before.lineage)


def test_a_folder_that_a_former_version_synced_follows_the_chain(
    bench: Workbench, tmp_path: Path
) -> None:
    change(bench, 1)
    sync(bench, tmp_path)
    own = tmp_path / ".kili-export" / "state.json"
    state = orjson.loads(own.read_bytes())
    del state["lineage"]
    own.write_bytes(orjson.dumps(state))
    change(bench, 2)
    assert sync(bench, tmp_path).method == "deltas"
    assert files_in(tmp_path) == bench.files("yolo")


def published_by_former_version(bench: Workbench) -> None:
    """Takes out of the manifest what version 0.1 did not write."""
    key = manifest_key("proj1", "yolo")
    content: dict[str, Any] = orjson.loads(bench.objects.stored[key][0])
    for name in ("lineage", "first_generation", "version", "ended_at"):
        del content[name]
    for delta in content["recent_deltas"]:
        del delta["from_version"]
    bench.objects.put(key, orjson.dumps(content))


def test_the_first_delta_of_a_former_version_is_no_proof_of_what_it_follows(
    bench: Workbench, tmp_path: Path
) -> None:
    sync(bench, tmp_path)
    change(bench, 1)
    published_by_former_version(bench)
    assert sync(bench, tmp_path).method == "archive"
    assert files_in(tmp_path) == bench.files("yolo")
    change(bench, 2)
    assert bench.manifest("yolo").lineage
    assert sync(bench, tmp_path).method == "deltas"
    assert files_in(tmp_path) == bench.files("yolo")


def test_no_chain_leads_from_another_lineage_or_other_files(bench: Workbench) -> None:
    before = FolderState.of(bench.manifest("yolo"))
    change(bench, 1)
    change(bench, 2)
    manifest = bench.manifest("yolo")
    assert usable_chain(manifest, before) == manifest.recent_deltas
    for other in ({"lineage": "other"}, {"version": "other.zip"}, {"generation": 9}):
        assert usable_chain(manifest, before.model_copy(update=other)) is None
    broken = manifest.recent_deltas[1].model_copy(update={"from_version": "other.zip"})
    chain = (manifest.recent_deltas[0], broken)
    assert usable_chain(manifest.model_copy(update={"recent_deltas": chain}), before) is None


def ended(bench: Workbench, name: str) -> bool:
    found: Manifest = bench.manifest(name)
    return found.ended_at is not None


def test_exports_that_ended_say_so_until_they_are_declared_again(
    bench: Workbench, tmp_path: Path
) -> None:
    end_exports(bench.objects, "proj1", ["coco"], bench.clock.now())
    assert (ended(bench, "coco"), ended(bench, "yolo")) == (True, False)
    since = bench.manifest("coco").ended_at
    bench.clock.advance(60)
    exports = tuple(ExportDeclaration(name=name, format=name) for name in ("kili", "coco"))
    registration = ProjectRegistration(project_id="proj1", exports=exports)
    bench.objects.put(registration_key("proj1"), registration.to_bytes())
    assert unregister_exports(bench.objects, "proj1", bench.clock.now())
    assert not unregister_exports(bench.objects, "proj1", bench.clock.now())
    assert ended(bench, "yolo")
    assert bench.manifest("coco").ended_at == since, "when it ended is noted once"
    assert sync(bench, tmp_path).manifest.ended_at is not None
    lineage = bench.manifest("yolo").lineage
    bench.rebuild()
    assert not ended(bench, "yolo"), "nothing else changed"
    assert bench.manifest("yolo").lineage == lineage
    assert sync(bench, tmp_path).manifest.ended_at is None


def test_a_delta_of_a_former_version_can_be_read() -> None:
    read = Delta.from_bytes(
        b'{"schema_version":1,"project_id":"p","export_name":"e","generation":2,'
        b'"from_generation":1,"run_id":"r"}'
    )
    assert (read.lineage, read.from_version) == (None, None)


class Copy:
    """What follows an export by the recipe of docs/how-to/consume.md, by objects and JSON alone."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.lineage: str | None = None
        self.version = ""
        self.took_archive = 0

    def follow(self, bench: Workbench) -> None:
        def opened(key: str) -> zipfile.ZipFile:
            return zipfile.ZipFile(io.BytesIO(bench.objects.stored[key][0]))

        key = manifest_key("proj1", "yolo")
        manifest: dict[str, Any] = orjson.loads(bench.objects.stored[key][0])
        if manifest["schema_version"] != 1 or manifest["version"] == self.version:
            return
        chain = manifest["recent_deltas"]
        mine = [n for n, delta in enumerate(chain) if delta["from_version"] == self.version]
        if manifest["lineage"] == self.lineage and mine:
            following = chain[mine[0] :]
        else:
            self.took_archive += 1
            archive = opened(manifest["archive"]["key"])
            self.files = {name: archive.read(name) for name in archive.namelist()}
            following = manifest["deltas"]
        for delta in following:
            with opened(delta["key"]) as archive:
                listed = orjson.loads(archive.read("delta.json"))
                for gone in listed["removed"]:
                    del self.files[gone["path"]]
                for come in (*listed["added"], *listed["changed"]):
                    self.files[come["path"]] = archive.read(come["path"])
        self.lineage, self.version = manifest["lineage"], manifest["version"]


@pytest.mark.parametrize("remove", [purge, erase])
def test_who_follows_by_our_recipe_is_right_too(
    bench: Workbench, remove: Callable[[Workbench], None]
) -> None:
    copies = []
    for number in range(3):
        copies.append(Copy())
        copies[-1].follow(bench)
        change(bench, number, left=0.7)
    for copy in copies[:2]:
        copy.follow(bench)
        assert (copy.files, copy.took_archive) == (bench.files("yolo"), 1)
    remove(bench)
    publish_another(bench)
    for copy in copies:
        copy.follow(bench)
        assert copy.files == bench.files("yolo")
        change(bench, 7, left=0.9)
        copy.follow(bench)
        assert copy.files == bench.files("yolo")
        assert copy.took_archive == 2
