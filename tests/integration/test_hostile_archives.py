"""Archives of assets and classes with hostile names unpack inside their folder, with every tool."""

import json
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.reading.folder_change import checked_path
from tests.support.archive_readers import check_with_every_reader
from tests.support.hostile import NAMES
from tests.support.kili_samples import Json, answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

CLASSES = {f"C{number}": {"name": name, "children": []} for number, name in enumerate(NAMES)}
# What cannot be encoded is refused by the client, with its asset. Names of which only the normal
# form differs have a test of their own: some tools write them as one.
WRITABLE = [
    name for name in NAMES if "\ud800" not in name and unicodedata.normalize("NFC", name) == name
]
# Files that are called like folders of others: of labels, of media, and two of them in one another.
FOLDERS = ["d.jpg", "d.jpg/c.jpg", "x", "x.json/y", "x.jpg.xml/y.jpg", "x.jpg", "e.jpg/f.jpg/g.jpg"]
APART_BY_FORM = ["caf\u00e9.jpg", "cafe\u0301.jpg", "g\u0301" + "\u0301" * 200 + ".jpg"]
EXPORTS = {
    "raw": ExportOptions("kili"),
    "single": ExportOptions("kili", single_file=True),
    "media": ExportOptions("kili", with_assets=True),
    "coco": ExportOptions("coco"),
    "voc": ExportOptions("pascal_voc", Layout.MERGED),
    "yolo": ExportOptions("yolo_v8", Layout.MERGED),
    "split": ExportOptions("yolo_v5", Layout.SPLIT),
    "right": ExportOptions("yolo_v8", Layout.MERGED, compatibility=Compatibility.CORRECTED),
}


def hostile_project() -> Json:
    usable = {key: value for key, value in CLASSES.items() if value["name"] in WRITABLE}
    return {"OBJECTS": job(usable), "../JOB": job({"A": {"name": "x", "children": []}})}


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return exported([*WRITABLE, *FOLDERS, "e.jpg/f.jpg", "e.jpg"], EXPORTS)


def exported(names: Sequence[str], exports: dict[str, ExportOptions]) -> Workbench:
    bench = Workbench(project(hostile_project(), title="../../<title>: [x\n"), exports)
    for number, name in enumerate(names):
        drawn = box(f"C{number % len(CLASSES)}", 0.1, 0.1, 0.5, 0.5, mid="m")
        answer = asset(number, name, label(answers(OBJECTS=[drawn])))
        answer["content"] = f"https://storage.example/{number}.jpg?X-Signature=1"
        bench.kili.files[f"/{number}.jpg"] = (b"picture", "image/jpeg")
        bench.kili.assets[answer["id"]] = fetched(answer)
    bench.batch_size = 50
    bench.rebuild()
    return bench


def archive_at(bench: Workbench, export: str, path: Path) -> Path:
    path.write_bytes(bench.objects.stored[bench.manifest(export).archive.key][0])
    return path


def extracted_by(command: Callable[[Path, Path], list[str]]) -> Callable[[Path, Path], None]:
    def extract(archive: Path, folder: Path) -> None:
        subprocess.run(command(archive, folder), check=True, capture_output=True, cwd=folder)

    return extract


def with_zipfile(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)


TOOLS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "unzip": ("unzip", extracted_by(lambda archive, _: ["unzip", "-qq", "-o", str(archive)])),
    "7z": ("7z", extracted_by(lambda archive, _: ["7z", "x", "-y", "-bso0", str(archive)])),
    "bsdtar": ("bsdtar", extracted_by(lambda archive, _: ["bsdtar", "-xf", str(archive)])),
    "python -m zipfile": (
        "",
        extracted_by(lambda archive, _: [sys.executable, "-m", "zipfile", "-e", str(archive), "."]),
    ),
    "zipfile": ("", with_zipfile),
    "shutil": ("", lambda archive, folder: shutil.unpack_archive(archive, folder, "zip")),
}


def extracted(archive: Path, tool: str, scratch: Path) -> set[str]:
    """What a tool wrote anywhere in `scratch`, by its path in the folder it was to write to."""
    program, extract = TOOLS[tool]
    if program and shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")
    folder = scratch / "a" / "b" / "inside"
    folder.mkdir(parents=True)
    extract(archive, folder)
    found = {one for one in scratch.rglob("*") if one.is_file() or one.is_symlink()} - {archive}
    assert not any(one.is_symlink() for one in found)
    outside = {one for one in found if not one.is_relative_to(folder)}
    assert not outside, f"{tool} wrote outside of its folder"
    return {one.relative_to(folder).as_posix() for one in found}


@pytest.mark.parametrize("export", ["media", "right", "voc"])
@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_it_unpacks_inside_its_folder(
    bench: Workbench, export: str, tool: str, tmp_path: Path
) -> None:
    archive = archive_at(bench, export, tmp_path / "archive.zip")
    assert extracted(archive, tool, tmp_path) == set(bench.files(export))


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_names_that_differ_in_their_normal_form_stay_inside_too(tool: str, tmp_path: Path) -> None:
    """bsdtar writes the composed form, so that of two such files one is left."""
    bench = exported(APART_BY_FORM, {"raw": EXPORTS["raw"]})
    archive = archive_at(bench, "raw", tmp_path / "archive.zip")
    found = {unicodedata.normalize("NFC", name) for name in extracted(archive, tool, tmp_path)}
    assert found == {unicodedata.normalize("NFC", name) for name in bench.files("raw")}


def test_every_reader_finds_the_same_files(bench: Workbench, tmp_path: Path) -> None:
    archive = archive_at(bench, "media", tmp_path / "archive.zip")
    assert set(check_with_every_reader(archive).contents) == set(bench.files("media"))


@pytest.mark.parametrize("export", sorted(EXPORTS))
def test_no_name_of_a_file_is_dangerous(bench: Workbench, export: str) -> None:
    for name in bench.files(export):
        assert checked_path(name) == name
        assert all(len(part.encode()) <= 255 for part in name.split("/")), name
        assert name.isprintable() or not any(letter < " " for letter in name)


def test_every_asset_is_there_or_gave_way_to_one_of_its_name(bench: Workbench) -> None:
    assert bench.manifest("raw").quarantined == ()
    listed = json.loads(bench.files("single")["data.json"])
    assert [one["externalId"] for one in listed] == [
        one.external_id
        for one in sorted(bench.kili.assets.values(), key=lambda asset: asset.order_key)
    ]


def test_yaml_holds_the_classes_as_they_are_called(bench: Workbench) -> None:
    """In corrected archives; default ones quote what readers would take for something else."""
    files = bench.files("right")
    documents = [yaml.safe_load(data) for name, data in files.items() if name.endswith("data.yaml")]
    assert documents
    for document in documents:
        names = document["names"]
        listed: list[Any] = list(names.values()) if isinstance(names, dict) else names
        assert len(listed) == document["nc"]
        assert all(isinstance(name, str) for name in listed)


def test_xml_is_well_formed_whatever_is_in_it(bench: Workbench) -> None:
    documents = {n: data for n, data in bench.files("voc").items() if n.endswith(".xml")}
    assert documents
    for name, data in documents.items():
        assert ET.fromstring(data).tag == "annotation", name


def test_json_is_json(bench: Workbench) -> None:
    for export in EXPORTS:
        for name, data in bench.files(export).items():
            if name.endswith(".json") and not name.startswith("assets/"):
                json.loads(data)
