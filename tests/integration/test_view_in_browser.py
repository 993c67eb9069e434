"""The page in a real browser: shapes lie on what they are of, and hostile names run nothing.

Needs Chromium (`apt-get install chromium`).
"""

import re
import shutil
import struct
import subprocess
import threading
import zlib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from devtools.bench.memory.__main__ import measure
from devtools.bench.memory.synthetic_runs import EXPORT
from kili_export.archives.manifest_store import read_manifest
from kili_export.core.clock import SystemClock
from kili_export.core.export_options import ExportOptions, Layout
from kili_export.local.kili_standin.projects.pictures import encode_png
from kili_export.machine.folder_objects import FolderObjects
from kili_export.reading.published_export import PublishedExport
from kili_export.viewing.server import Viewer, ViewServer
from tests.support.kili_samples import Json, answers, box, job, label, project, ring, shape
from tests.support.workbench import Workbench
from tests.unit.steps.publishing.test_media import put

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

WIDTH, HEIGHT = 200, 100
LEFT, TOP, RIGHT, BOTTOM = 0.2, 0.1, 0.9, 0.8
"""Where the thing is, as shares of the picture."""
SIGN = (0.02, 0.85, 0.1, 0.95)
"""Where another label is, on the background."""
HOLE = (0.5, 0.3, 0.7, 0.6)
"""What a mask of the thing leaves out."""
DOT = (0.05, 0.5)
"""Where a point is, on the background."""
HOSTILE = "\"><img src=x onerror=document.title='broken'><script>document.title='broken'</script>"
BACKGROUND, THING = (0, 0, 255), (255, 255, 255)


def picture() -> bytes:
    """Blue, and white where the label says that the thing is."""
    rows = []
    for y in range(HEIGHT):
        inside = TOP * HEIGHT <= y < BOTTOM * HEIGHT
        rows.append(
            bytearray(int(inside and LEFT * WIDTH <= x < RIGHT * WIDTH) for x in range(WIDTH))
        )
    return encode_png(rows, [BACKGROUND, THING])


def serving(options: ExportOptions, made: Json, names: Sequence[str]) -> Iterator[str]:
    """The address of a page of pictures with these names and one label."""
    tools = ["rectangle", "semantic", "marker"]
    declared = project({"CARS": job(["BIG"], tools), "SIGNS": job(["STOP"], tools)})
    bench = Workbench(declared, {"made": options})
    for number, name in enumerate(names):
        key = put(bench, number, name)
        bench.kili.assets[key] = replace(bench.kili.assets[key], latest_label=label(made))
        bench.kili.files[f"/{number}-0"] = (picture(), "image/png")
    bench.rebuild()
    server = ViewServer(Viewer(PublishedExport(bench.objects, bench.manifest("made"))))
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server.url
    server.stop()
    thread.join()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    made = answers(
        CARS=[box("BIG", LEFT, TOP, RIGHT, BOTTOM, mid="m1")], SIGNS=[box("STOP", *SIGN, mid="m2")]
    )
    options = ExportOptions("pascal_voc", layout=Layout.MERGED, with_assets=True)
    yield from serving(options, made, ("a.png", f"{HOSTILE}.png"))


def box_ring(left: float, top: float, right: float, bottom: float) -> Json:
    return ring((left, top), (right, top), (right, bottom), (left, bottom))


@pytest.fixture(scope="module")
def url_of_masks() -> Iterator[str]:
    mask = shape("semantic", "BIG", box_ring(LEFT, TOP, RIGHT, BOTTOM), box_ring(*HOLE))
    dot = {**shape("marker", "STOP"), "point": dict(zip("xy", DOT, strict=True))}
    options = ExportOptions("jsonl", with_assets=True)
    yield from serving(options, answers(CARS=[mask], SIGNS=[dot]), ("a.png",))


def chromium(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            "--window-size=800,900",
            f"--user-data-dir={folder / 'profile'}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    return done.stdout


Pixel = tuple[int, int, int]


def pixels(png: bytes) -> list[list[Pixel]]:
    """The pixels of a screenshot: 8 bits, RGB or RGBA, not interlaced."""
    at, data, header = 8, b"", b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        chunk = png[at + 8 : at + 8 + length]
        header = chunk if kind == b"IHDR" else header
        data += chunk if kind == b"IDAT" else b""
        at += length + 12
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    assert (bits, interlaced) == (8, 0)
    step = {2: 3, 6: 4}[colour]
    raw, before = zlib.decompress(data), bytearray(width * step)
    rows = []
    for y in range(height):
        start = y * (width * step + 1)
        before = unfiltered(raw[start], bytearray(raw[start + 1 :][: width * step]), before, step)
        rows.append(
            [(before[x], before[x + 1], before[x + 2]) for x in range(0, width * step, step)]
        )
    return rows


def unfiltered(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    """One row without PNG's filter."""
    for x, value in enumerate(row):
        left = row[x - step] if x >= step else 0
        corner = above[x - step] if x >= step else 0
        guess = left + above[x] - corner
        nearest = min((left, above[x], corner), key=lambda one: abs(guess - one))
        row[x] = (value + (0, left, above[x], (left + above[x]) // 2, nearest)[kind]) & 0xFF
    return row


def bounds(rows: list[list[Pixel]], wanted: "set[Pixel]") -> tuple[int, int, int, int]:
    """The left, top, right and bottom of all pixels of these colours."""
    found = [(x, y) for y, row in enumerate(rows) for x, one in enumerate(row) if one in wanted]
    assert found, "no such pixel"
    across, down = [x for x, _ in found], [y for _, y in found]
    return min(across), min(down), max(across), max(down)


def shown_picture(tmp_path: Path, address: str) -> list[list[Pixel]]:
    """The pixels of the one picture on a page."""
    shot = tmp_path / "shot.png"
    chromium(tmp_path, f"--screenshot={shot}", address)
    rows = pixels(shot.read_bytes())
    left, top, right, bottom = bounds(rows, {BACKGROUND})
    width, height = right - left + 1, bottom - top + 1
    assert abs(width / height - WIDTH / HEIGHT) < 0.03, "the picture is not shown whole"
    return [row[left : right + 1] for row in rows[top : bottom + 1]]


def test_every_outline_lies_on_its_thing(url: str, tmp_path: Path) -> None:
    inside = shown_picture(tmp_path, f"{url}asset?path=labels/a.png.xml")
    width, height = len(inside[0]), len(inside)
    # What is over the picture and neither of it nor its tint is the outline.
    tint = inside[int((TOP + BOTTOM) / 2 * height)][int((LEFT + RIGHT) / 2 * width)]
    assert tint not in {BACKGROUND, THING}, "the shape is not filled"
    thing = bounds(inside, {tint})
    drawn = {one for row in inside for one in row} - {BACKGROUND, tint}
    outline = bounds(inside, drawn)
    for found, (x, y, end_x, end_y) in (
        (thing, (LEFT, TOP, RIGHT, BOTTOM)),
        (outline, (min(LEFT, SIGN[0]), min(TOP, SIGN[1]), RIGHT, max(BOTTOM, SIGN[3]))),
    ):
        expected = (x * width, y * height, end_x * width, end_y * height)
        assert all(abs(one - two) <= 4 for one, two in zip(found, expected, strict=True))


def test_a_mask_leaves_its_hole_out_and_a_point_is_a_dot(url_of_masks: str, tmp_path: Path) -> None:
    inside = shown_picture(tmp_path, f"{url_of_masks}asset?path=as_000")

    def at(x: float, y: float) -> Pixel:
        return inside[int(y * len(inside))][int(x * len(inside[0]))]

    left, top, right, bottom = HOLE
    assert at((left + right) / 2, (top + bottom) / 2) == THING
    assert at((LEFT + left) / 2, (top + bottom) / 2) not in {THING, BACKGROUND}
    assert at(*DOT) not in {THING, BACKGROUND}
    assert at(DOT[0], DOT[1] + 0.1) == BACKGROUND


def test_hostile_names_run_nothing_and_are_shown(url: str, tmp_path: Path) -> None:
    shown = chromium(tmp_path, "--dump-dom", f"{url}pictures")
    assert "<title>made, generation 1</title>" in shown
    assert "onerror=" in re.sub(r"<[^>]*>", "", shown), "the name is not there as a text"
    assert "<script" not in shown


MANY = 10_000


@dataclass(frozen=True, slots=True)
class CountedObjects(FolderObjects):
    """Counts the bytes that are read."""

    reads: list[int] = field(default_factory=list)

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        self.reads.append(length)
        return FolderObjects.get_range(self, key, start, length, if_match=if_match)


def test_ten_thousand_assets_are_shown_page_by_page(tmp_path: Path) -> None:
    folder = tmp_path / "bucket"
    folder.mkdir()
    measure(str(folder), "pascal_voc", "first export", Namespace(assets=MANY, changed=1))
    objects = CountedObjects.at(folder, SystemClock(), durable=False)
    manifest = read_manifest(objects, "project", EXPORT)
    server = ViewServer(Viewer(PublishedExport(objects, manifest)))
    thread = threading.Thread(target=server.serve)
    thread.start()
    shown, place = list[str](), "pictures"
    for _ in range(3):
        objects.reads.clear()
        page = chromium(tmp_path, "--dump-dom", server.url + place)
        assert sum(objects.reads) < manifest.archive.size / 20
        shown += re.findall(r'href="(asset[?][^"]+)"', page)
        [place] = re.findall(r'href="(pictures[?]start=[^"]+)" rel="next"', page)
    objects.reads.clear()
    end = chromium(tmp_path, "--dump-dom", f"{server.url}pictures?start=labels%2F~")
    assert 'rel="next"' not in end
    assert sum(objects.reads) < manifest.archive.size / 20
    server.stop()
    thread.join()
    assert len(set(shown)) == len(shown) == 3 * 24
