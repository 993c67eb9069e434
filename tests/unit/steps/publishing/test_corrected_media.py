"""Media in corrected archives: beside their labels, under names that belong together."""

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout, Split
from kili_export.core.project import Project
from kili_export.reading.read_report import read_report
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
from tests.support.picture_files import READ, TURNING, bitmap
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


PICTURES = {name: data for name, (data, _) in READ.items()}
FOUND = {
    # What the asset is called and what its file is: what the picture's file is called.
    ("a.jpg", "jpeg after tables"): "a-as_1.jpg",
    ("upper.JPG", "jpeg after tables"): "upper-as_1.JPG",
    ("web.jfif", "jpeg after tables"): "web-as_1.jpg",
    ("WEB.JFIF", "jpeg after tables"): "WEB-as_1.jpg",
    ("old.jpe", "jpeg after tables"): "old-as_1.jpg",
    ("icon.ico", "png"): "icon-as_1.png",
    ("moving.gif", "webp lossy"): "moving-as_1.webp",
    ("plain", "png"): "plain-as_1.jpg",
    ("plain", "jpeg after tables"): "plain-as_1.jpg",
    ("wrong.png", "jpeg after tables"): "wrong-as_1.png",
    (".hidden.png", "png"): "_hidden-as_1.png",
    (".cache/b.png", "png"): "_cache_b-as_1.png",
    (".jpg", "jpeg after tables"): "_jpg-as_1.jpg",
}
PASSED_OVER = {
    ("moving.gif", "gif"): "moving-as_1.gif",
    ("moving.GIF", "gif"): "moving-as_1.GIF",
    ("moving.jpg", "gif"): "moving-as_1.gif",
    ("plain", "gif"): "plain-as_1.gif",
    ("icon.ico", "icon"): "icon-as_1.ico",
    ("phone.heic", "heic"): "phone-as_1.heic",
    ("phone.jpg", "heic"): "phone-as_1.heic",
    ("modern.avif", "avif"): "modern-as_1.avif",
    ("modern.png", "avif"): "modern-as_1.avif",
    ("scan.jp2", "jpeg 2000"): "scan-as_1.jp2",
    (".hidden.gif", "gif"): "_hidden-as_1.gif",
}
KIND = "tools that train pass over a picture of this kind"


def loaded(
    options: ExportOptions, name: str, picture: bytes, *labels: Json, **more: Any
) -> Workbench:
    bench = bench_of(options)
    made = fetched(asset(1, name, *(labels or (label(TWO),)), **more))
    bench.kili.files["/1.jpg"] = (picture, "application/octet-stream")
    bench.kili.assets[made.asset_id] = made
    bench.rebuild()
    return bench


def kinds_reported(bench: Workbench) -> list[str]:
    report = read_report(bench.objects, "proj1", "it")
    return [loss.where for row in report.assets for loss in row.losses if loss.reason == KIND]


@pytest.mark.parametrize("format_name", ["yolo_v5", "yolo_v7", "yolo_v8", "pascal_voc"])
@pytest.mark.parametrize(("called", "expected"), [*FOUND.items(), *PASSED_OVER.items()], ids=str)
def test_pictures_are_found_by_loaders_or_reported(
    called: tuple[str, str], expected: str, format_name: str
) -> None:
    name, picture = called
    bench = loaded(corrected(format_name), name, PICTURES[picture])
    files = bench.files("it")

    shown = [path for path, data in files.items() if data == PICTURES[picture]]
    assert shown
    assert {path.rpartition("/")[2] for path in shown} == {expected}
    stem = expected.rpartition(".")[0]
    labels = [path for path in files if "labels/" in path]
    assert {path.rpartition("/")[2].rpartition(".")[0] for path in labels} == {stem}
    if format_name == "pascal_voc":
        [data] = [files[path] for path in labels]
        assert ET.fromstring(data).findtext("filename") == expected
    assert kinds_reported(bench) == ([expected] if called in PASSED_OVER else [])


@pytest.mark.parametrize("format_name", ["yolo_v8", "pascal_voc", "coco"])
@pytest.mark.parametrize("picture", ["gif", "png", "jpeg after tables", "avif"])
def test_a_picture_keeps_its_name_when_its_label_changes(format_name: str, picture: str) -> None:
    bench = loaded(corrected(format_name), "a.ico", PICTURES[picture], label(TWO), label(ONE))
    before = {path: data for path, data in bench.files("it").items() if data == PICTURES[picture]}
    reported = kinds_reported(bench)

    known = bench.kili.assets["as_1"]
    edited = fetched(asset(1, "a.ico", label(ONE), label(TWO)))
    bench.kili.assets["as_1"] = replace(edited, fingerprint="edited")
    bench.run(["as_1"])

    assert known != bench.kili.assets["as_1"]
    assert before
    after = {path: data for path, data in bench.files("it").items() if data == PICTURES[picture]}
    assert after == before
    assert kinds_reported(bench) == reported
    assert len(bench.kili.media_fetches) == 1
    bench.rebuild()
    assert {path for path in bench.files("it") if path in before} == before.keys()
    assert len(bench.kili.media_fetches) == 1


def test_without_media_the_name_alone_tells() -> None:
    bench = loaded(corrected("yolo_v8", with_assets=False), "web.jfif", b"")
    assert b"detect/images/train/web-as_1.jpg" in bench.files("it")["remote_assets.csv"]
    assert kinds_reported(bench) == []

    bench = loaded(corrected("yolo_v8", with_assets=False), "a.gif", b"")
    assert kinds_reported(bench) == ["a-as_1.gif"]


def test_coco_names_its_pictures_so_that_only_what_cannot_be_opened_is_reported() -> None:
    assert kinds_reported(loaded(corrected("coco"), "a.gif", PICTURES["gif"])) == []
    assert kinds_reported(loaded(corrected("coco"), "a.svg", b"<svg/>")) == ["a-as_1.svg"]
    assert kinds_reported(loaded(corrected("coco"), "a.jpg", PICTURES["heic"])) == ["a-as_1.heic"]


def size_and_box(bench: Workbench) -> tuple[int, int, list[float]]:
    document = json.loads(bench.files("it")["labels.json"])
    [image] = document["images"]
    found = document["annotations"][0]["bbox"]
    return image["width"], image["height"], found


UNKNOWN_SIZE = {"resolution": None}
WHOLE = answers(BOXES=[box("CAR", 0, 0, 1, 1)])


@pytest.mark.parametrize("picture", PICTURES)
def test_a_size_that_kili_does_not_know_is_read_from_the_file(picture: str) -> None:
    for compatibility in Compatibility:
        options = corrected("coco", compatibility=compatibility)
        bench = loaded(options, "a.jpg", PICTURES[picture], label(WHOLE), **UNKNOWN_SIZE)
        assert size_and_box(bench) == (7, 5, [0, 0, 7, 5])


@pytest.mark.parametrize("picture", TURNING)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_picture_that_is_shown_on_its_side_has_its_size_and_boxes_so(
    orientation: int, picture: str
) -> None:
    data = TURNING[picture](orientation)
    bench = loaded(corrected("coco"), "a.jpg", data, label(WHOLE), **UNKNOWN_SIZE)
    upright = (7, 5, [0, 0, 7, 5])
    assert size_and_box(bench) == ((5, 7, [0, 0, 5, 7]) if orientation > 4 else upright)

    voc = loaded(corrected("pascal_voc"), "a.jpg", data, label(WHOLE), **UNKNOWN_SIZE)
    [text] = [found for path, found in voc.files("it").items() if path.endswith(".xml")]
    size = ET.fromstring(text).find("size")
    assert size is not None
    shown = (size.findtext("width"), size.findtext("height"))
    assert shown == (("5", "7") if orientation > 4 else ("7", "5"))


@pytest.mark.parametrize("told", [(0, 5), (7, -5), (7, 0), (1 << 40, 5)])
@pytest.mark.parametrize("format_name", ["coco", "pascal_voc"])
def test_a_size_that_no_picture_has_is_not_taken_from_kili(
    format_name: str, told: tuple[int, int]
) -> None:
    resolution = {"resolution": {"width": told[0], "height": told[1]}}
    data = PICTURES["png"]
    bench = loaded(corrected(format_name), "a.png", data, label(WHOLE), **resolution)
    if format_name == "coco":
        assert size_and_box(bench) == (7, 5, [0, 0, 7, 5])
    else:
        [text] = [found for path, found in bench.files("it").items() if path.endswith(".xml")]
        assert ET.fromstring(text).findtext("size/width") == "7"


@pytest.mark.parametrize("compatibility", Compatibility)
def test_a_picture_whose_file_tells_a_size_that_no_picture_has_is_left_out(
    compatibility: Compatibility,
) -> None:
    options = corrected("coco", compatibility=compatibility)
    bench = loaded(options, "a.bmp", bitmap(40, 7, -(1 << 31)), label(WHOLE), **UNKNOWN_SIZE)
    assert json.loads(bench.files("it")["labels.json"])["images"] == []
    [row] = read_report(bench.objects, "proj1", "it").assets
    assert "the picture's size is not known, so the asset is left out" in {
        loss.reason for loss in row.losses
    }
