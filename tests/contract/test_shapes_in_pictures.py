"""What corrected datasets hold of random shapes is what shapely finds of them in the picture.

`make properties-shapes` compares 20,000 of them, `make test` 300 of them.
"""

import json
import math
import os
import warnings
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from shapely import (
    LineString,
    MultiPolygon,
    Point,
    Polygon,
    box,
    difference,
    get_coordinates,
    intersection,
    make_valid,
    polygonize,
    unary_union,
)
from shapely.affinity import rotate

from kili_export.core.export_options import Compatibility, ExportOptions, Layout
from kili_export.formats.common.format import Conversion, ExportContext
from kili_export.formats.registry import format_of
from tests.support.kili_samples import (
    Json,
    answers,
    asset,
    fetched,
    job,
    label,
    project,
    ring,
    shape,
)

COUNT = int(os.environ.get("KILI_EXPORT_SHAPES", "300"))
WIDTH, HEIGHT = 640, 480
PICTURE = box(0, 0, WIDTH, HEIGHT)
EXPORTING = project({"J": job(["A"], ["rectangle", "polygon", "semantic"])})
JUST = 1e-6
# A line between pieces, or to a hole, is as thin as a number's last digits.
NOISE = 1e-4
TOO_THIN = ("thinner than a pixel", "outside of the picture", "leave nothing")

Points = list[tuple[float, float]]


def anywhere(random: Random, count: int) -> Points:
    """Crosses itself, and mostly the border too."""
    return [(random.uniform(-0.5, 1.5), random.uniform(-0.5, 1.5)) for _ in range(count)]


def within(random: Random, count: int) -> Points:
    return [(random.random(), random.random()) for _ in range(count)]


def beyond(random: Random, count: int) -> Points:
    """Wholly outside, or around the corner."""
    step = random.choice((-1.2, 1.2))
    return [(x + step, y * 3 - 1) for x, y in within(random, count)]


def blob(random: Random, count: int) -> Points:
    """Goes around a point once, as what people draw does."""
    x, y, size = random.uniform(-0.3, 1.3), random.uniform(-0.3, 1.3), random.uniform(0.001, 0.8)
    angles = sorted(random.uniform(0, 2 * math.pi) for _ in range(count))
    radii = [size * random.uniform(0.3, 1) for _ in angles]
    return [
        (x + radius * math.cos(angle), y + radius * math.sin(angle))
        for angle, radius in zip(angles, radii, strict=True)
    ]


def lattice(random: Random, count: int) -> Points:
    """Touches, walks along and repeats itself, and the border."""
    return [(random.randint(-1, 5) / 4, random.randint(-1, 5) / 4) for _ in range(count)]


def sliver(random: Random, count: int) -> Points:
    """About as thin as a pixel, upright or along the other axis."""
    del count
    x, y, thin = random.random(), random.random(), random.uniform(0, 3) / WIDTH
    corners = [(x, y), (x + thin, y), (x + thin, y + 0.2), (x, y + 0.2)]
    return corners if random.random() < 0.5 else [(b, a) for a, b in corners]


def tool_box(random: Random) -> Points:
    """A box of the tool, turned in pixels or upright."""
    x, y = random.uniform(-0.2, 1.2) * WIDTH, random.uniform(-0.2, 1.2) * HEIGHT
    width, height = random.uniform(1, 400), random.uniform(1, 200)
    drawn = box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    turned = rotate(drawn, random.choice((0, random.uniform(0, 180))))
    return [(a / WIDTH, b / HEIGHT) for a, b in turned.exterior.coords[:4]]


KINDS: tuple[Callable[[Random, int], Points], ...] = (
    anywhere,
    within,
    beyond,
    blob,
    lattice,
    sliver,
)


def annotations(count: int) -> Iterator[Json]:
    random = Random(11)
    for number in range(count):
        if number % 4 == 0:
            yield shape("rectangle", "A", ring(*tool_box(random)))
            continue
        holes = [random.choice(KINDS) for _ in range(random.choice((0, 0, 1, 2)))]
        kinds = [KINDS[number % len(KINDS)], *holes]
        drawn = [kind(random, random.randint(3, 9)) for kind in kinds]
        yield shape("semantic", "A", *(ring(*points) for points in drawn))


def pixels(points: Json) -> Points:
    return [(one["x"] * WIDTH, one["y"] * HEIGHT) for one in points["normalizedVertices"]]


def surface(found: Any) -> Any:
    """What has an area."""
    parts = getattr(found, "geoms", [found])
    kept = [part for part in parts if isinstance(part, Polygon | MultiPolygon) and part.area]
    return unary_union(kept)


def region(points: Points) -> Any:
    """What an outline encloses, read by parity."""
    return surface(make_valid(Polygon(points)))


def right_of(annotation: Json) -> Any:
    outline, *holes = map(pixels, annotation["boundingPoly"])
    right = surface(intersection(region(outline), PICTURE))
    for hole in holes:
        right = surface(difference(right, region(hole)))
    return right


def converted(format_name: str, annotation: Json) -> Conversion:
    options = ExportOptions(
        format_name, layout=Layout.MERGED, compatibility=Compatibility.CORRECTED
    )
    writer = format_of(options)
    context = ExportContext(EXPORTING, options, "2026-11-22T15:56:38.547063+00:00")
    size = {"width": WIDTH, "height": HEIGHT}
    answer = asset(1, "a.png", label(answers(J=[annotation])), resolution=size)
    selected = writer.select(fetched(answer), context)
    assert selected is not None
    return writer.convert(selected, context)


def is_thin(right: Any, slack: float) -> bool:
    left, top, far, bottom = right.bounds
    return bool(min(far - left, bottom - top) < 1 + slack)


def check_left_out(found: Conversion, right: Any) -> None:
    """What is not written has nothing in the picture, or less than a pixel, and is reported."""
    assert right.is_empty or right.area < 0.01 or is_thin(right, JUST)
    assert any(reason in loss.reason for loss in found.losses for reason in TOO_THIN)


def check_box(corners: tuple[float, float, float, float], right: Any, slack: float) -> None:
    assert corners == pytest.approx(right.bounds, abs=slack)
    left, top, far, bottom = corners
    assert left < far
    assert top < bottom


def turns_around(points: Points, x: float, y: float) -> tuple[int, int]:
    """How often an outline goes around a point, and how many of its lines lie beside it."""
    turns = crossed = 0
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        if (ay > y) != (by > y) and ax + (y - ay) / (by - ay) * (bx - ax) > x:
            turns += 1 if by > ay else -1
            crossed += 1
    return turns, crossed


def filled(points: Points, *, by_parity: bool) -> Any:
    """What a reader fills of one outline, who goes by parity or by direction."""
    faces = polygonize([unary_union(LineString([*points, points[0]]))])
    kept = []
    for face in faces.geoms:
        at = face.representative_point()
        turns, crossed = turns_around(points, at.x, at.y)
        if crossed % 2 if by_parity else turns:
            kept.append(face)
    return unary_union(kept)


def check_same(rings: list[Points], right: Any) -> None:
    for by_parity in (True, False):
        written = unary_union([filled(points, by_parity=by_parity) for points in rings])
        assert written.symmetric_difference(right).area == pytest.approx(0, abs=0.01)


def paired(numbers: list[float], width: float = 1, height: float = 1) -> Points:
    return [(x * width, y * height) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def check_coco(annotation: Json, right: Any) -> None:
    found = converted("coco", annotation)
    texts = [fragment.template for fragment in found.fragments if "annotation" in fragment.stream]
    if not texts:
        check_left_out(found, right)
        return
    [template] = texts
    written = json.loads(
        b"".join(one if isinstance(one, bytes) else b"1" for one in template).decode()
    )
    assert right.area > 0
    assert abs(written["area"] - right.area) <= 0.5 + NOISE
    assert written["area"] > 0
    check_same([paired(numbers) for numbers in written["segmentation"]], right)
    left, top, width, height = written["bbox"]
    check_box((left, top, left + width, top + height), right, 1)


def check_pascal_voc(annotation: Json, right: Any) -> None:
    found = converted("pascal_voc", annotation)
    [member] = found.members
    boxes = [
        tuple(float(one.findtext(name, "")) for name in ("xmin", "ymin", "xmax", "ymax"))
        for one in ET.fromstring(member.data).iter("bndbox")
    ]
    if not boxes:
        check_left_out(found, right)
        return
    assert right.area > 0
    [(left, top, far, bottom)] = boxes
    check_box((left, top, far, bottom), right, 1)


def check_yolo(annotation: Json, right: Any) -> None:
    found = converted("yolo_v8", annotation)
    lines = {member.path.split("/")[0]: member.data.decode().split() for member in found.members}
    is_box = annotation["type"] == "rectangle"
    assert bool(lines["detect"]) is bool(lines["obb" if is_box else "segment"])
    if not lines["detect"]:
        check_left_out(found, right)
        return
    assert right.area > 0
    x, y, width, height = map(float, lines["detect"][1:])
    assert x - width / 2 >= -JUST
    assert x + width / 2 <= 1 + JUST
    sides = (x - width / 2) * WIDTH, (y - height / 2) * HEIGHT
    check_box((*sides, sides[0] + width * WIDTH, sides[1] + height * HEIGHT), right, 0.01)
    numbers = [float(one) for one in lines["obb" if is_box else "segment"][1:]]
    if is_box:
        check_oriented(numbers, right)
    else:
        assert all(0 <= number <= 1 for number in numbers)
        check_same([paired(numbers, WIDTH, HEIGHT)], right)


def check_oriented(numbers: list[float], right: Any) -> None:
    """A rectangle around what is inside, the smallest one or, where that is not read, upright."""
    corners = paired(numbers, WIDTH, HEIGHT)
    assert len(corners) == 4
    written = Polygon(corners)
    for (ax, ay), (bx, by), (cx, cy) in zip(
        corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True
    ):
        across = (bx - ax) * (cx - bx) + (by - ay) * (cy - by)
        assert across == pytest.approx(0, abs=1e-3)
    # By its points: an overlay of outlines whose sides all but coincide can fail altogether.
    assert max(written.distance(Point(*point)) for point in get_coordinates(right)) < 0.01
    with warnings.catch_warnings():
        # It divides by the length of sides, some of which have none.
        warnings.simplefilter("ignore", RuntimeWarning)
        smallest = right.minimum_rotated_rectangle.area
    upright = box(*right.bounds).area
    is_smallest = written.area == pytest.approx(smallest, rel=1e-3, abs=0.05)
    assert is_smallest or written.area == pytest.approx(upright, rel=1e-3, abs=0.05)
    xs, ys = zip(*paired(numbers), strict=True)
    assert 0 <= min(xs) + max(xs) <= 2
    assert 0 <= min(ys) + max(ys) <= 2
    assert max(max(xs) - min(xs), max(ys) - min(ys)) <= 1 + JUST


CHECKS = {"coco": check_coco, "pascal_voc": check_pascal_voc, "yolo": check_yolo}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("format_name", CHECKS)
def test_what_is_written_of_random_shapes_is_what_is_in_the_picture(format_name: str) -> None:
    check = CHECKS[format_name]
    seen = {"written": 0, "nothing": 0}
    for annotation in annotations(COUNT):
        right = right_of(annotation)
        seen["nothing" if right.is_empty else "written"] += 1
        try:
            check(annotation, right)
        except AssertionError as error:
            raise AssertionError(f"{json.dumps(annotation)}: {right.wkt}") from error
    # Not a test of empty pictures, nor one of those that need nothing.
    assert min(seen.values()) > COUNT / 20
