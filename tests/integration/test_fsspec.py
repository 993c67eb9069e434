"""fsspec reads an export as a file system, by the same calls as any other."""

import csv
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.core import url_to_fs

from kili_export.core.errors import NoSuchFile
from kili_export.filesystem import ExportFileSystem
from kili_export.reading.take_snapshot import take_snapshot
from tests.integration.test_readers_alone import current, unpacked
from tests.support.reader_site import BUCKET, ReaderSite, reader_site
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, change, remove
from tests.unit.steps.publishing.test_deltas_follow import SELDOM
from tests.unit.steps.publishing.test_increments import labelled, two_jobs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderSite]:
    bench = Workbench(two_jobs(), dict(OPTIONS), rewriting=SELDOM)
    for number in range(20):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    bench.rebuild()
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    change(bench, 1)
    remove(bench, 2)
    yield from reader_site(tmp_path_factory.mktemp("fsspec"), bench)


@pytest.fixture(autouse=True)
def credentials(site: ReaderSite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", site.server.endpoint)
    ExportFileSystem.clear_instance_cache()


@pytest.fixture
def system(site: ReaderSite) -> Any:
    return fsspec.filesystem("kili-export", address=site.address("yolo"))


def test_the_protocol_is_found_by_its_entry_point() -> None:
    assert fsspec.get_filesystem_class("kili-export") is ExportFileSystem


def test_every_file_is_found_and_read(site: ReaderSite, system: Any) -> None:
    files = current(site)
    assert sorted(system.find("")) == sorted(files)
    assert system.cat(list(files)) == files
    assert {path: system.info(path)["size"] for path in files} == {
        path: len(data) for path, data in files.items()
    }
    assert {path: system.cat_file(path, 1, 5) for path in files} == {
        path: data[1:5] for path, data in files.items()
    }


def test_folders_are_walked(site: ReaderSite, system: Any) -> None:
    assert {one["name"]: one["type"] for one in system.ls("labels")} == dict.fromkeys(
        ("labels/d0", "labels/d1", "labels/d2"), "directory"
    )
    assert system.isdir("labels")
    assert system.isdir("")
    assert system.isfile("data.yaml")
    assert not system.exists("labels/none")
    assert [names for _, _, names in system.walk("labels/d1")] == [
        sorted(path.removeprefix("labels/d1/") for path in current(site) if "/d1/" in path)
    ]
    assert system.glob("labels/*/1*.txt") == sorted(
        path for path in current(site) if "/1" in path and path.startswith("labels/")
    )


def test_what_is_not_there_is_not_found(system: Any) -> None:
    for ask in (system.info, system.ls, system.cat_file):
        with pytest.raises(FileNotFoundError):
            ask("labels/none.txt")
    with pytest.raises(NoSuchFile):
        system.modified("labels")


def test_a_url_names_the_export_and_the_file(site: ReaderSite) -> None:
    url = f"kili-export://{BUCKET}/exports/proj1/yolo/images/remote_assets.csv"
    with fsspec.open(url, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 19
    system, path = url_to_fs(f"kili-export://{BUCKET}/exports/proj1/yolo/labels")
    assert (system.export.name, path) == ("yolo", "labels")
    found = fsspec.open_files(f"kili-export://{BUCKET}/exports/proj1/yolo/labels/d0/*.txt")
    assert [file.path for file in found] == sorted(
        path for path in current(site) if path.startswith("labels/d0/")
    )


def test_a_path_may_have_the_protocol_before_it(site: ReaderSite, system: Any) -> None:
    found = [f"kili-export://{path}" for path in system.glob("labels/d0/*.txt")]
    assert len(found) > 3
    assert [system.cat_file(path) for path in found] == [
        current(site)[path.removeprefix("kili-export://")] for path in found
    ]


def test_a_snapshot_is_read_as_it_was(site: ReaderSite, tmp_path: Path) -> None:
    system = fsspec.filesystem("kili-export", address=site.address("yolo"), snapshot="v1")
    with (tmp_path / "v1.zip").open("wb+") as target:
        system.export.pull(target)
    files = unpacked((tmp_path / "v1.zip").read_bytes())
    assert system.cat(system.find("")) == files
    assert "labels/d2/2.txt" in files


def test_another_process_reads_the_same_generation(site: ReaderSite, system: Any) -> None:
    before = system.cat(system.find(""))
    change(site.bench, 5)
    site.publish()
    copied = pickle.loads(pickle.dumps(system))
    assert copied.export.generation == system.export.generation
    assert copied.cat(copied.find("")) == before


def test_nothing_is_written(system: Any) -> None:
    with pytest.raises(NotImplementedError, match="for reading"):
        system.open("data.yaml", "wb")
    assert system.ukey("data.yaml") != system.ukey("README.kili.txt")
