"""`compatibility: corrected` for pictures, by the number of the SDK's quirk that it corrects."""

import contextlib
import io
import json
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from pycocotools.coco import COCO

from kili_export.core.errors import AssetError
from kili_export.core.export_options import Compatibility, ExportOptions, ExportType, Layout
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

BEYOND = box("CAR", -0.2, 0.1, 1.3, 1.5)
OUTSIDE = box("CAR", 1.1, 0.1, 1.3, 0.5)
TURN = {"ROTATION_JOB": {"rotation": 90}}
OUTLINED = shape("polygon", "M", ring((-0.5, 0.25), (0.5, 0.25), (0.5, 2), (-0.5, 2)))
HOLED = shape("semantic", "A", ring(*SQUARE), ring(*HOLE))
# pycocotools was built for a NumPy that asked arrays for less.
READS_MASKS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
LAYOUTS = {"kili": Layout.SPLIT}


def corrected(format_name: str, **more: Any) -> ExportOptions:
    layout = LAYOUTS.get(format_name, Layout.MERGED)
    return ExportOptions(
        format_name, **{"layout": layout, "compatibility": Compatibility.CORRECTED, **more}
    )


def exported(format_name: str, *assets: Json, **more: Any) -> dict[str, bytes]:
    options = corrected(format_name, **more)
    return archive_of(image_project(), [fetched(answer) for answer in assets], options)


def coco_of(files: dict[str, bytes]) -> COCO:
    read = COCO()
    read.dataset = json.loads(files["labels.json"])
    with contextlib.redirect_stdout(io.StringIO()):
        read.createIndex()
    return read


def boxes_of(data: bytes) -> list[list[int]]:
    return [
        [int(found.findtext(f"bndbox/{name}", "")) for name in ("xmin", "ymin", "xmax", "ymax")]
        for found in ET.fromstring(data).iter("object")
    ]


@pytest.mark.parametrize("format_name", ["kili", "yolo_v8", "coco", "pascal_voc", "geojson"])
def test_7_labels_that_were_sent_back_are_left_out_everywhere(format_name: str) -> None:
    sent_back = asset(1, "a.jpg", label(answers(), isSentBackToQueue=True))
    kept = asset(2, "b.jpg", label(answers()))
    content = [{"epsg": "EPSG4326", "useClassicCoordinates": False}]
    on_earth = content if format_name == "geojson" else None
    options = corrected(format_name, include_sent_back_labels=False)
    exporting = image_project("GEOSPATIAL" if format_name == "geojson" else "IMAGE")

    def files_of(*answers_: Json) -> dict[str, bytes]:
        return archive_of(exporting, [fetched(one, on_earth) for one in answers_], options)

    assert files_of(sent_back, kept) == files_of(kept)
    assert files_of(kept) != files_of()


@pytest.mark.parametrize("format_name", ["kili", "yolo_v8", "pascal_voc"])
def test_30_31_32_no_file_is_written_over_another(format_name: str) -> None:
    names = ("a.jpg", "a.png", "a", "A.JPG", "b b", "b_b", "twice.jpg", "twice.jpg")
    assets = [asset(number, name, label(answers())) for number, name in enumerate(names)]

    alone = [set(exported(format_name, one)) - set(exported(format_name)) for one in assets]
    together = set(exported(format_name, *assets)) - set(exported(format_name))

    labels = [{path for path in files if "labels/" in path} for files in alone]
    assert all(labels)
    assert sum(map(len, labels)) == len(set.union(*labels))
    assert set.union(*labels) == {path for path in together if "labels/" in path}
    folded = [path.casefold() for path in set.union(*labels)]
    assert len(folded) == len(set(folded))


def test_33_pictures_of_coco_keep_their_folders_and_have_names_of_their_own() -> None:
    assets = [
        asset(number, name, label(answers()))
        for number, name in enumerate(("d1/car.JPG", "d2/car.JPG", "d2/car.JPG"))
    ]

    images = json.loads(exported("coco", *assets)["labels.json"])["images"]

    assert [image["file_name"] for image in images] == [
        "data/d1/car-as_0.JPG",
        "data/d2/car-as_1.JPG",
        "data/d2/car-as_2.JPG",
    ]


def test_33_34_pascal_voc_files_are_called_like_their_pictures() -> None:
    files = exported("pascal_voc", asset(1, "d1/car.JPG", label(answers())))

    document = ET.fromstring(files["labels/d1_car-as_1.xml"])
    assert document.findtext("filename") == "d1_car-as_1.JPG"


def test_34_each_label_of_a_picture_has_a_picture_of_its_name() -> None:
    twice = asset(1, "car.jpg", label(answers()), label(answers(BOXES=[BEYOND])))

    files = exported("pascal_voc", twice, export_type=ExportType.LATEST_FROM_LAST_STEP)

    labels = {path: data for path, data in files.items() if path.startswith("labels/")}
    assert {path: ET.fromstring(data).findtext("filename") for path, data in labels.items()} == {
        "labels/car-as_1_label1.xml": "car-as_1_label1.jpg",
        "labels/car-as_1_label2.xml": "car-as_1_label2.jpg",
    }
    files = exported("coco", twice, export_type=ExportType.LATEST_FROM_LAST_STEP)
    assert [image["file_name"] for image in json.loads(files["labels.json"])["images"]] == [
        "data/car-as_1_label1.jpg",
        "data/car-as_1_label2.jpg",
    ]


def test_44_boxes_end_at_the_border_of_the_picture() -> None:
    answer = asset(1, "a.jpg", label(answers(BOXES=[BEYOND])))

    [annotation] = json.loads(exported("coco", answer)["labels.json"])["annotations"]
    assert annotation["bbox"] == [0, 40, 1000, 360]
    assert annotation["area"] == 360000
    assert set(annotation["segmentation"][0]) == {0.0, 1000.0, 40.0, 400.0}
    assert boxes_of(exported("pascal_voc", answer)["labels/a-as_1.xml"]) == [[0, 40, 1000, 400]]


@pytest.mark.parametrize("format_name", ["coco", "pascal_voc", "yolo_v8"])
def test_44_what_lies_outside_of_the_picture_is_left_out_and_reported(format_name: str) -> None:
    answer = asset(1, "a.jpg", label(answers(BOXES=[OUTSIDE])))

    bare = exported(format_name, asset(1, "a.jpg", label(answers(BOXES=[]))))
    assert exported(format_name, answer) == bare
    [loss] = losses_of(image_project(), fetched(answer), corrected(format_name))
    assert "outside of the picture" in loss.reason
    assert loss.where == "BOXES/m-rectangle-CAR"


def shapes_of(*annotations: Json, kind: str = "IMAGE") -> list[Json]:
    """COCO's annotations of a picture of 1000 by 400, or of one frame of a video."""
    drawn = answers(J=list(annotations))
    response = frames(drawn) if kind == "VIDEO" else drawn
    exporting = project({"J": job(["A"], ["rectangle", "polygon", "semantic"])}, kind)
    listed = {"content": "", "jsonContent": "https://storage.example/frames.json"}
    answer = asset(1, "a.jpg", label(response), **(listed if kind == "VIDEO" else {}))
    addresses = {"0": "https://storage.example/f0.jpg?X-Signature=1"}
    options = corrected("coco", with_assets=kind == "VIDEO")
    files = archive_of(exporting, [fetched(answer, addresses)], options)
    return list(json.loads(files["labels.json"])["annotations"])


@pytest.mark.parametrize("kind", ["IMAGE", "VIDEO"])
def test_44_shapes_are_cut_at_the_border_of_the_picture(kind: str) -> None:
    half = shape("polygon", "A", ring((0.5, -0.5), (0.9, 0.5), (0.1, 0.5)), mid="half")
    ghost = shape("polygon", "A", ring((-0.3, 0.2), (0.2, -0.3), (-0.3, -0.3)), mid="ghost")
    strip = shape("rectangle", "A", ring((-0.3, 0.2), (0.2, -0.3), (0.1, -0.4), (-0.4, 0.1)))

    [annotation] = shapes_of(half, ghost, strip, kind=kind)

    assert annotation["area"] == 0.3 * 400_000
    assert annotation["bbox"] == [100, 0, 800, 200]


def test_44_pieces_of_a_shape_stay_one_annotation() -> None:
    fork = ring((0, -0.5), (0, 0.5), (0.25, 0.5), (0.25, -0.25), (0.5, -0.25), (0.5, 0.5), (1, 0.5))
    [annotation] = shapes_of(shape("polygon", "A", fork))

    assert len(annotation["segmentation"]) == 2
    assert annotation["bbox"][:2] == [0, 0]


@pytest.mark.parametrize("format_name", ["coco", "pascal_voc", "yolo_v8"])
def test_44_what_is_thinner_than_a_pixel_is_left_out_and_reported(format_name: str) -> None:
    thin = [
        box("CAR", 0.5, 0.2, 0.5003, 0.6, mid="narrow"),
        box("CAR", 0.2, 0.5, 0.6, 0.5012, mid="flat"),
        box("CAR", 0.7004, 0.701, 0.7008, 0.702, mid="dot"),
    ]
    sound = [box("CAR", 0.1, 0.1, 0.3, 0.3), box("CAR", 0.5005, 0.25, 0.5015, 0.5, mid="one wide")]

    assert exported(format_name, asset(1, "a.jpg", label(answers(BOXES=[*thin, *sound])))) == (
        exported(format_name, asset(1, "a.jpg", label(answers(BOXES=sound))))
    )
    answer = fetched(asset(1, "a.jpg", label(answers(BOXES=thin))))
    losses = losses_of(image_project(), answer, corrected(format_name))
    assert {loss.where for loss in losses} == {"BOXES/narrow", "BOXES/flat", "BOXES/dot"}
    assert {"thinner than a pixel" in loss.reason for loss in losses} == {True}


def test_44_a_box_of_one_pixel_is_one_wide_wherever_it_lies() -> None:
    # Both sides lie halfway between two pixels, and are rounded to the same even one.
    one = asset(1, "a.jpg", label(answers(BOXES=[box("CAR", 0.0015, 0.25, 0.0025, 0.5)])))

    assert boxes_of(exported("pascal_voc", one)["labels/a-as_1.xml"]) == [[2, 100, 3, 200]]
    [annotation] = json.loads(exported("coco", one)["labels.json"])["annotations"]
    assert annotation["bbox"] == [2, 100, 1, 100]


def test_44_where_the_size_is_not_known_yolo_keeps_what_is_thin() -> None:
    thin = answers(BOXES=[box("CAR", 0.5, 0.25, 0.50001, 0.5)])
    files = exported("yolo_v8", asset(1, "a.jpg", label(thin), resolution=None))
    assert files["detect/labels/train/a-as_1.txt"]


def test_43_holes_beyond_their_outline_are_subtracted_and_one_around_it_leaves_nothing() -> None:
    outline = ring((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
    beyond = ring((0.7, 0.4), (1.0, 0.4), (1.0, 0.6), (0.7, 0.6))

    [annotation] = shapes_of(
        shape("semantic", "A", outline, beyond),
        shape("semantic", "A", beyond, ring((0, 0), (1, 0), (1, 1), (0, 1)), mid="none"),
    )

    assert annotation["area"] == 0.6 * 400_000
    drawn = shape("semantic", "A", beyond, ring((0, 0), (1, 0), (1, 1), (0, 1)))
    answer = fetched(asset(1, "a.jpg", label(answers(MASKS=[drawn]))))
    [loss] = losses_of(image_project(), answer, corrected("coco"))
    assert "leave nothing" in loss.reason


def test_44_outlines_that_cross_themselves_are_written_as_what_they_enclose() -> None:
    bow_tie = ring((0.25, 0.25), (0.75, 0.75), (0.75, 0.25), (0.25, 0.75))
    [annotation] = shapes_of(shape("polygon", "A", bow_tie))

    assert len(annotation["segmentation"]) == 2
    assert annotation["area"] == 0.125 * 400_000


def test_a_tangle_is_refused_by_every_format_that_cuts_shapes() -> None:
    random = Random(1)
    scribble = ring(*((random.random(), random.random()) for _ in range(1_000)))
    exporting = project({"J": job(["A"], ["rectangle", "polygon"])})
    answer = asset(1, "a.jpg", label(answers(J=[shape("polygon", "A", scribble)])))
    for format_name in ("coco", "pascal_voc", "yolo_v8"):
        with pytest.raises(AssetError, match="more than 20000 places") as refused:
            archive_of(exporting, [fetched(answer)], corrected(format_name))
        assert refused.value.asset_id == "as_1"


@READS_MASKS
def test_43_pycocotools_reads_the_holes_of_masks() -> None:
    turned = label({**answers(MASKS=[HOLED]), **TURN})
    read = coco_of(
        exported(
            "coco", asset(1, "a.jpg", label(answers(MASKS=[HOLED]))), asset(2, "b.jpg", turned)
        )
    )

    upright, rotated = (read.annToMask(one) for one in read.loadAnns(read.getAnnIds()))
    height, width = upright.shape
    assert (height, width) == (400, 1000)
    # Well within the mask, within its hole (the triangle 0.3 0.3, 0.5 0.3, 0.5 0.5), and outside.
    assert upright[80, 200] == 1
    assert upright[int(0.35 * height), int(0.45 * width)] == 0
    assert upright[4, 10] == 0
    [area, _] = [one["area"] for one in read.loadAnns(read.getAnnIds())]
    assert upright.sum() == pytest.approx(area, rel=0.01)
    # A view that was turned by 90 degrees shows (x, y) of the picture at (1 - y, x).
    assert rotated[int((1 - 0.45) * height), int(0.35 * width)] == 0
    assert rotated[200, 900 - 20] == 1
    assert np.isclose(rotated.sum(), upright.sum(), rtol=0.01)


@READS_MASKS
def test_pycocotools_reads_a_dataset_of_everything_and_counts_it_right() -> None:
    assets = image_assets()
    read = coco_of(exported("coco", *assets))

    images = read.loadImgs(read.getImgIds())
    held = [
        one
        for one in assets
        if one["resolution"]
        and one["latestLabel"]
        and one["latestLabel"]["labelType"] in ("DEFAULT", "REVIEW")
    ]
    assert len(images) == len(held)
    assert len({image["file_name"] for image in images}) == len(images)
    assert read.getAnnIds()
    for annotation in read.loadAnns(read.getAnnIds()):
        left, top, width, height = annotation["bbox"]
        image = read.imgs[annotation["image_id"]]
        assert left >= 0
        assert top >= 0
        # Boxes are whole pixels, and one size in the corpus is not.
        assert left + width <= image["width"] + 0.5
        assert top + height <= image["height"] + 0.5
        # A ring for each piece: readers fill each, whichever way they fill.
        mask = read.annToMask(annotation)
        border = sum(annotation["bbox"][2:]) * len(annotation["segmentation"])
        assert abs(int(mask.sum()) - annotation["area"]) <= 2 * border


def test_13_points_and_lines_of_a_turned_view_are_turned_back_too() -> None:
    response = answers(
        POINTS=[{"type": "marker", "point": {"x": 0.25, "y": 0.75}, "categories": []}],
        LINES=[{"type": "polyline", "polyline": [{"x": 0, "y": 1}], "categories": []}],
        POSES=[{"type": "pose", "points": [{"code": "HEAD", "point": {"x": 0.5, "y": 0.125}}]}],
        BOXES=[box("CAR", 0.25, 0.25, 0.5, 0.5)],
    )
    files = exported("kili", asset(1, "a.jpg", label({**response, **TURN})))

    written = json.loads(files["labels/a-as_1.json"])["latestLabel"]["jsonResponse"]
    [point] = written["POINTS"]["annotations"]
    [line] = written["LINES"]["annotations"]
    [pose] = written["POSES"]["annotations"]
    [drawn] = written["BOXES"]["annotations"]
    assert "ROTATION_JOB" not in written
    assert point["point"] == {"x": 0.75, "y": 0.75}
    assert point["pointPixels"] == {"x": 750.0, "y": 300.0}
    assert line["polyline"] == [{"x": 1, "y": 1}]
    assert pose["points"][0]["point"] == {"x": 0.125, "y": 0.5}
    assert drawn["boundingPoly"][0]["normalizedVertices"][0] == {"x": 0.5, "y": 0.75}


def test_13_each_frame_is_turned_back_by_its_own_rotation() -> None:
    drawn = answers(BOXES=[box("CAR", 0.25, 0.25, 0.5, 0.5)])
    response = {**frames({**drawn, **TURN}, drawn), "ROTATION_JOB": {"rotation": 180}}
    files = archive_of(
        image_project("VIDEO"), [fetched(asset(1, "v.mp4", label(response)))], corrected("kili")
    )

    written = json.loads(files["labels/v-as_1.json"])["latestLabel"]["jsonResponse"]
    corners = [
        frame["BOXES"]["annotations"][0]["boundingPoly"][0]["normalizedVertices"][0]
        for frame in (written["0"], written["1"])
    ]
    assert corners == [{"x": 0.5, "y": 0.75}, {"x": 0.75, "y": 0.5}]
    assert set(written) == {"0", "1"}
    assert set(written["0"]) == {"BOXES"}


def test_13_a_rotation_is_undone_where_the_size_of_the_picture_is_not_known() -> None:
    response = {**answers(BOXES=[box("CAR", 0.25, 0.25, 0.5, 0.5)]), **TURN}
    files = exported("kili", asset(1, "a.jpg", label(response), resolution=None))

    written = json.loads(files["labels/a-as_1.json"])["latestLabel"]["jsonResponse"]
    [drawn] = written["BOXES"]["annotations"]
    assert drawn["boundingPoly"][0]["normalizedVertices"][0] == {"x": 0.5, "y": 0.75}


def test_the_sdks_archives_are_not_touched_by_the_option() -> None:
    assets = [fetched(answer) for answer in image_assets()]
    for format_name in ("kili", "yolo_v8", "coco", "pascal_voc"):
        options = corrected(format_name, compatibility=Compatibility.SDK)
        plain = ExportOptions(format_name, layout=LAYOUTS.get(format_name, Layout.MERGED))
        assert archive_of(image_project(), assets, options) == archive_of(
            image_project(), assets, plain
        )


def test_coordinates_on_earth_are_not_clamped_or_turned() -> None:
    exporting = project({"BOXES": job(["CAR"], ["rectangle"])}, "GEOSPATIAL")
    far = answers(BOXES=[box("CAR", 2.25, 48.75, 2.5, 48.875)])
    content = [{"epsg": "EPSG4326", "useClassicCoordinates": False}]
    answer = fetched(asset(1, "paris.tif", label(far)), content)

    files = archive_of(exporting, [answer], corrected("geojson"))

    feature = json.loads(files["labels/paris-as_1.geojson"])["features"][0]
    assert [2.25, 48.75] in feature["geometry"]["coordinates"][0]


ON_EARTH = [{"epsg": "EPSG4326", "useClassicCoordinates": False}]
PLACES: Json = {
    "rectangle": {"boundingPoly": [ring((2.3, 48.9), (2.3, 48.8), (2.4, 48.8), (2.4, 48.9))]},
    "polygon": {"boundingPoly": [ring((2.3, 48.8), (2.4, 48.8), (2.4, 48.9))]},
    "semantic": {"boundingPoly": [ring((2.3, 48.8), (2.4, 48.8), (2.4, 48.9))]},
    "marker": {"point": {"x": 2.35, "y": 48.85}},
    "polyline": {"polyline": [{"x": 2.35, "y": 48.85}, {"x": 2.4, "y": 48.9}]},
    "pose": {"points": [{"code": "TOP", "point": {"x": 2.35, "y": 48.85}}]},
}


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [None, {"width": 1000, "height": 400}])
@pytest.mark.parametrize("format_name", ["kili", "raw"])
@pytest.mark.parametrize("single_file", [False, True])
def test_longitudes_and_latitudes_are_not_turned_with_the_view(
    format_name: str, size: Json | None, angle: int, kind: str, single_file: bool
) -> None:
    drawn = {"type": kind, "mid": "m", "categories": [{"name": "CAR"}], **PLACES[kind]}
    turned = {**answers(BOXES=[drawn]), "ROTATION_JOB": {"rotation": angle}}
    answer = asset(1, "map.tif", label(turned), resolution=size, jsonContent=ON_EARTH)

    files = exported(format_name, answer, single_file=single_file)

    [data] = [found for path, found in files.items() if path.endswith(".json")]
    document = json.loads(data)
    shown = document[0] if single_file else document
    response = shown["latestLabel"]["jsonResponse"]
    assert response == {"BOXES": {"annotations": [drawn]}}


@pytest.mark.parametrize("layout", Layout)
def test_categories_of_coco_are_numbered_from_1(layout: Layout) -> None:
    drawn = label(answers(BOXES=[box("CAR", 0, 0, 0.5, 0.5), box("BUS", 0.5, 0.5, 1, 1)]))
    files = exported("coco", asset(1, "a.jpg", drawn), layout=layout)
    former = archive_of(
        image_project(),
        [fetched(asset(1, "a.jpg", drawn))],
        ExportOptions("coco", layout=layout),
    )
    documents = [path for path in files if path.endswith("labels.json")]
    assert documents
    for path in documents:
        ours, sdk = json.loads(files[path]), json.loads(former[path])
        assert [one["id"] for one in ours["categories"]] == [*range(1, len(ours["categories"]) + 1)]
        assert [one["id"] for one in sdk["categories"]] == [*range(len(sdk["categories"]))]
        names = {one["id"]: one["name"] for one in ours["categories"]}
        former_names = {one["id"]: one["name"] for one in sdk["categories"]}
        assert [names[one["category_id"]] for one in ours["annotations"]] == [
            former_names[one["category_id"]] for one in sdk["annotations"]
        ]
