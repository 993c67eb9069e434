"""On generated projects, and on real annotations, our archives are the SDK's."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.core.export_options import ExportOptions, ExportType, Layout
from kili_export.core.file_paths import safe_path
from kili_export.formats.shapes.polygon_area import enclosed_area
from tests.support.archive_of import IdAllocator, archive_of
from tests.support.kili_samples import Json, asset, box, fetched, job, label, project, ring, shape
from tests.support.sdk_reference import compare_archives, sdk_archive

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "coco-real" / "instances.json"
FORMATS = ("kili", "yolo_v5", "yolo_v8", "coco")
CASES = [
    *((format_name, layout) for format_name in FORMATS for layout in Layout),
    ("pascal_voc", Layout.MERGED),
]
steady = settings(
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

coordinates = st.one_of(
    st.integers(-1, 2),
    st.floats(-0.5, 1.5, allow_nan=False),
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 0.8, 1 / 3, 1e-05, 1e-07, -0.0, 0.5]),
)
points = st.tuples(coordinates, coordinates)
rings = st.lists(points, min_size=3, max_size=7).map(lambda ends: ring(*ends))
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\\/. "),
    min_size=1,
    max_size=12,
).filter(lambda name: safe_path(name) == name)
paths = st.builds(
    lambda folders, name, ending: "/".join([*folders, name]) + ending,
    st.lists(names, max_size=2),
    names,
    st.sampled_from(["", ".jpg", ".JPG", ".png", ".tif", ".v2.webp"]),
)
keys = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=8)


@st.composite
def jobs(draw: st.DrawFn) -> dict[str, Json]:
    declared = draw(
        st.dictionaries(
            keys.map(lambda key: f"J{key}"),
            st.tuples(
                st.lists(keys.map(lambda key: f"C_{key}"), min_size=1, max_size=4, unique=True),
                st.sampled_from([["rectangle"], ["semantic"], ["polygon", "rectangle"]]),
            ),
            min_size=1,
            max_size=3,
        )
    )
    return {name: job(categories, tools) for name, (categories, tools) in declared.items()}


@st.composite
def annotations(draw: st.DrawFn, categories: list[str]) -> Json:
    category = draw(st.sampled_from(categories))
    if draw(st.booleans()):
        left, top, right, bottom = (draw(coordinates) for _ in range(4))
        return box(category, left, top, right, bottom)
    holes = draw(st.lists(rings, max_size=1))
    mid = draw(st.sampled_from(["m1", "m2", None]))
    return shape("semantic", category, draw(rings), *holes, mid=mid)


@st.composite
def labels(draw: st.DrawFn, declared: dict[str, Json]) -> Json:
    response: Json = {}
    for name, definition in declared.items():
        if draw(st.integers(0, 3)):
            categories = list(definition["content"]["categories"])
            response[name] = {
                "annotations": draw(st.lists(annotations(categories), max_size=3)),
            }
    angle = draw(st.sampled_from([None, 0, 90, 180, 270]))
    if angle is not None:
        response["ROTATION_JOB"] = {"rotation": angle}
    return label(response, isSentBackToQueue=draw(st.sampled_from([True, False, None])))


@st.composite
def projects(draw: st.DrawFn) -> tuple[dict[str, Json], list[Json]]:
    declared = draw(jobs())
    named = draw(st.lists(paths, max_size=4, unique=True))
    size = st.fixed_dictionaries({"width": st.integers(1, 5000), "height": st.integers(1, 5000)})
    return declared, [
        asset(
            number,
            name,
            *draw(st.lists(labels(declared), min_size=1, max_size=2)),
            resolution=draw(size),
        )
        for number, name in enumerate(named)
    ]


@pytest.mark.parametrize(("format_name", "layout"), CASES)
def test_generated_projects_are_exported_as_the_sdk_does(format_name: str, layout: Layout) -> None:
    @steady
    @given(projects(), st.booleans(), st.sampled_from(["latest", "latest_from_last_step"]))
    def agrees(generated: tuple[dict[str, Json], list[Json]], sent_back: bool, kind: str) -> None:
        declared, assets = generated
        options = ExportOptions(
            format_name,
            layout=layout,
            export_type=ExportType(kind),
            include_sent_back_labels=sent_back,
        )
        exporting = project({**declared, "ALWAYS": job(["C"])})
        theirs = sdk_archive(exporting, assets, options)
        ours = archive_of(exporting, [fetched(answer) for answer in assets], options)
        assert compare_archives(ours, theirs, format_name) == []

    agrees()


sizes = st.sampled_from([1, 7, 640, 1000])
# Points closer to a line than floats resolve are snapped to it by the SDK's library.
fine = st.floats(-1, 2, allow_nan=False).map(lambda value: round(value, 6))
coarse = st.integers(0, 4).map(float)
outlines = st.one_of(
    st.lists(st.tuples(fine, fine), min_size=3, max_size=12),
    st.lists(st.tuples(coarse, coarse), min_size=3, max_size=14),
)


@settings(steady, max_examples=400)
@given(outlines, sizes)
def test_area_of_an_outline_that_may_cross_itself_is_the_sdks(
    outline: list[tuple[float, float]], size: int
) -> None:
    from kili_formats.format.coco import _get_shoelace_area

    scaled = [(x * size, y * size) for x, y in outline]
    expected = float(_get_shoelace_area([x for x, _ in scaled], [y for _, y in scaled]))
    scale = max(abs(value) for point in scaled for value in point) ** 2
    assert math.isclose(enclosed_area(scaled), expected, rel_tol=1e-9, abs_tol=1e-9 * scale)


def real_assets() -> tuple[dict[str, Json], list[Json]]:
    """Real instance annotations as a Kili project: a job of masks and one of boxes."""
    dataset = json.loads(REAL.read_text())
    keys_by_id = {category["id"]: category["name"].upper() for category in dataset["categories"]}
    masks: dict[int, list[Json]] = defaultdict(list)
    boxes: dict[int, list[Json]] = defaultdict(list)
    pictures = {picture["id"]: picture for picture in dataset["images"]}
    for annotation in dataset["annotations"]:
        picture = pictures[annotation["image_id"]]
        width, height = picture["width"], picture["height"]
        key, mid = keys_by_id[annotation["category_id"]], str(annotation["id"])
        left, top, wide, high = annotation["bbox"]
        boxes[picture["id"]].append(
            box(
                key,
                left / width,
                top / height,
                (left + wide) / width,
                (top + high) / height,
                mid=mid,
            )
        )
        if isinstance(annotation["segmentation"], list):
            for flat in annotation["segmentation"]:
                outline = [
                    (x / width, y / height) for x, y in zip(flat[::2], flat[1::2], strict=True)
                ]
                masks[picture["id"]].append(shape("semantic", key, ring(*outline), mid=mid))
    categories = list(dict.fromkeys(keys_by_id.values()))
    declared = {"MASKS": job(categories, ["semantic"]), "BOXES": job(categories, ["rectangle"])}
    return declared, [
        asset(
            number,
            picture["file_name"],
            label(
                {
                    "MASKS": {"annotations": masks[number]},
                    "BOXES": {"annotations": boxes[number]},
                }
            ),
            resolution={"width": picture["width"], "height": picture["height"]},
        )
        for number, picture in pictures.items()
    ]


@pytest.mark.skipif(not REAL.exists(), reason="the sample of COCO 2017 is not on this machine")
@pytest.mark.parametrize(("format_name", "layout"), CASES)
def test_real_annotations_are_exported_as_the_sdk_does(format_name: str, layout: Layout) -> None:
    declared, assets = real_assets()
    options = ExportOptions(format_name, layout=layout)
    theirs = sdk_archive(project(declared), assets, options)
    ours = archive_of(project(declared), [fetched(answer) for answer in assets], options)
    assert compare_archives(ours, theirs, format_name) == []


@steady
@given(projects(), st.randoms(use_true_random=False))
def test_coco_numbers_stay_when_assets_come_and_go(
    generated: tuple[dict[str, Json], list[Json]], random: Any
) -> None:
    declared, assets = generated
    options = ExportOptions("coco", Layout.MERGED)
    ids = IdAllocator()
    everything = [fetched(answer) for answer in assets]
    whole = _numbers(archive_of(project(declared), everything, options, ids))
    some = [answer for answer in everything if random.random() < 0.6]
    part = _numbers(archive_of(project(declared), some, options, ids))
    assert part.items() <= whole.items()


def _numbers(archive: dict[str, bytes]) -> dict[int, str]:
    document = json.loads(archive["labels.json"])
    return {image["id"]: image["file_name"] for image in document["images"]}
