"""What others read in our archives: as many pictures, classes and shapes as the project has.

The archives come out of conversions and aggregations, one full export and increments after it,
with their media.
"""

import contextlib
import io
import json
import subprocess
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyogrio
import pyogrio.raw
import pytest
from pycocotools.coco import COCO

from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout, Split
from kili_export.core.pictures.size import picture_header
from kili_export.core.project import Project
from kili_export.local.kili_standin.projects.pictures import ScenePicture
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
from tests.support.yolo_rules import read_dataset, read_pictures

CORRECTED = Compatibility.CORRECTED
WIDTH, HEIGHT = 64, 48
FRAMES = 3
JUDGES = Path(__file__).resolve().parents[2] / ".venv-judges" / "bin" / "python"
ONE_BOX = [box("CAR", 0.25, 0.25, 0.75, 0.5, mid="b1")]
BOXES = [*ONE_BOX, box("BUS", 0, 0, 0.5, 0.5, mid="b2")]
HOLED = shape(
    "semantic",
    "SKY",
    ring((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)),
    ring((0.3, 0.3), (0.5, 0.3), (0.5, 0.5)),
    mid="m1",
)
MASKS = [HOLED, shape("semantic", "SKY", ring((0, 0), (0.5, 0), (0.5, 0.5)), mid="m2")]
# Without folders, which the SDK leaves out of the names of pictures.
NAMES = ("a.jpg", "b.png", "c.jpeg", "d d.jpg", "e.bmp", "f.jpg")
# pycocotools was built for a NumPy that asked arrays for less.
READS_MASKS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def two_jobs(input_type: str = "IMAGE") -> Project:
    jobs = {"BOXES": job(["CAR", "BUS"]), "MASKS": job(["SKY"], ["semantic"])}
    return project(jobs, input_type)


def options(format_name: str, compatibility: Compatibility, **more: Any) -> ExportOptions:
    return ExportOptions(
        format_name,
        **{
            "layout": Layout.MERGED,
            "with_assets": True,
            "export_type": ExportType.LATEST_FROM_LAST_STEP,
            "compatibility": compatibility,
            **more,
        },
    )


def put(bench: Workbench, number: int, response: Json) -> str:
    """A picture, or a video of three frames that are all labeled alike."""
    picture = ScenePicture(number, WIDTH, HEIGHT).render()
    size = {"resolution": {"width": WIDTH, "height": HEIGHT}}
    name = NAMES[number % len(NAMES)]
    if bench.project.input_type != "VIDEO":
        bench.kili.files[f"/{number}.jpg"] = (picture, "image/png")
        made = fetched(asset(number, name, label(response), **size))
    else:
        frames = {str(n): f"https://storage.example/{number}-{n}" for n in range(FRAMES)}
        bench.kili.files |= {f"/{number}-{n}": (picture, "image/png") for n in range(FRAMES)}
        address = f"https://storage.example/{number}.json"
        responses = {str(n): response for n in range(FRAMES)}
        video = asset(number, name, label(responses), content="", jsonContent=address, **size)
        made = fetched(video, frames)
    bench.kili.assets[made.asset_id] = replace(made, fingerprint=json.dumps(response))
    return made.asset_id


def exported(exporting: ExportOptions, input_type: str = "IMAGE") -> dict[str, bytes]:
    """The files of the archive that `published` leaves."""
    return published(exporting, input_type).files("it")


def published(exporting: ExportOptions, input_type: str = "IMAGE") -> Workbench:
    """A bucket after a full export of six assets and two increments.

    Then there are five assets, with ten boxes, of which four are buses, and ten masks; or as many
    of each per frame.
    """
    bench = Workbench(two_jobs(input_type), {"it": exporting})
    both = answers(BOXES=BOXES, MASKS=MASKS)
    for number in range(6):
        put(bench, number, answers(BOXES=ONE_BOX) if number == 1 else both)
    bench.rebuild()
    two_cars = answers(BOXES=[*ONE_BOX, box("CAR", 0.5, 0.5, 1, 1, mid="b3")], MASKS=MASKS)
    bench.run([put(bench, 1, both), put(bench, 2, two_cars)])
    del bench.kili.assets["as_5"]
    bench.run(["as_5"])
    return bench


def written(files: dict[str, bytes], folder: Path) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def asked(child: str, *arguments: str | Path, folder: Path | None = None) -> Any:
    """What a script says that runs in the other tools' environment, started in `folder`."""
    if not JUDGES.is_file():
        pytest.skip("other tools have an environment of their own; `make judges` sets it up")
    command: list[str | Path] = [
        JUDGES,
        "-W",
        "ignore",
        Path(__file__).parents[1] / "support" / child,
    ]
    done = subprocess.run(
        [*command, *arguments], check=False, capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def read_by_supervision(kind: str, *paths: Path) -> dict[str, Any]:
    found: dict[str, Any] = asked("supervision_child.py", kind, *paths)
    return found


def read_by_ultralytics(description: Path, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = asked("ultralytics_child.py", description, folder=folder)
    return found


@pytest.mark.parametrize("compatibility", Compatibility)
def test_supervision_reads_coco(compatibility: Compatibility, tmp_path: Path) -> None:
    folder = written(exported(options("coco", compatibility)), tmp_path)
    found = read_by_supervision("coco", folder, folder / "labels.json")
    assert found["pictures"] == 5
    assert found["shapes"] == 20
    assert {"BOXES/BUS", "BOXES/CAR", "MASKS/SKY"} <= set(found["classes"])


def test_supervision_reads_yolo(tmp_path: Path) -> None:
    folder = written(exported(options("yolo_v8", Compatibility.SDK)), tmp_path)
    found = read_by_supervision("yolo", folder / "images", folder / "labels", folder / "data.yaml")
    assert found["classes"] == ["BOXES/CAR", "BOXES/BUS", "MASKS/SKY"]
    assert (found["pictures"], found["shapes"]) == (5, 20)


@pytest.mark.parametrize("version", ["yolo_v5", "yolo_v8"])
def test_supervision_reads_every_task_of_corrected_yolo(version: str, tmp_path: Path) -> None:
    folder = written(exported(options(version, CORRECTED)), tmp_path)
    expected = {"detect": "yolo", "obb": "obb", "segment": "yolo"}
    for task, kind in expected.items():
        pictures = folder / task / "images" / "train"
        labels = folder / task / "labels" / "train"
        found = read_by_supervision(kind, pictures, labels, folder / task / "data.yaml")
        assert (task, found["pictures"], found["shapes"]) == (task, 5, 10)


def test_supervision_reads_corrected_pascal_voc(tmp_path: Path) -> None:
    folder = written(exported(options("pascal_voc", CORRECTED)), tmp_path)
    found = read_by_supervision("pascal_voc", folder / "images", folder / "labels")
    assert (found["pictures"], found["shapes"]) == (5, 10)
    assert sorted(found["classes"]) == ["BUS", "CAR"]


def coco_of(data: bytes) -> COCO:
    read = COCO()
    read.dataset = json.loads(data)
    with contextlib.redirect_stdout(io.StringIO()):
        read.createIndex()
    return read


@READS_MASKS
@pytest.mark.parametrize("input_type", ["IMAGE", "VIDEO"])
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("compatibility", Compatibility)
def test_pycocotools_counts_what_the_project_has(
    compatibility: Compatibility, layout: Layout, input_type: str
) -> None:
    files = exported(options("coco", compatibility, layout=layout), input_type)
    frames = FRAMES if input_type == "VIDEO" else 1
    by_class = Counter[str]()
    documents = [data for path, data in files.items() if path.endswith("labels.json")]
    assert len(documents) == (2 if layout is Layout.SPLIT else 1)
    for data in documents:
        read = coco_of(data)
        assert len(read.getImgIds()) == 5 * frames
        named = {image["file_name"] for image in read.loadImgs(read.getImgIds())}
        assert named <= files.keys()
        for annotation in read.loadAnns(read.getAnnIds()):
            [category] = read.loadCats(annotation["category_id"])
            by_class[category["name"].rpartition("/")[2]] += 1
            mask = read.annToMask(annotation)
            assert mask.shape == (HEIGHT, WIDTH)
            if compatibility is CORRECTED:
                assert int(mask.sum()) == pytest.approx(annotation["area"], rel=0.12)
    if (compatibility, layout, input_type) == (Compatibility.SDK, Layout.MERGED, "VIDEO"):
        # In one document of all jobs the SDK writes no annotations of videos.
        assert not by_class
    else:
        assert by_class == {"CAR": 6 * frames, "BUS": 4 * frames, "SKY": 10 * frames}


@pytest.mark.parametrize("version", ["yolo_v5", "yolo_v7", "yolo_v8"])
def test_plain_yolo_keeps_the_rules_but_for_its_description(version: str) -> None:
    files = exported(options(version, Compatibility.SDK))
    names = ["BOXES/CAR", "BOXES/BUS", "MASKS/SKY"]
    pictures = read_pictures(files, "images", names, None)
    assert len(pictures) == 5
    shapes = [name for found in pictures.values() for name, _ in found]
    assert Counter(shapes) == {"BOXES/CAR": 6, "BOXES/BUS": 4, "MASKS/SKY": 10}


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("input_type", ["IMAGE", "VIDEO"])
def test_corrected_yolo_keeps_all_rules(input_type: str, layout: Layout) -> None:
    split = Split(0.5, 0.25, 0.25)
    files = exported(options("yolo_v8", CORRECTED, layout=layout, split=split), input_type)
    frames = FRAMES if input_type == "VIDEO" else 1
    folders = [path.removesuffix("/data.yaml") for path in files if path.endswith("/data.yaml")]
    assert folders
    for folder in folders:
        subsets = read_dataset(files, folder)
        assert sum(len(subset.pictures) for subset in subsets.values()) == 5 * frames
        assert sum(subset.shapes for subset in subsets.values()) == 10 * frames


GEOMETRIES = {
    "Polygon": [
        box("CAR", 2.25, 48.5, 2.5, 48.75, mid="g1"),
        shape("polygon", "CAR", ring((2, 48), (2.5, 48), (2.25, 48.5)), mid="g2"),
        HOLED,
    ],
    "MultiPolygon": [
        shape("semantic", "SKY", ring((2, 48), (2.5, 48), (2.5, 48.5)), mid="g3"),
        shape("semantic", "SKY", ring((3, 48), (3.5, 48), (3.5, 48.5)), mid="g3"),
    ],
    "Point": [{"type": "marker", "point": {"x": 2.5, "y": 48.5}, "mid": "g4"}],
    "LineString": [
        {"type": "polyline", "polyline": [{"x": 2, "y": 48}, {"x": 3, "y": 49}], "mid": "g5"}
    ],
}
# Well-known binary's numbers of the types.
WKB_TYPES = {1: "Point", 2: "LineString", 3: "Polygon", 6: "MultiPolygon"}


@pytest.mark.parametrize("compatibility", Compatibility)
def test_gdal_reads_every_geometry_of_geojson(compatibility: Compatibility, tmp_path: Path) -> None:
    jobs = {name: job(["CAR", "SKY"]) for name in GEOMETRIES}
    jobs["KIND"] = job(["DAY"], None, "CLASSIFICATION")
    jobs["REMARK"] = job({}, None, "TRANSCRIPTION")
    bench = Workbench(
        project(jobs, "GEOSPATIAL"),
        {"it": options("geojson", compatibility, with_assets=False)},
    )
    response = {
        **answers(**GEOMETRIES),
        "KIND": {"categories": [{"name": "DAY"}]},
        "REMARK": {"text": "a remark"},
    }
    for number in range(3):
        put(bench, number, response)
    bench.rebuild()
    bench.run([put(bench, 1, answers(Point=GEOMETRIES["Point"]))])

    folder = written(bench.files("it"), tmp_path)
    read = sorted(folder.glob("labels/*.geojson"))
    assert len(read) == 3
    counts = Counter[str | None]()
    for path in read:
        info = pyogrio.read_info(path)
        _, _, geometries, _ = pyogrio.raw.read(path)
        assert info["features"] == len(geometries)
        assert info["crs"] == "EPSG:4326"
        for shown in geometries:
            counts[None if shown is None else WKB_TYPES[int.from_bytes(shown[1:5], "little")]] += 1
    assert counts == {"Polygon": 6, "MultiPolygon": 2, "Point": 3, "LineString": 2, None: 4}


@pytest.mark.parametrize("version", ["yolo_v5", "yolo_v7", "yolo_v8"])
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("input_type", ["IMAGE", "VIDEO"])
def test_ultralytics_finds_corrected_datasets_from_any_folder(
    input_type: str, layout: Layout, version: str, tmp_path: Path
) -> None:
    split = Split(0.5, 0.25, 0.25)
    files = exported(options(version, CORRECTED, layout=layout, split=split), input_type)
    folder, elsewhere = written(files, tmp_path / "data"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    frames = FRAMES if input_type == "VIDEO" else 1
    found = sorted(folder.rglob("data.yaml"))
    assert len(found) == 3
    for description in found:
        for start in (elsewhere, description.parent):
            subsets = read_by_ultralytics(description, start)["subsets"].values()
            assert [one["refused"] for one in subsets] == [[]] * len(subsets)
            assert sum(len(one["pictures"]) for one in subsets) == 5 * frames
            if description.parent.name != "obb":
                assert sum(one["shapes"] for one in subsets) == 10 * frames


# The encoded picture is a PNG; what it is called is all that loaders list it by.
NAMED = (
    "a.jpg",
    "b.JPG",
    "web.jfif",
    "old.jpe",
    "icon.ico",
    ".hidden.png",
    ".cache/b.png",
    "plain",
)


@pytest.mark.parametrize("format_name", ["yolo_v5", "yolo_v8", "pascal_voc"])
def test_loaders_find_every_picture_whatever_it_was_called(
    format_name: str, tmp_path: Path
) -> None:
    bench = Workbench(two_jobs(), {"it": options(format_name, CORRECTED)})
    picture = ScenePicture(1, WIDTH, HEIGHT).render()
    for number, name in enumerate(NAMED):
        made = fetched(asset(number, name, label(answers(BOXES=BOXES, MASKS=MASKS))))
        bench.kili.files[f"/{number}.jpg"] = (picture, "application/octet-stream")
        bench.kili.assets[made.asset_id] = made
    bench.rebuild()
    folder = written(bench.files("it"), tmp_path)

    assert bench.manifest("it").report is None
    if format_name == "pascal_voc":
        found = read_by_supervision("pascal_voc", folder / "images", folder / "labels")
        assert (found["pictures"], found["shapes"]) == (len(NAMED), 2 * len(NAMED))
        return
    for task in ("detect", "segment"):
        seen = read_by_ultralytics(folder / task / "data.yaml", tmp_path.parent)
        train = seen["subsets"]["train"]
        assert train["refused"] == []
        assert (len(train["pictures"]), train["shapes"]) == (len(NAMED), 2 * len(NAMED))
        paths = [folder / task / name / "train" for name in ("images", "labels")]
        supervised = read_by_supervision("yolo", *paths, folder / task / "data.yaml")
        assert (supervised["pictures"], supervised["shapes"]) == (len(NAMED), 2 * len(NAMED))


def read_at(file: IO[bytes], offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def test_sizes_are_those_that_pillow_reads(tmp_path: Path) -> None:
    sizes: dict[str, list[int]] = asked("picture_sizes_child.py", tmp_path)
    assert len(sizes) > 100
    read = {}
    for name in sizes:
        with (tmp_path / name).open("rb") as file:
            header = picture_header(file.read(512), partial(read_at, file))
        read[name] = None if header is None or header.displayed is None else [*header.displayed]
    assert read == sizes


def test_gdal_reads_what_is_left_of_shapes_that_the_rfc_forbids(tmp_path: Path) -> None:
    odd = [
        {"type": "polyline", "polyline": [{"x": 2, "y": 48}], "mid": "line"},
        shape("semantic", "SKY", ring((2, 48), (3, 48)), mid="mask"),
        box("CAR", 2, 48, 3, 48, mid="flat"),
    ]
    bench = Workbench(
        project({"PLACES": job(["CAR", "SKY"])}, "GEOSPATIAL"),
        {"it": options("geojson", CORRECTED, with_assets=False)},
    )
    put(bench, 0, answers(PLACES=[*odd, *GEOMETRIES["LineString"]]))
    bench.rebuild()
    folder = written(bench.files("it"), tmp_path)

    [path] = folder.glob("labels/*.geojson")
    _, _, [geometry], _ = pyogrio.raw.read(path)
    assert WKB_TYPES[int.from_bytes(geometry[1:5], "little")] == "LineString"
    assert bench.manifest("it").losses == 3
