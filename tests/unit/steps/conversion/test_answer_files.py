"""Files that answers consist of: in `kili` and `raw` archives, with media or without."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.core.urls import AnswerFile, address_of, answer_file_at
from tests.support.kili_samples import Json, answers, asset, box, fetched, job, label, project
from tests.support.workbench import Workbench

JOBS = {"BOXES": job(["CAR"]), "SCAN": job({}, None, "TRANSCRIPTION"), "PLAN": job({}, None, "X")}


def bench_of(input_type: str = "IMAGE", **options: Any) -> Workbench:
    exporting = ExportOptions("kili", **{"single_file": False, **options})
    return Workbench(project(JOBS, input_type), {"it": exporting})


def put(bench: Workbench, number: int, name: str, *responses: Json, **more: Any) -> str:
    labels = [label(response) for response in responses]
    made = fetched(asset(number, name, *labels, **more))
    bench.kili.assets[made.asset_id] = replace(made, fingerprint=json.dumps(responses))
    bench.kili.files[f"/{number}.jpg"] = (b"picture %d" % number, "image/png")
    for held in ("f1", "f2", "f3"):
        path = f"proj1/{made.asset_id}/{held}"
        bench.kili.files[path] = (f"{held} of {made.asset_id}".encode(), "text/plain")
    return made.asset_id


def scan(file_id: object, name: str | None = None) -> Json:
    return {"SCAN": {"fileId": file_id} | ({"fileName": name} if name else {})}


def answers_of(files: dict[str, bytes], path: str) -> Json:
    read: Json = json.loads(files[path])["latestLabel"]["jsonResponse"]
    return read


@pytest.mark.parametrize("with_assets", [False, True])
def test_a_file_lies_beside_its_label_which_names_it(with_assets: bool) -> None:
    bench = bench_of(with_assets=with_assets)
    put(bench, 1, "dir/a b.jpg", scan("f1", "x y.bin"))
    put(bench, 2, "plain", answers(BOXES=[box("CAR", 0, 0, 1, 1)]))
    bench.rebuild()
    files = bench.files("it")
    assert files["labels/dir/a_b.jpg/SCAN_x y.bin"] == b"f1 of as_1"
    named = answers_of(files, "labels/dir/a_b.jpg.json")["SCAN"]
    assert named["filePath"] == "labels/dir/a_b.jpg/SCAN_x y.bin"
    media = {path for path in files if path.startswith("assets/")}
    assert media == ({"assets/dir/a b.jpg", "assets/plain.png"} if with_assets else set())
    content = json.loads(files["labels/dir/a_b.jpg.json"])["content"]
    assert content.startswith("assets/a b.jpg" if with_assets else "https://")


def test_files_come_and_go_with_their_answers() -> None:
    bench = bench_of()
    put(bench, 1, "a.jpg", scan("f1", "x.bin"))
    put(bench, 2, "b.jpg", scan("f1"))
    bench.rebuild()
    bench.run([put(bench, 1, "a.jpg", {})])
    assert "labels/a.jpg/SCAN_x.bin" not in bench.files("it")
    bench.run([put(bench, 1, "a.jpg", scan("f2", "x.bin"))])
    files = bench.files("it")
    assert files["labels/a.jpg/SCAN_x.bin"] == b"f2 of as_1"
    assert files["labels/b.jpg/SCAN_f1"] == b"f1 of as_2"


def test_files_of_videos_belong_to_the_whole_asset() -> None:
    bench = bench_of("VIDEO")
    frame = answers(BOXES=[box("CAR", 0, 0, 1, 1)])
    put(bench, 1, "v.mp4", {"0": frame, "assetLevel": scan("f1"), **scan("f2")}, content="")
    bench.rebuild()
    files = bench.files("it")
    assert [path for path in files if "SCAN" in path] == ["labels/v.mp4/SCAN_f1"]
    read = answers_of(files, "labels/v.mp4.json")
    assert read["assetLevel"]["SCAN"]["filePath"] == "labels/v.mp4/SCAN_f1"
    assert "filePath" not in read["SCAN"]


def test_of_two_answers_that_get_one_name_the_last_one_has_it() -> None:
    bench = bench_of(export_type="latest_from_last_step")
    put(bench, 1, "a.jpg", scan("f1", "x"), scan("f2", "x"))
    bench.rebuild()
    assert bench.files("it")["labels/a.jpg/SCAN_x"] == b"f2 of as_1"


def test_of_assets_of_one_name_the_first_has_the_file() -> None:
    bench = bench_of()
    put(bench, 1, "a.jpg", scan("f1", "x"))
    put(bench, 2, "a.jpg", scan("f2", "x"))
    bench.rebuild()
    assert bench.files("it")["labels/a.jpg/SCAN_x"] == b"f1 of as_1"


def test_corrected_archives_keep_files_of_equal_names_apart() -> None:
    bench = bench_of(compatibility=Compatibility.CORRECTED)
    put(bench, 1, "a.jpg", scan("f1", "x"))
    put(bench, 2, "a.jpg", scan("f2", "x"))
    bench.rebuild()
    files = bench.files("it")
    assert files["labels/a-as_1/SCAN_x"] == b"f1 of as_1"
    assert files["labels/a-as_2/SCAN_x"] == b"f2 of as_2"
    assert answers_of(files, "labels/a-as_2.json")["SCAN"]["filePath"] == "labels/a-as_2/SCAN_x"


def test_a_file_that_cannot_be_had_puts_its_asset_into_quarantine() -> None:
    bench = bench_of()
    put(bench, 1, "a.jpg", scan("gone"))
    put(bench, 2, "b.jpg", scan("f1"))
    bench.rebuild()
    [held] = bench.manifest("it").quarantined
    assert held.asset_id == "as_1"
    assert "labels/b.jpg/SCAN_f1" in bench.files("it")


@pytest.mark.parametrize("file_id", [None, 7, "", ["f1"]])
def test_an_answer_that_names_no_file_is_reported(file_id: object) -> None:
    bench = bench_of()
    put(bench, 1, "a.jpg", scan(file_id, "x"))
    bench.rebuild()
    files = bench.files("it")
    assert answers_of(files, "labels/a.jpg.json") == scan(file_id, "x")
    assert not [path for path in files if "SCAN" in path]
    assert bench.manifest("it").report is not None


def test_names_of_files_stay_in_their_folder() -> None:
    bench = bench_of()
    put(bench, 1, "a.jpg", scan("f1", "../../../x/CON"))
    bench.rebuild()
    [path] = [path for path in bench.files("it") if "SCAN" in path]
    assert path.startswith("labels/a.jpg/SCAN_")
    assert ".." not in path.split("/")


def test_more_files_than_names_that_can_be_guessed_are_no_trouble() -> None:
    bench = bench_of(with_assets=True)
    several = {f"JOB_{number}": scan("f1")["SCAN"] for number in range(9)}
    asset_id = put(bench, 1, "plain", several)
    bench.rebuild()
    bench.run([put(bench, 1, "plain", {**several, "BOXES": {"annotations": []}})])
    files = bench.files("it")
    assert files["assets/plain.png"] == b"picture 1"
    assert sum(path.startswith("labels/plain/JOB_") for path in files) == 9
    assert bench.kili.media_fetches.count(f"proj1/{asset_id}/f1") == 1


@pytest.mark.parametrize("format_name", ["yolo_v8", "coco", "pascal_voc"])
def test_other_formats_ask_for_no_files(format_name: str) -> None:
    options = ExportOptions(format_name, layout=Layout.MERGED)
    bench = Workbench(project(JOBS), {"it": options})
    put(bench, 1, "a.jpg", scan("f1"))
    bench.rebuild()
    assert bench.kili.media_fetches == []


any_text = st.text(st.characters())


@given(any_text, any_text, any_text)
def test_addresses_lead_back_to_the_file(project_id: str, asset_id: str, file_id: str) -> None:
    file = AnswerFile(project_id, asset_id, file_id)
    assert answer_file_at(address_of(file)) == file
    assert answer_file_at("https://storage.example/a/b/c") is None
