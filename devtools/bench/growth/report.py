"""How the increment grows, as Markdown, as JSON and as a picture."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kili_export.cli.output import bytes_text
from kili_export.splicing.part_limits import DEFAULT_LIMITS

MEMORY_LIMIT = 512 * 2**20
LEAST_MOVED = 500_000
"""Bytes both ways that a change may move however small the project is."""
_SHARE = 0.05
"""Of a large archive, how much a change may move beside the directories."""
_WIDTH, _HEIGHT, _LEFT, _TOP, _PANEL = 960, 300, 62, 46, 230
_COLOUR = "#1f77b4"
_HEAD = """\
# Growth: one changed label in ever larger archives

Written by `make bench-growth`; do not edit by hand.
"""
_METHOD = """
Each file is one asset's labels in YOLO's form, each size a project of its own in a fresh bucket
of SeaweedFS. All of it is published first, then one changed asset as a delta, then another one with
the archive written again behind it, each by `aggregate_archive` in a fresh process. Every archive
is spliced by copies, however small (`REWRITE_LIMIT=0`); what S3 cannot copy, below 5 MiB, is
rewritten. Memory is the peak of the whole process. Seconds of a core are those of this process;
they hardly depend on what else the machine does.

![Seconds, memory, requests and bytes by size](growth.svg)

| files | archive | tables | one change: seconds | of a core | memory | S3 requests | down | up \
| archive again: seconds | of a core | memory | S3 requests | down | up \
| all published: seconds | of a core | memory |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""
_FOOT = """
A change reads the blocks of the tables that it touches. Writing an archive again moves its
directory and the table of its files. Its other bytes are judged for archives that are not rewritten
as a whole by default, those above 64 MiB.
"""


@dataclass(frozen=True, slots=True)
class Grown:
    """One size: what publishing all of it took, and then publishing one change.

    `change` is published as a delta, `rewrite` with the archive written again behind it. These and
    `full` have `spent` (seconds, requests, bytes), `cpu` (seconds of a core) and `peak_memory`.
    Sizes are in bytes.
    """

    files: int
    archive: int
    directory: int
    tables: int
    full: dict[str, Any]
    change: dict[str, Any]
    rewrite: dict[str, Any]
    readers: tuple[str, ...]

    @property
    def requests(self) -> int:
        """Requests to S3 for the change."""
        return sum(self.change["spent"]["requests"].values())

    @property
    def moved(self) -> int:
        """Bytes of the change, both ways."""
        spent = self.change["spent"]
        return int(spent["bytes_down"] + spent["bytes_up"])

    @property
    def beside(self) -> int:
        """Bytes of the rewriting, but for the directory and the tables read and written once."""
        spent = self.rewrite["spent"]
        moved = int(spent["bytes_down"] + spent["bytes_up"])
        return max(0, moved - 2 * (self.directory + self.tables))

    @property
    def is_frugal(self) -> bool:
        """Whether few bytes of the archive moved, or it is so small that all of them may."""
        small = self.archive <= DEFAULT_LIMITS.rewrite_below
        return small or self.beside <= _SHARE * self.archive


def missed(grown: Sequence[Grown]) -> list[str]:
    """The targets that were missed."""
    wasteful = [
        f"{one.files:,} files: rewriting moved {bytes_text(one.beside)} beside directory and tables"
        for one in grown
        if not one.is_frugal
    ]
    last, first = grown[-1], grown[0]
    growing = [
        f"{last.files:,} files: {what} of a change are {now:,}, for {first.files:,} {before:,}"
        for what, now, before in (
            ("requests", last.requests, first.requests),
            ("bytes", last.moved, max(first.moved, LEAST_MOVED)),
        )
        if now > 2 * before
    ]
    return (
        wasteful
        + growing
        + [
            f"{one.files:,} files: {what} took {bytes_text(told['peak_memory'])} of memory"
            for one in grown
            for what, told in (
                ("the change", one.change),
                ("rewriting", one.rewrite),
                ("the full export", one.full),
            )
            if told["peak_memory"] > MEMORY_LIMIT
        ]
    )


def markdown(grown: Sequence[Grown], machine: str, when: str) -> str:
    """The page, with the picture."""
    rows = [
        f"| {one.files:,} | {bytes_text(one.archive)} | {bytes_text(one.tables)} "
        f"{_spent(one.change)}{_spent(one.rewrite)}"
        f"| {one.full['spent']['seconds']:.1f} | {one.full['cpu']:.1f} "
        f"| {bytes_text(one.full['peak_memory'])} |"
        for one in grown
    ]
    last = grown[-1]
    verdict = "; ".join(missed(grown)) or "reached"
    told = (
        f"Memory below {bytes_text(MEMORY_LIMIT)}; requests and bytes of a change at most twice "
        f"those in the smallest project (of {bytes_text(LEAST_MOVED)} at least); when an archive "
        f"above {bytes_text(DEFAULT_LIMITS.rewrite_below)} is written again, at most {_SHARE:.0%} "
        f"of it moved beside directory and tables: {verdict} "
        f"({bytes_text(last.beside)} of {bytes_text(last.archive)})."
    )
    readers = f"Each archive was found sound by: {', '.join(grown[-1].readers)}."
    lines = (_HEAD, f"Measured on {when}:", f"{machine}.", _METHOD, *rows, _FOOT, told, "", readers)
    return "\n".join(lines) + "\n"


def _spent(told: dict[str, Any]) -> str:
    spent = told["spent"]
    return (
        f"| {spent['seconds']:.2f} | {told['cpu']:.2f} | {bytes_text(told['peak_memory'])} "
        f"| {sum(spent['requests'].values())} | {bytes_text(spent['bytes_down'])} "
        f"| {bytes_text(spent['bytes_up'])} "
    )


def document(grown: Sequence[Grown], machine: str, when: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "measured": when,
        "machine": machine,
        "sizes": [asdict(one) for one in grown],
        "missed": missed(grown),
    }


def chart(grown: Sequence[Grown]) -> str:
    """Four panels over the number of files, both axes logarithmic."""
    panels = (
        ("seconds", [one.change["spent"]["seconds"] for one in grown], "{:.2g} s"),
        ("memory", [one.change["peak_memory"] / 2**20 for one in grown], "{:.0f} MiB"),
        ("S3 requests", [float(one.requests) for one in grown], "{:.0f}"),
        ("bytes moved", [one.moved / 1e6 for one in grown], "{:,.1f} MB"),
    )
    files = [one.files for one in grown]
    drawn = [
        _panel(index, title, files, values, shown)
        for index, (title, values, shown) in enumerate(panels)
    ]
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
                'font-family="sans-serif" font-size="12">'
            ),
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _panel(
    index: int, title: str, files: Sequence[int], values: Sequence[float], shown: str
) -> str:
    left, width, height = _LEFT + index * _PANEL - 30, _PANEL - 60, _HEIGHT - _TOP - 60
    low, high = _decades(values)
    first, last = math.log10(files[0]), math.log10(files[-1])
    points = [
        (
            left + width * (math.log10(count) - first) / max(last - first, 1e-9),
            _TOP + height * (1 - (math.log10(max(value, 1e-9)) - low) / (high - low)),
        )
        for count, value in zip(files, values, strict=True)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [
        f'<text x="{left}" y="{_TOP - 22}" font-weight="bold">{title}</text>',
        (
            f'<rect x="{left}" y="{_TOP}" width="{width}" height="{height}" fill="none" '
            'stroke="#bbb"/>'
        ),
        f'<polyline points="{line}" fill="none" stroke="{_COLOUR}" stroke-width="2"/>',
    ]
    for (x, y), count, value in zip(points, files, values, strict=True):
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_COLOUR}"/>',
            (
                f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" font-size="10">'
                f"{shown.format(value)}</text>"
            ),
            (
                f'<text x="{x:.1f}" y="{_TOP + height + 16}" text-anchor="middle" font-size="10">'
                f"{_short(count)}</text>"
            ),
        ]
    parts.append(
        f'<text x="{left + width / 2}" y="{_TOP + height + 36}" text-anchor="middle">files</text>'
    )
    return "\n".join(parts)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around all values, at least one apart."""
    low = math.floor(math.log10(max(min(values), 1e-9)))
    high = math.ceil(math.log10(max(*values, 1e-9)) + 0.1)
    return float(low), float(max(high, low + 1))


def _short(count: int) -> str:
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if count >= size:
            return f"{count / size:g}{unit}"
    return str(count)
