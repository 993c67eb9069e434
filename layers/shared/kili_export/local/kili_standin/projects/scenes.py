"""Made-up scenes of coloured shapes: the pictures of synthetic projects and the truth about them.

A scene is a few surfaces (blobs on the ground, some with a hole) under a few objects. Everything
follows from a seed, so a picture and its labels agree without either being stored.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin
from random import Random

Point = tuple[int, int]
Ring = tuple[Point, ...]
OBJECT_CATEGORIES = ("BOX", "BALL", "CONE", "FLAG")
SURFACE_CATEGORIES = ("PUDDLE", "PATH")
DAYTIMES = ("DAY", "NIGHT")
WEATHERS = ("CLEAR", "RAIN")
_COLOURS = {
    "BOX": (214, 69, 65),
    "BALL": (244, 208, 63),
    "CONE": (243, 156, 18),
    "FLAG": (155, 89, 182),
    "PUDDLE": (52, 152, 219),
    "PATH": (149, 165, 166),
}
_SKIES = {"DAY": (213, 232, 212), "NIGHT": (44, 62, 80)}


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled outline in pixels; further rings are holes."""

    category: str
    rings: tuple[Ring, ...]

    @property
    def colour(self) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        return _COLOURS[self.category]

    def bounds(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the outline, in pixels."""
        across = [x for x, _ in self.rings[0]]
        down = [y for _, y in self.rings[0]]
        return min(across), min(down), max(across), max(down)


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's contents, in pixels. Later shapes cover earlier ones."""

    width: int
    height: int
    daytime: str
    weather: str
    surfaces: tuple[Shape, ...]
    objects: tuple[Shape, ...]

    @property
    def background(self) -> tuple[int, int, int]:
        """The colour behind everything."""
        return _SKIES[self.daytime]


@lru_cache(maxsize=4096)
def make_scene(seed: int, width: int, height: int) -> Scene:
    """The scene of a seed. The same arguments always give the same scene."""
    random = Random(seed)
    surfaces = tuple(_surface(random, width, height) for _ in range(random.randint(0, 2)))
    objects = tuple(_object(random, width, height) for _ in range(random.randint(1, 5)))
    return Scene(width, height, random.choice(DAYTIMES), random.choice(WEATHERS), surfaces, objects)


def _object(random: Random, width: int, height: int) -> Shape:
    category = random.choice(OBJECT_CATEGORIES)
    across = random.randint(width // 12, width // 4)
    down = random.randint(height // 12, height // 4)
    left = random.randint(0, width - across - 1)
    top = random.randint(0, height - down - 1)
    outlines = {"BOX": _box, "BALL": _ellipse, "CONE": _cone, "FLAG": _flag}
    return Shape(category, (outlines[category](left, top, across, down),))


def _surface(random: Random, width: int, height: int) -> Shape:
    category = random.choice(SURFACE_CATEGORIES)
    centre = (random.randint(width // 4, 3 * width // 4), random.randint(height // 2, height - 1))
    radius = random.randint(height // 6, height // 3)
    outline = _blob(random, centre, radius, (width, height))
    if random.random() < 0.4:
        return Shape(category, (outline, _blob(random, centre, radius // 3, (width, height))))
    return Shape(category, (outline,))


def _box(left: int, top: int, across: int, down: int) -> Ring:
    right, bottom = left + across, top + down
    return ((left, bottom), (left, top), (right, top), (right, bottom))


def _cone(left: int, top: int, across: int, down: int) -> Ring:
    return ((left, top + down), (left + across // 2, top), (left + across, top + down))


def _flag(left: int, top: int, across: int, down: int) -> Ring:
    half = top + down // 2
    return (
        (left, top + down),
        (left, top),
        (left + across, top + down // 4),
        (left + across // 6, half),
        (left + across // 6, top + down),
    )


def _ellipse(left: int, top: int, across: int, down: int) -> Ring:
    turns = [2 * pi * step / 24 for step in range(24)]
    return tuple(
        (
            round(left + across / 2 + across / 2 * cos(turn)),
            round(top + down / 2 + down / 2 * sin(turn)),
        )
        for turn in turns
    )


def _blob(random: Random, centre: Point, radius: int, size: tuple[int, int]) -> Ring:
    points = []
    for step in range(12):
        reach = radius * random.uniform(0.75, 1.0)
        turn = 2 * pi * step / 12
        across = centre[0] + 1.6 * reach * cos(turn)
        down = centre[1] + reach * sin(turn)
        points.append((_within(across, size[0]), _within(down, size[1])))
    return tuple(points)


def _within(value: float, size: int) -> int:
    return min(max(round(value), 0), size - 1)
