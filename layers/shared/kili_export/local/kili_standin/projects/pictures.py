"""Draws scenes and writes them as PNG files with a palette, with nothing but zlib.

Format: PNG (Portable Network Graphics) Specification, third edition, sections 5 and 11.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from kili_export.local.kili_standin.projects.scenes import Ring, Scene, Shape, make_scene

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE_COLOURS = 3  # IHDR colour type: one palette index per pixel


@dataclass(frozen=True, slots=True)
class ScenePicture:
    """The picture of a scene's seed, drawn when it is asked for. Sizes in pixels."""

    seed: int
    width: int
    height: int

    @property
    def content_type(self) -> str:
        """Always a PNG."""
        return "image/png"

    def render(self) -> bytes:
        """The file."""
        return _drawn(self.seed, self.width, self.height)


@lru_cache(maxsize=256)
def _drawn(seed: int, width: int, height: int) -> bytes:
    return draw(make_scene(seed, width, height))


def draw(scene: Scene) -> bytes:
    """A PNG file of the scene."""
    shapes = [*scene.surfaces, *scene.objects]
    palette = [scene.background, *(shape.colour for shape in shapes)]
    rows = [bytearray(scene.width) for _ in range(scene.height)]
    for index, shape in enumerate(shapes, start=1):
        _fill(rows, shape, index)
    return encode_png(rows, palette)


def encode_png(rows: list[bytearray], palette: list[tuple[int, int, int]]) -> bytes:
    """A PNG file of rows of palette indices, one byte per pixel."""
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, _PALETTE_COLOURS, 0, 0, 0)
    unfiltered = b"".join(b"\x00" + row for row in rows)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", b"".join(bytes(colour) for colour in palette)),
            _chunk(b"IDAT", zlib.compress(unfiltered, 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _fill(rows: list[bytearray], shape: Shape, index: int) -> None:
    _, top, _, bottom = shape.bounds()
    for line in range(max(top, 0), min(bottom + 1, len(rows))):
        crossings = sorted(
            crossing for ring in shape.rings for crossing in _crossings(ring, line + 0.5)
        )
        for start, end in zip(crossings[::2], crossings[1::2], strict=False):
            left, right = max(round(start), 0), min(round(end), len(rows[line]))
            if right > left:
                rows[line][left:right] = bytes([index]) * (right - left)


def _crossings(ring: Ring, height: float) -> list[float]:
    found = []
    for (x1, y1), (x2, y2) in pairwise((*ring, ring[0])):
        if (y1 <= height) != (y2 <= height):
            found.append(x1 + (height - y1) * (x2 - x1) / (y2 - y1))
    return found
