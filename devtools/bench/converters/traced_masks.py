"""Outlines of masks as annotation tools trace them: along the sides of pixels.

A brush or a model leaves pixels; their outline is a staircase of thousands of short steps, with
holes, and in places it touches itself at a corner.
"""

import math
from collections.abc import Iterator, Sequence
from random import Random

Corner = tuple[int, int]
Outline = list[Corner]


def traced_mask(random: Random, size: int) -> list[Outline]:
    """The outline of a frayed spot in a square of `size` pixels, and its largest holes."""
    pixels = _spot(random, size)
    loops = sorted(_loops(pixels), key=len, reverse=True)
    return [loop for loop in loops[:3] if len(loop) > 20 or loop is loops[0]]


def _spot(random: Random, size: int) -> frozenset[Corner]:
    """The pixels where a hill with waves of all lengths on it rises above the water."""
    waves = [
        (length, random.uniform(0, math.tau), random.uniform(0, math.tau))
        for length in (size / 3, size / 7, size / 17, 9, 5)
    ]
    ways = [
        (math.cos(way) * math.tau / length, math.sin(way) * math.tau / length, phase)
        for length, way, phase in waves
    ]
    return frozenset(
        (x, y)
        for x in range(size)
        for y in range(size)
        if 0.75
        - math.hypot(x / size - 0.5, y / size - 0.5) * 2
        + 0.11 * sum(math.sin(x * across + y * down + phase) for across, down, phase in ways)
        > 0
    )


def _loops(pixels: frozenset[Corner]) -> Iterator[Outline]:
    """The sides between pixels and what is around them, joined to closed loops."""
    ahead: dict[Corner, list[Corner]] = {}
    for x, y in pixels:
        corners = ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
        beside = ((x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y))
        for number, other in enumerate(beside):
            if other not in pixels:
                ahead.setdefault(corners[number], []).append(corners[(number + 1) % 4])
    while ahead:
        start = min(ahead)
        loop, at = [start], start
        while (at := _step(ahead, at)) != start:
            loop.append(at)
        yield _without_straights(loop)


def _step(ahead: dict[Corner, list[Corner]], at: Corner) -> Corner:
    following = ahead[at].pop()
    if not ahead[at]:
        del ahead[at]
    return following


def _without_straights(loop: Sequence[Corner]) -> Outline:
    """The loop's corners alone."""
    around = [loop[-1], *loop, loop[0]]
    return [
        here
        for before, here, after in zip(around, around[1:], around[2:], strict=False)
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1])
    ]
