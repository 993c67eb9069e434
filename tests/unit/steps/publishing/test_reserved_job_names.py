"""A job may be called like anything that stands beside its folder: archives and folders stay."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kili_export.changes.comparison.definition import definition_of
from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.core.file_paths import job_folder
from kili_export.formats.registry import format_of
from kili_export.reading.folder import FolderOnDisk
from kili_export.reading.sync import SyncRequest, sync_folder
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

SPLIT = {
    "yolo": ExportOptions("yolo_v8", layout=Layout.SPLIT),
    "coco": ExportOptions("coco", layout=Layout.SPLIT),
    "corrected": ExportOptions(
        "yolo_v8", layout=Layout.SPLIT, compatibility=Compatibility.CORRECTED
    ),
}
NAMES = (
    ".kili-export",
    ".Kili-Export/x",
    "README.kili.txt",
    "readme.KILI.txt/x",
    "delta.json",
    "Delta.json/x",
    "remote_assets.csv",
    "images/remote_assets.csv",
    "images/Remote_assets.csv/x",
)


def labelled(name: str, left: float) -> FetchedAsset:
    made: Any = label(answers(**{name: [box("CAR", left, 0.1, 0.9, 0.8, mid="m")]}))
    found = fetched(asset(1, "1.jpg", made, content="https://storage.example/1.jpg"))
    fields = {**found.fields, "id": "as_001"}
    return replace(found, asset_id="as_001", order_key="1", fields=fields, fingerprint=f"{left}")


def required_to_be_whole(archive: bytes) -> None:
    """No file has the name of a folder that others are in, in whatever case."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        names = [name.casefold() for name in opened.namelist()]
    assert len(names) == len(set(names))
    assert not [one for one in names for other in names if other.startswith(f"{one}/")]
    assert not [one for one in names if one.startswith(".kili-export")]


@pytest.mark.parametrize("name", NAMES)
def test_such_a_job_blocks_no_consumer(tmp_path: Path, name: str) -> None:
    bench = Workbench(project({name: job(["CAR"])}), dict(SPLIT))
    bench.kili.assets["as_001"] = labelled(name, 0.2)
    bench.rebuild()
    for step in range(2):
        for export in SPLIT:
            with FolderOnDisk.open(tmp_path / export) as folder:
                sync_folder(bench.objects, folder, SyncRequest("proj1", export))
            for path, data in bench.files(export).items():
                assert (tmp_path / export / path).read_bytes() == data
            assert any(path.startswith("_") for path in bench.files(export)), "the job's folder"
        if step == 0:
            bench.kili.assets["as_001"] = labelled(name, 0.6)
            bench.run(["as_001"])
    written = [key for key in bench.objects.stored if "/archives/" in key or "/deltas/" in key]
    assert any("/deltas/" in key for key in written)
    for key in written:
        required_to_be_whole(bench.objects.stored[key][0])


def test_other_jobs_keep_their_folders() -> None:
    for name in ("CARS", "README.kili", "kili-export", "delta.json5", "images", "a/delta.json"):
        assert job_folder(name) == name


@pytest.mark.parametrize("export", ["yolo", "coco"])
def test_two_jobs_do_not_come_to_one_folder(export: str) -> None:
    twice = project({name: job(["CAR"]) for name in (".kili-export", "_.kili-export")})
    with pytest.raises(IncompatibleProject, match="would share a folder"):
        format_of(SPLIT[export]).check(twice, SPLIT[export])


def test_exports_of_such_projects_alone_are_made_again() -> None:
    """Of all others the definition is what it was."""
    for name, is_reserved in (("CARS", False), ("delta.json", True)):
        of_job = project({name: job(["CAR"])})
        parts = [SPLIT["yolo"].digest(), of_job.digest(), "1"]
        former = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        assert (definition_of(SPLIT["yolo"], of_job, "1") != former) is is_reserved
