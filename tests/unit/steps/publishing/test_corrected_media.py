"""Media in corrected archives: beside their labels, under names that belong together."""

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout, Split
from kili_export.core.project import Project
from tests.support.kili_samples import (
    Json,
    answers,
    asset,
    box,
    fetched,
    job,
    label,
    project,
    ring,
    shape,
)
from tests.support.workbench import Workbench
from tests.support.yolo_rules import read_dataset

FRAMES = 12
SHARES = Split(0.5, 0.25, 0.25)
ONE = answers(BOXES=[box("CAR", 0.25, 0.25, 0.75, 0.5)])
TWO = answers(
    BOXES=[box("CAR", 0, 0, 0.5, 0.5)],
    MASKS=[shape("semantic", "A", ring((0, 0), (1, 0), (1, 1)))],
)


def two_jobs(input_type: str = "IMAGE") -> Project:
    jobs = {"BOXES": job(["CAR"]), "MASKS": job(["A"], ["semantic", "polygon"])}
    return project(jobs, input_type)


def corrected(format_name: str, **more: Any) -> ExportOptions:
    return ExportOptions(
        format_name,
        **{
            "layout": Layout.MERGED,
            "compatibility": Compatibility.CORRECTED,
            "with_assets": True,
            "export_type": ExportType.LATEST_FROM_LAST_STEP,
            **more,
        },
    )


def bench_of(options: ExportOptions, input_type: str = "IMAGE") -> Workbench:
    return Workbench(two_jobs(input_type), {"it": options})


def put(bench: Workbench, number: int, name: str, *labels: Json, **more: Any) -> None:
    made = fetched(asset(number, name, *labels, **more))
    bench.kili.files[f"/{number}.jpg"] = (f"picture {number}".encode(), "image/png")
    bench.kili.assets[made.asset_id] = made


def put_video(bench: Workbench, number: int, name: str, *labels: Json) -> None:
    address = f"https://storage.example/{number}.json?sig=1"
    frames = {str(n): f"https://storage.example/{number}-{n}?sig=1" for n in range(FRAMES)}
    for n in range(FRAMES):
        bench.kili.files[f"/{number}-{n}"] = (f"picture {number} {n}".encode(), "image/jpeg")
    made = fetched(asset(number, name, *labels, content="", jsonContent=address), frames)
    bench.kili.assets[made.asset_id] = made


def pictures(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if data.startswith(b"picture")}


@pytest.mark.parametrize("version", ["yolo_v5", "yolo_v7", "yolo_v8"])
@pytest.mark.parametrize("layout", Layout)
def test_a_yolo_archive_is_one_to_train_with_as_it_is(version: str, layout: Layout) -> None:
    bench = bench_of(corrected(version, layout=layout, split=SHARES))
    names = ("site/images/a.JPG", "a.jpg", "a.png", "plain", "v1.2", "b b.tif", "a.jpg")
    for number, name in enumerate(names * 3):
        put(bench, number, name, label(TWO), *([label(ONE)] if number % 3 else []))
    bench.rebuild()
    files = bench.files("it")

    folders = [path.removesuffix("/data.yaml") for path in files if path.endswith("/data.yaml")]
    assert len(folders) == 3
    seen = set[str]()
    for folder in folders:
        dataset = read_dataset(files, folder)
        assert all(subset.pictures for subset in dataset.values())
        assert sum(subset.shapes for subset in dataset.values())
        for subset in dataset.values():
            seen |= subset.pictures.keys()
    assert seen == pictures(files).keys()
    assert len(seen) == sum("/labels/" in path for path in files)
    assert "remote_assets.csv" not in files
    assert len(bench.kili.media_fetches) == len(bench.kili.assets), "something was fetched twice"


@pytest.mark.parametrize("layout", Layout)
def test_every_image_of_coco_is_there_and_has_its_own_name(layout: Layout) -> None:
    bench = bench_of(corrected("coco", layout=layout))
    for number, name in enumerate(("d1/a.JPG", "d2/a.JPG", "a.JPG", "a", "../a.JPG")):
        put(bench, number, name, label(ONE), label(TWO))
    bench.rebuild()
    files = bench.files("it")

    documents = [json.loads(data) for path, data in files.items() if path.endswith("labels.json")]
    for document in documents:
        named = [image["file_name"] for image in document["images"]]
        assert len(named) == len(set(named)) == 10
        assert set(named) == pictures(files).keys()
    assert "data/d1/a-as_0_label1.JPG" in files


def test_every_file_of_pascal_voc_names_a_picture_that_is_there() -> None:
    bench = bench_of(corrected("pascal_voc"))
    for number, name in enumerate(("d1/a.JPG", "a.JPG", "a")):
        put(bench, number, name, label(ONE), *([label(TWO)] if number else []))
    bench.rebuild()
    files = bench.files("it")

    named = {
        path: str(ET.fromstring(data).findtext("filename"))
        for path, data in files.items()
        if path.endswith(".xml")
    }
    assert {f"images/{name}" for name in named.values()} == pictures(files).keys()
    for path, name in named.items():
        assert path == f"labels/{name.rpartition('.')[0]}.xml"


@pytest.mark.parametrize("format_name", ["kili", "raw"])
@pytest.mark.parametrize("single_file", [False, True])
def test_what_kili_files_name_is_there(format_name: str, single_file: bool) -> None:
    bench = bench_of(corrected(format_name, single_file=single_file))
    for number, name in enumerate(("d1/a.JPG", "d2/a.JPG", "d2/a.JPG", "plain", "v1.2")):
        put(bench, number, name, label(ONE))
    bench.rebuild()
    files = bench.files("it")

    described = (
        json.loads(files["data.json"])
        if single_file
        else [json.loads(data) for path, data in files.items() if path.startswith("labels/")]
    )
    assert {one["content"] for one in described} == pictures(files).keys()
    assert pictures(files).keys() == {
        "assets/d1/a-as_0.JPG",
        "assets/d2/a-as_1.JPG",
        "assets/d2/a-as_2.JPG",
        "assets/plain-as_3.png",
        "assets/v1.2-as_4.png",
    }


def test_the_frames_that_labels_mention_are_pictures_and_no_others() -> None:
    sparse = label({"9": ONE, "2": TWO, "5": answers(BOXES=[]), "40": ONE})
    expected = {
        "yolo_v8": {
            "detect/images/train/v-as_1_000003.jpg": 2,
            "detect/images/train/v-as_1_000010.jpg": 9,
            "obb/images/train/v-as_1_000003.jpg": 2,
            "obb/images/train/v-as_1_000010.jpg": 9,
            "segment/images/train/v-as_1_000003.jpg": 2,
        },
        "coco": {f"data/d/v-as_1_{n + 1:06}.jpg": n for n in (2, 5, 9)},
        "pascal_voc": {f"images/d_v-as_1_{n + 1:06}.jpg": n for n in (2, 5, 9)},
    }
    for format_name, wanted in expected.items():
        bench = bench_of(corrected(format_name), "VIDEO")
        put_video(bench, 1, "v" if format_name == "yolo_v8" else "d/v", sparse)
        bench.rebuild()
        found = pictures(bench.files("it"))
        assert found == {path: f"picture 1 {n}".encode() for path, n in wanted.items()}
        fetches = bench.kili.media_fetches
        assert len(fetches) == len(set(fetches)), format_name
        assert bench.manifest("it").losses == 1, "the frame that is not there was not reported"


def test_5_40_frames_of_videos_have_numbers_and_annotations_in_one_document() -> None:
    bench = bench_of(corrected("coco"), "VIDEO")
    for number in (1, 2):
        put_video(bench, number, "v", label({"0": ONE, "3": TWO}), label({"0": TWO}))
    bench.rebuild()
    files = bench.files("it")

    document = json.loads(files["labels.json"])
    images = {image["id"]: image["file_name"] for image in document["images"]}
    assert len(images) == len(set(images.values())) == 6
    assert set(images.values()) == pictures(files).keys()
    assert len({one["id"] for one in document["annotations"]}) == 2 * 5
    assert {one["image_id"] for one in document["annotations"]} == images.keys()


def test_all_frames_of_a_video_go_with_its_kili_file() -> None:
    bench = bench_of(corrected("kili"), "VIDEO")
    put_video(bench, 1, "d/film.mp4", label({"0": ONE}))
    bench.rebuild()
    files = bench.files("it")

    named = json.loads(files["labels/d/film-as_1.json"])["jsonContent"]
    assert named == [f"assets/d/film-as_1_{n:06}.jpg" for n in range(1, FRAMES + 1)]
    assert pictures(files) == {name: f"picture 1 {n}".encode() for n, name in enumerate(named)}


def test_a_rich_text_and_its_document_do_not_take_each_others_name() -> None:
    bench = bench_of(corrected("kili"), "TEXT")
    bench.kili.files["/rich"] = (b"picture of a document", "application/json")
    bench.kili.files["/plain"] = (b"picture of a text", "text/plain")
    rich, plain = (f"https://storage.example/{name}?sig=1" for name in ("rich", "plain"))
    answer = asset(1, "note.json", label({}), content=plain, jsonContent=rich)
    bench.kili.assets["as_1"] = fetched(answer)
    bench.rebuild()
    files = bench.files("it")

    assert pictures(files) == {
        "assets/note-as_1.content.json": b"picture of a document",
        "assets/note-as_1.json": b"picture of a text",
    }
    described = json.loads(files["labels/note-as_1.json"])
    assert described["jsonContent"] == "assets/note-as_1.content.json"
    assert described["content"] == "assets/note-as_1.json"


@pytest.mark.parametrize("format_name", ["yolo_v8", "coco", "pascal_voc", "kili"])
def test_a_label_edit_fetches_no_picture_again(format_name: str) -> None:
    bench = bench_of(corrected(format_name))
    put(bench, 1, "a.jpg", label(ONE))
    bench.rebuild()
    before = pictures(bench.files("it"))
    put(bench, 1, "a.jpg", label(TWO), content="https://storage.example/1.jpg?X-Signature=other")
    [answered] = bench.run(["as_1"]).values()

    assert answered.status == "committed"
    assert bench.kili.media_fetches == ["/1.jpg"]
    assert pictures(bench.files("it")) == before


@pytest.mark.parametrize("format_name", ["yolo_v8", "coco", "pascal_voc"])
def test_an_asset_without_a_picture_is_left_out_and_reported(format_name: str) -> None:
    bench = bench_of(corrected(format_name))
    put(bench, 1, "a.jpg", label(ONE))
    put(bench, 2, "b.jpg", label(ONE), content="")
    bench.rebuild()
    with_both = bench.files("it")
    assert bench.manifest("it").losses == 1
    bench.kili.assets["as_2"] = replace(bench.kili.assets["as_2"], latest_labels=())
    bench.rebuild()
    assert bench.files("it") == with_both
