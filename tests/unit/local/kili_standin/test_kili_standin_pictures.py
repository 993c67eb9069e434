"""Generated pictures are real files, and the labels say where their shapes are."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from kili_export.local.kili_standin.projects.answers import BOX_JOB, MASK_JOB, SceneContent
from kili_export.local.kili_standin.projects.pictures import ScenePicture, draw
from kili_export.local.kili_standin.projects.scenes import Scene, Shape, make_scene

SQUARE = Shape("BOX", (((2, 6), (2, 2), (6, 2), (6, 6)),))


def _chunks(file: bytes) -> dict[bytes, bytes]:
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(file):
        (size,) = struct.unpack_from(">I", file, at)
        kind, body = file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        (checksum,) = struct.unpack_from(">I", file, at + 8 + size)
        assert checksum == zlib.crc32(kind + body), kind
        chunks[kind] = body
        at += 12 + size
    return chunks


def _pixels(file: bytes) -> list[bytes]:
    chunks = _chunks(file)
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == height * (width + 1)
    return [raw[line * (width + 1) + 1 : (line + 1) * (width + 1)] for line in range(height)]


def test_a_square_fills_its_pixels_and_no_others() -> None:
    rows = _pixels(draw(Scene(8, 8, "DAY", "CLEAR", (), (SQUARE,))))
    filled = {(x, y) for y, row in enumerate(rows) for x, value in enumerate(row) if value}
    assert filled == {(x, y) for x in range(2, 6) for y in range(2, 6)}


def test_a_hole_shows_the_background() -> None:
    holed = Shape("PUDDLE", (((0, 8), (0, 0), (8, 0), (8, 8)), ((3, 5), (3, 3), (5, 3), (5, 5))))
    rows = _pixels(draw(Scene(8, 8, "DAY", "CLEAR", (holed,), ())))
    assert rows[4][4] == 0
    assert rows[1][1] == 1


def test_the_picture_of_a_seed_is_always_the_same_file() -> None:
    assert ScenePicture(5, 64, 48).render() == ScenePicture(5, 64, 48).render()
    assert ScenePicture(5, 64, 48).render() != ScenePicture(6, 64, 48).render()


def test_a_label_gives_the_bounds_of_the_shapes_that_are_drawn() -> None:
    scene = make_scene(11, 320, 240)
    answers = orjson.loads(SceneContent(11, 320, 240).render())
    annotations = answers[BOX_JOB]["annotations"]
    assert len(annotations) == len(scene.objects)
    for annotation, shape in zip(annotations, scene.objects, strict=True):
        corners = annotation["boundingPoly"][0]["normalizedVertices"]
        left, top, right, bottom = shape.bounds()
        assert {vertex["x"] * 320 for vertex in corners} == {left, right}
        assert {vertex["y"] * 240 for vertex in corners} == {top, bottom}


_UNDO: dict[int, Callable[[float, float], tuple[float, float]]] = {
    90: lambda x, y: (y, 1 - x),
    180: lambda x, y: (1 - x, 1 - y),
    270: lambda x, y: (1 - y, x),
}


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turning_a_label_back_gives_the_label_of_the_upright_view(rotation: int) -> None:
    upright = orjson.loads(SceneContent(11, 320, 240).render())
    turned = orjson.loads(SceneContent(11, 320, 240, rotation=rotation).render())
    assert turned["ROTATION_JOB"] == {"rotation": rotation}
    for right, there in zip(_vertices(upright), _vertices(turned), strict=True):
        assert _UNDO[rotation](*there) == pytest.approx(right)


def _vertices(answers: dict[str, Any]) -> list[tuple[float, float]]:
    return [
        (vertex["x"], vertex["y"])
        for job in (BOX_JOB, MASK_JOB)
        for annotation in answers.get(job, {}).get("annotations", [])
        for ring in annotation["boundingPoly"]
        for vertex in ring["normalizedVertices"]
    ]


def test_another_variant_is_another_answer() -> None:
    exact = SceneContent(11, 320, 240).render()
    assert SceneContent(11, 320, 240, variant=1).render() != exact
    assert SceneContent(11, 320, 240, variant=1).render() != SceneContent(11, 320, 240, 2).render()
