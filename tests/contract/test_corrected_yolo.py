"""Corrected YOLO archives train as they are, once the pictures are where they are said to be."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from kili_export.core.errors import IncompatibleProject
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout, Split
from kili_export.core.project import Project
from kili_export.formats.registry import format_of
from tests.contract.formats_corpus import HOLE, SQUARE, frames, image_assets, image_project
from tests.support.archive_of import archive_of, losses_of
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
from tests.support.yolo_rules import read_dataset

VERSIONS = ("yolo_v5", "yolo_v7", "yolo_v8")
SHARES = Split(0.5, 0.25, 0.25)
TURN = {"ROTATION_JOB": {"rotation": 90}}
ODD_NAMES = ("it's", "B: #x", "NO", "12", "1.5", "a\nb", "- x", "{", "é", '"', "~", "y")


def corrected(format_name: str = "yolo_v8", **more: Any) -> ExportOptions:
    return ExportOptions(
        format_name,
        **{"layout": Layout.MERGED, "compatibility": Compatibility.CORRECTED, **more},
    )


def exported(*assets: Json, exporting: Project | None = None, **more: Any) -> dict[str, bytes]:
    return archive_of(
        exporting or image_project(), [fetched(one) for one in assets], corrected(**more)
    )


def rows_of(files: Mapping[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["remote_assets.csv"].decode())))


def with_pictures(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The archive after somebody put each picture where `remote_assets.csv` says."""
    return {**files, **{row["image file"]: b"a picture" for row in rows_of(files)}}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("layout", Layout)
def test_every_dataset_of_everything_is_one_to_train_with(version: str, layout: Layout) -> None:
    # Ultralytics reads no icons, whatever their labels.
    assets = [one for one in image_assets() if not one["externalId"].endswith(".ico")]
    files = with_pictures(exported(*assets, format_name=version, layout=layout, split=SHARES))
    folders = [path.removesuffix("/data.yaml") for path in files if path.endswith("/data.yaml")]

    tasks = {folder.rpartition("/")[2] for folder in folders}
    assert tasks == {"detect", "obb", "segment"}
    assert len(folders) == (3 if layout is Layout.MERGED else 4)
    held = {path for path in files if "/labels/" in path}
    seen = set[str]()
    for folder in folders:
        dataset = read_dataset(files, folder)
        assert set(dataset) == {"train", "val", "test"}
        assert all(subset.pictures for subset in dataset.values())
        assert sum(subset.shapes for subset in dataset.values())
        for subset in dataset.values():
            seen |= {
                path.replace("/images/", "/labels/").rpartition(".")[0] + ".txt"
                for path in subset.pictures
            }
    assert seen == held


def test_each_task_gets_its_own_shapes_and_classes() -> None:
    drawn = answers(
        BOXES=[box("BUS", 0.25, 0.25, 0.75, 0.5)],
        MASKS=[shape("semantic", "A", ring((0, 0), (1, 0), (1, 1)))],
    )
    files = with_pictures(exported(asset(1, "a.jpg", label(drawn))))

    shapes = {
        task: read_dataset(files, task)["train"].pictures[f"{task}/images/train/a-as_1.jpg"]
        for task in ("detect", "obb", "segment")
    }
    assert shapes == {
        "detect": [("BOXES/BUS", [0.5, 0.375, 0.5, 0.25])],
        "obb": [("BOXES/BUS", [0.25, 0.5, 0.25, 0.25, 0.75, 0.25, 0.75, 0.5])],
        "segment": [("MASKS/A", [0, 0, 1, 0, 1, 1])],
    }


def test_a_turned_box_keeps_its_corners_for_oriented_boxes() -> None:
    diamond = shape("rectangle", "CAR", ring((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)))
    files = with_pictures(exported(asset(1, "a.jpg", label(answers(BOXES=[diamond])))))

    [(_, corners)] = read_dataset(files, "obb")["train"].pictures["obb/images/train/a-as_1.jpg"]
    [(_, around)] = read_dataset(files, "detect")["train"].pictures[
        "detect/images/train/a-as_1.jpg"
    ]
    assert corners == [0.5, 0, 1, 0.5, 0.5, 1, 0, 0.5]
    assert around == [0.5, 0.5, 1, 1]


def test_44_a_turned_box_that_leaves_the_picture_stays_a_rectangle() -> None:
    drawn = [(-0.1, 0.25), (0.0, 0.0), (0.5, 0.5), (0.4, 0.75)]
    answer = asset(1, "a.jpg", label(answers(BOXES=[shape("rectangle", "CAR", ring(*drawn))])))
    files = with_pictures(exported(answer))

    [(_, corners)] = read_dataset(files, "obb")["train"].pictures["obb/images/train/a-as_1.jpg"]
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = zip(corners[::2], corners[1::2], strict=True)
    assert (ax + cx, ay + cy) == pytest.approx((bx + dx, by + dy))
    # Its sides go along those of the drawn one, and its end in the picture is the drawn end.
    assert (by - ay) * 0.1 == pytest.approx((bx - ax) * -0.25)
    assert (cx, cy) == pytest.approx(drawn[2])
    [(_, around)] = read_dataset(files, "detect")["train"].pictures[
        "detect/images/train/a-as_1.jpg"
    ]
    assert around == pytest.approx([0.25, 0.375, 0.5, 0.75])


def test_44_pieces_of_an_outline_are_one_line() -> None:
    fork = ring((0, -0.5), (0, 0.5), (0.25, 0.5), (0.25, -0.25), (0.5, -0.25), (0.5, 0.5), (1, 0.5))
    answer = asset(1, "a.jpg", label(answers(MASKS=[shape("polygon", "A", fork)])))
    [line] = exported(answer)["segment/labels/train/a-as_1.txt"].decode().splitlines()
    assert all(0 <= float(one) <= 1 for one in line.split()[1:])


def test_an_outline_of_a_job_that_takes_boxes_too_is_an_object_to_detect() -> None:
    both = project({"J": job(["A"], ["rectangle", "polygon"])})
    drawn = answers(J=[shape("polygon", "A", ring((0, 0), (0.5, 0), (0.5, 0.5)))])
    files = with_pictures(exported(asset(1, "a.jpg", label(drawn)), exporting=both))

    shapes = {
        task: list(read_dataset(files, task)["train"].pictures.values())
        for task in ("detect", "obb", "segment")
    }
    assert shapes["detect"] == [[("J/A", [0.25, 0.25, 0.5, 0.5])]]
    assert shapes["obb"] == [[]]
    assert shapes["segment"] == [[("J/A", [0, 0, 0.5, 0, 0.5, 0.5])]]


def test_holes_of_masks_are_kept() -> None:
    holed = shape("semantic", "A", ring(*SQUARE), ring(*HOLE))
    files = exported(asset(1, "a.jpg", label(answers(MASKS=[holed]))))

    line = files["segment/labels/train/a-as_1.txt"].decode().split()
    assert line[1:3] == ["0.1", "0.1"]
    assert len(line) == 1 + 2 * (len(SQUARE) + 1 + len(HOLE) + 1 + 1)
    assert (
        losses_of(image_project(), fetched(asset(1, "a.jpg", label(answers()))), corrected()) == []
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_16_class_names_are_what_yaml_reads(version: str) -> None:
    odd = project({"J": job(list(ODD_NAMES))})
    for layout, wanted in (
        (Layout.SPLIT, list(ODD_NAMES)),
        (Layout.MERGED, [f"J/{name}" for name in ODD_NAMES]),
    ):
        files = exported(exporting=odd, format_name=version, layout=layout)
        folder = "J/detect" if layout is Layout.SPLIT else "detect"
        described = yaml.safe_load(files[f"{folder}/data.yaml"])
        assert described["names"] == wanted
        assert described["nc"] == len(wanted)


def test_48_the_description_names_every_subset_that_is_declared() -> None:
    def described(split: Split | None) -> Any:
        return yaml.safe_load(exported(split=split)["detect/data.yaml"])

    both = described(SHARES)
    assert "path" not in both, "tools would look it up in the folder that they are started in"
    assert (both["train"], both["val"], both["test"]) == (
        "images/train",
        "images/val",
        "images/test",
    )
    for alone in (described(None), described(Split(1.0))):
        assert (alone["train"], alone["val"]) == ("images/train", "images/train")
        assert "test" not in alone


def test_an_asset_stays_in_its_subset_when_others_come_and_go() -> None:
    assets = [asset(number, f"{number}.jpg", label(answers())) for number in range(40)]

    def placed(some: list[Json]) -> dict[str, str]:
        rows = rows_of(exported(*some, split=SHARES))
        return {
            row["external id"]: row["label file"].split("/")[2]
            for row in rows
            if row["label file"].startswith("detect/")
        }

    everything = placed(assets)
    assert set(everything.values()) == {"train", "val", "test"}
    some = placed(assets[::3])
    assert some == {name: everything[name] for name in some}


def test_a_group_is_in_one_subset_and_metadata_may_be_missing() -> None:
    assets = [
        asset(number, f"{number}.jpg", label(answers()), jsonMetadata={"site": number % 3})
        for number in range(30)
    ]
    assets.append(asset(99, "none.jpg", label(answers()), jsonMetadata=None))
    rows = rows_of(exported(*assets, split=Split(0.5, 0.25, 0.25, "site")))

    subsets: dict[Any, set[str]] = {}
    for row in rows:
        name = row["external id"].removesuffix(".jpg")
        site = int(name) % 3 if name.isdecimal() else None
        subsets.setdefault(site, set()).add(row["label file"].split("/")[2])
    assert all(len(found) == 1 for found in subsets.values())
    assert len(rows) == 31 * 3


def test_12_each_file_has_one_row_with_the_layout_split() -> None:
    drawn = answers(BOXES=[box("CAR", 0, 0, 1, 1)])
    files = exported(
        asset(1, 'd "1"/=a.jpg', label(drawn)), asset(2, "b.png", label({})), layout=Layout.SPLIT
    )

    rows = rows_of(files)
    assert len(rows) == len({row["label file"] for row in rows})
    assert {row["label file"] for row in rows} == {path for path in files if "/labels/" in path}
    assert {row["external id"] for row in rows} == {'d "1"/=a.jpg', "b.png"}


def test_33_34_folders_of_the_customer_do_not_mislead_tools() -> None:
    drawn = answers(BOXES=[box("CAR", 0, 0, 1, 1)])
    names = ("site/images/a.JPG", "labels/a.tif", "v1.2", "images")
    files = with_pictures(
        exported(*[asset(number, name, label(drawn)) for number, name in enumerate(names)])
    )

    read = read_dataset(files, "detect")["train"].pictures
    assert sorted(path.rpartition("/")[2] for path in read) == [
        "images-as_3.jpg",
        "labels_a-as_1.tif",
        "site_images_a-as_0.JPG",
        "v1.2-as_2.jpg",
    ]
    assert all(len(shapes) == 1 for shapes in read.values())


def test_each_of_several_labels_has_a_picture_of_its_name() -> None:
    one, other = answers(BOXES=[box("CAR", 0, 0, 1, 1)]), answers(BOXES=[])
    files = with_pictures(
        exported(
            asset(1, "a.jpg", label(one), label(other)),
            export_type=ExportType.LATEST_FROM_LAST_STEP,
        )
    )

    read = read_dataset(files, "detect")["train"].pictures
    assert {path: len(shapes) for path, shapes in read.items()} == {
        "detect/images/train/a-as_1_label1.jpg": 1,
        "detect/images/train/a-as_1_label2.jpg": 0,
    }


def test_6_35_frames_of_a_video_bear_their_numbers_and_none_is_lost() -> None:
    drawn = answers(BOXES=[box("CAR", 0.25, 0.25, 0.5, 0.5)])
    response = {"9": drawn, "120": {**drawn, **TURN}, "7": answers(BOXES=[])}
    urls = [f"https://storage.example/{number}.jpg?s=1" for number in range(200)]
    answer = asset(1, "v.mp4", label(response), content="", jsonContent=urls)
    files = exported(answer, exporting=image_project("VIDEO"))

    rows = [row for row in rows_of(files) if row["label file"].startswith("detect/")]
    assert [(row["label file"], row["image file"], row["url"]) for row in rows] == [
        (f"detect/labels/train/v-as_1_{n:06}.txt", f"detect/images/train/v-as_1_{n:06}.jpg", url)
        for n, url in ((10, urls[9]), (121, urls[120]))
    ]
    assert files["detect/labels/train/v-as_1_000010.txt"] == b"0 0.375 0.375 0.25 0.25\n"
    assert files["detect/labels/train/v-as_1_000121.txt"] == b"0 0.375 0.625 0.25 0.25\n"


def test_frames_of_one_video_are_in_one_subset() -> None:
    drawn = answers(BOXES=[box("CAR", 0.25, 0.25, 0.5, 0.5)])
    videos = [asset(number, f"{number}.mp4", label(frames(drawn, drawn))) for number in range(12)]
    files = exported(*videos, exporting=image_project("VIDEO"), split=SHARES)

    subsets: dict[str, set[str]] = {}
    for row in rows_of(files):
        subsets.setdefault(row["external id"], set()).add(row["label file"].split("/")[2])
    assert all(len(found) == 1 for found in subsets.values())
    assert set.union(*subsets.values()) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (corrected("yolo_v4"), "yolo_v4 reads no data.yaml and is not corrected; use yolo_v8"),
        (corrected(single_file=True), "set single_file to false"),
        (corrected(normalized_coordinates=False), "leave normalized_coordinates out"),
        (corrected(export_type=ExportType.NORMAL), "use latest_from_last_step"),
    ],
)
def test_what_cannot_be_corrected_is_refused_with_the_way_out(
    options: ExportOptions, says: str
) -> None:
    with pytest.raises(IncompatibleProject, match=says):
        format_of(options).check(image_project(), options)


def test_a_project_without_a_class_to_learn_is_refused() -> None:
    without = project({"J": job([], ["rectangle"])})
    with pytest.raises(IncompatibleProject, match="categories and no other tools than"):
        format_of(corrected()).check(without, corrected(layout=Layout.SPLIT))
