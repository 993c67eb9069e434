"""No archive holds a file and a folder of one name, in whichever order assets come and go."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.export_options import ExportOptions, Layout
from kili_export.core.file_paths import folders_of, named_like_folders
from tests.support.kili_samples import answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

EXPORTS = {
    "kili": ExportOptions("kili", with_assets=True),
    "yolo": ExportOptions("yolo_v8", layout=Layout.MERGED, with_assets=True),
    "voc": ExportOptions("pascal_voc", layout=Layout.MERGED, with_assets=True),
}
CONFLICTS = {
    "kili": ({1: "d", 2: "d/c.jpg"}, "assets/d", "assets/d/c.jpg"),
    "yolo": ({1: "x.jpg", 2: "x.txt/y.jpg"}, "labels/x.txt", "labels/x.txt/y.txt"),
    "voc": ({1: "v", 2: "v.xml/w.jpg"}, "labels/v.xml", "labels/v.xml/w.jpg.xml"),
}
each_export = pytest.mark.parametrize("export", sorted(CONFLICTS))


def put(bench: Workbench, number: int, name: str, left: float = 0.1) -> str:
    made = label(answers(CARS=[box("CAR", left, 0.1, 0.9, 0.8, mid=f"m{number}")]))
    found = fetched(asset(number, name, made))
    bench.kili.assets[found.asset_id] = replace(found, fingerprint=f"{left}")
    bench.kili.files[f"/{number}.jpg"] = (b"picture %d" % number, "application/x-unknown")
    return found.asset_id


def bench_of(export: str, names: dict[int, str]) -> Workbench:
    bench = Workbench(project({"CARS": job(["CAR"])}), {export: EXPORTS[export]})
    for number, name in names.items():
        put(bench, number, name)
    bench.rebuild()
    return bench


def remove(bench: Workbench, asset_id: str) -> None:
    del bench.kili.assets[asset_id]
    bench.run([asset_id], confirmed_removals=9)


def unpacked(bench: Workbench, export: str, folder: Path) -> set[str]:
    data = bench.objects.stored[bench.manifest(export).archive.key][0]
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}


@each_export
@pytest.mark.parametrize("turned", [False, True])
def test_37_a_file_called_like_a_folder_is_left_out(
    export: str, turned: bool, tmp_path: Path
) -> None:
    names, like_folder, inside = CONFLICTS[export]
    numbers = dict(zip(names, reversed(names), strict=True)) if turned else {n: n for n in names}
    bench = bench_of(export, {numbers[n]: name for n, name in names.items()})

    found = unpacked(bench, export, tmp_path)

    assert found == set(bench.files(export))
    assert inside in found
    assert like_folder not in found
    assert bench.manifest(export).quarantined == ()


@each_export
@pytest.mark.parametrize("late", [1, 2])
def test_an_increment_comes_to_the_same_whichever_is_later(export: str, late: int) -> None:
    names, like_folder, inside = CONFLICTS[export]
    bench = bench_of(export, {n: name for n, name in names.items() if n != late})
    alone = bench.files(export)
    added = put(bench, late, names[late])
    bench.run([added])

    assert bench.files(export) == bench_of(export, names).files(export)

    remove(bench, added)
    assert bench.files(export) == alone
    assert {like_folder, inside} & alone.keys() == ({inside} if late == 1 else {like_folder})


@each_export
def test_what_was_left_out_follows_changes_and_comes_back(export: str) -> None:
    names, like_folder, _ = CONFLICTS[export]
    bench = bench_of(export, names)
    bench.run([put(bench, 1, names[1], left=0.5)])
    bench.rebuild()
    assert like_folder not in bench.files(export)

    remove(bench, "as_2")

    alone = bench_of(export, {})
    alone.run([put(alone, 1, names[1], left=0.5)])
    assert bench.files(export) == alone.files(export)


def test_the_files_of_one_in_the_other_come_back_one_after_another() -> None:
    bench = bench_of("kili", {1: "d", 2: "d/e", 3: "d/e/f", 4: "d-1"})
    media = {path for path in bench.files("kili") if path.startswith("assets/")}
    assert media == {"assets/d/e/f", "assets/d-1"}

    remove(bench, "as_3")
    assert {"assets/d/e", "assets/d-1"} <= bench.files("kili").keys()
    remove(bench, "as_2")
    assert {"assets/d", "assets/d-1"} <= bench.files("kili").keys()


@given(st.sets(st.text("a/-", max_size=6).map(lambda text: text.strip("/") or "a"), max_size=12))
def test_names_of_folders_are_found_in_one_pass(names: Any) -> None:
    folders = {folder for name in names for folder in folders_of(name)}

    found = list(named_like_folders(sorted(name.encode() for name in names)))

    assert sorted(found) == sorted(name.encode() for name in names & folders)
