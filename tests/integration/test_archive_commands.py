"""Snapshots, a folder that follows, and erasure, by the command line against a whole stack."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from kili_export import Export
from kili_export.aws.s3 import S3ObjectStore
from kili_export.core.errors import InvalidConfiguration
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project
from tests.support.local_stack import StackProcess

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A running stack with one project."""

    world: KiliWorld
    project: Project
    stack: StackProcess
    folder: Path

    def settle(self) -> None:
        """Waits until Kili has called and everything is published."""
        assert self.world.courier.wait_idle(120), "Kili's calls did not arrive"
        self.stack.answer("wait", self.project.id)

    def answer(self, command: str, *arguments: str, status: int = 0) -> dict[str, Any]:
        """The answer of a command about the project."""
        return self.stack.answer(command, self.project.id, *arguments, status=status)

    def complaint(self, command: str, *arguments: str) -> str:
        """What a command says that must refuse."""
        done = self.stack.command(command, self.project.id, *arguments)
        assert done.returncode == 2, f"{done.returncode} {done.stdout}{done.stderr}"
        return done.stderr

    def pulled(self, export: str, *more: str) -> dict[str, bytes]:
        """The files of an archive, as `pull` brings it."""
        target = self.folder / "pulled.zip"
        self.answer("pull", export, "--output", str(target), *more)
        with zipfile.ZipFile(target) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("stack")
    world = KiliWorld(api_key="site-key")
    project = world.add_project(sample_project())
    with start_standin(world) as kili:
        stack = StackProcess(folder / "state", kili, world.api_key)
        stack.start()
        site = Site(world, project, stack, folder)
        try:
            site.answer("register", "--export=yolo=yolo_v8", "--export=coco=coco")
            stack.answer("webhook", "install", project.id)
            site.settle()
            yield site
        finally:
            stack.discard()


def _files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".kili-export" not in path.relative_to(root).parts
    }


def test_a_prefix_of_another_bucket_follows_the_export(site: Site) -> None:
    access = site.stack.answer("credentials")
    client = boto3.client(
        "s3",
        endpoint_url=access["s3_endpoint"],
        aws_access_key_id=access["aws_access_key_id"],
        aws_secret_access_key=access["aws_secret_access_key"],
        region_name=access["region"],
    )
    client.create_bucket(Bucket="trees")
    objects = S3ObjectStore(client, "trees")
    for label in ("scene-26.png", "scene-27.png"):
        answer = site.answer("sync", "yolo", "s3://trees/data/yolo")
        held = {
            found.key.removeprefix("data/yolo/"): objects.get(found.key)
            for found in objects.list("data/yolo/")
            if not found.key.startswith("data/yolo/.kili-export/")
        }
        expected = site.pulled("yolo")
        assert {path: found[0] for path, found in held.items() if found} == expected
        assert answer["files"] == len(expected)
        site.world.submit_label(label)
        site.settle()
    assert answer["written"] < answer["files"]
    assert "is not a place for files" in site.complaint("sync", "yolo", "s3://trees")
    client.close()


def _holding(site: Site, wanted: bytes, pattern: str) -> list[str]:
    """The files of the state directory that hold some bytes."""
    files = [path for path in (site.folder / "state").glob(pattern) if path.is_file()]
    return [str(path) for path in files if wanted in path.read_bytes()]


def test_a_folder_follows_the_export(site: Site) -> None:
    roots = {export: site.folder / f"follows-{export}" for export in ("yolo", "coco")}
    first = {export: site.answer("sync", export, str(root)) for export, root in roots.items()}
    assert {one["method"] for one in first.values()} == {"archive"}
    site.world.submit_label("scene-28.png")
    site.settle()
    for export, root in roots.items():
        second = site.answer("sync", export, str(root))
        generation = first[export]["generation"]
        assert second["method"] == "deltas"
        assert (second["from_generation"], second["generation"]) == (generation, generation + 1)
        # COCO's one document is most of so small an archive, and of the delta.
        assert export == "coco" or second["bytes_down"] < first[export]["bytes_down"]
        assert _files(root) == site.pulled(export)
    assert site.answer("sync", "yolo", str(roots["yolo"]))["method"] == "nothing"


def test_programs_open_the_export_of_this_machine(site: Site) -> None:
    export = Export.local(site.project.id, "yolo", state=site.stack.state)
    assert {file.path: data for file, data in export.contents()} == site.pulled("yolo")
    with pytest.raises(InvalidConfiguration, match="No stack is running"):
        Export.local(site.project.id, "yolo", state=site.folder / "nowhere")


def test_a_snapshot_is_taken_once_listed_pulled_and_deleted(site: Site) -> None:
    before = site.pulled("yolo")
    taken = site.answer("snapshot", "yolo", "v1")
    assert "has a snapshot 'v1' already" in site.complaint("snapshot", "yolo", "v1")
    site.world.submit_label("scene-31.png")
    site.settle()
    listed = site.answer("snapshot", "yolo", "--list")["snapshots"]
    assert [(one["name"], one["generation"]) for one in listed] == [("v1", taken["generation"])]
    assert site.pulled("yolo", "--snapshot", "v1") == before
    assert site.pulled("yolo") != before
    root = site.folder / "of-snapshot"
    site.answer("sync", "yolo", str(root), "--snapshot", "v1")
    assert _files(root) == before
    site.answer("snapshot", "yolo", "v1", "--delete")
    assert site.answer("snapshot", "yolo", "--list")["snapshots"] == []
    assert "no snapshot 'v1'" in site.complaint("pull", "yolo", "--output", "x", "--snapshot", "v1")
    assert "Give the snapshot a name" in site.complaint("snapshot", "yolo")


def test_one_deleted_asset_is_erased_from_what_was_kept(site: Site) -> None:
    asset = next(one for one in site.project.assets.values() if one.external_id == "scene-32.png")
    site.answer("snapshot", "coco", "with-it")
    assert "Delete it in Kili first" in site.complaint("purge", "--asset", asset.id, "--yes")
    site.world.delete_asset("scene-32.png")
    site.settle()
    assert "confirm with --yes" in site.complaint("purge", "--asset", asset.id)
    root = site.folder / "follows-purge"
    site.answer("sync", "coco", str(root))
    assert _holding(site, asset.id.encode(), "**/*")
    erased = site.answer("purge", "--asset", asset.id, "--yes")["objects"]
    assert not _holding(site, asset.id.encode(), "**/*")
    assert any("/snapshots/with-it.json" in key for key in erased)
    assert any("/archives/" in key for key in erased)
    assert site.answer("snapshot", "coco", "--list")["snapshots"] == []
    assert not [name for name in site.pulled("yolo") if "scene-32" in name]
    site.world.submit_label("scene-35.png")
    site.settle()
    site.answer("sync", "coco", str(root))
    assert _files(root) == site.pulled("coco")


def test_one_export_and_then_the_project_are_erased(site: Site) -> None:
    site.answer("purge", "coco", "--yes")
    assert "Export 'coco' of project" in site.complaint("pull", "coco", "--output", "x")
    status = site.answer("status")
    assert [one["name"] for one in status["exports"]] == ["yolo"]
    named, project = b"scene-", site.project.id.encode()
    # Other volumes hold the copy in another bucket, which is its owner's to erase.
    volumes = "s3/kili-exports_*.dat"
    assert _holding(site, named, volumes), "what the volumes hold can be found"
    assert _holding(site, project, "logs/*")
    assert _holding(site, project, "executions/*")
    erased = site.answer("purge", "--yes")["objects"]
    assert not _holding(site, named, volumes) + _holding(site, named, "*")
    assert not _holding(site, project, "logs/*") + _holding(site, project, "executions/*")
    assert f"registrations/{site.project.id}.json" in erased
    assert "has no exports" in site.complaint("status")
    assert "Nothing of" in site.complaint("purge", "--yes")
