"""Which targets a measurement reaches, and how it is told."""

import json
from dataclasses import replace

import pytest

from devtools.bench.against_sdk.comparison import Comparison
from devtools.bench.against_sdk.report import document
from devtools.bench.against_sdk.report import markdown as page
from devtools.bench.against_sdk.verdicts import Verdict, verdicts
from devtools.bench.growth.report import Grown, chart, markdown, missed
from devtools.bench.measured import FORMATS, Measured, Side, What, total

CHANGES: tuple[What, ...] = ("change, rewritten", "change, spliced", "change, as a delta")


def line(side: Side, what: What, assets: int = 50_000, **more: float) -> Measured:
    made = Measured(
        side=side,
        what=what,
        formats=FORMATS,
        assets=assets,
        seconds=10.0,
        cpu=12.0,
        waited=0.0,
        peak_memory=10**8,
        calls=10,
        kili_bytes=10**6,
        kili_cpu=0.5,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def comparison(assets: int = 50_000, **ours: float) -> Comparison:
    """The SDK takes 400 s and 4,000 calls for everything; ours is as told."""
    theirs = [
        line("SDK", what, assets, seconds=400.0, calls=4000)
        for what in ("full", "change, rewritten")
    ]
    mine = [line("ours", what, assets, **ours) for what in ("full", *CHANGES)]
    return Comparison(assets, [*theirs, *mine])


def told(found: list[Verdict], part: str) -> list[bool | None]:
    chosen = [one.holds for one in found if part in one.target]
    assert chosen, f"no verdict is about {part!r}"
    return chosen


@pytest.mark.parametrize(
    ("assets", "seconds", "cpu", "holds"),
    [
        (10_000, 40.0, 2.4, True),
        (10_000, 41.0, 2.4, False),
        (10_000, 40.0, 2.5, False),
        (1_000, 41.0, 2.5, None),
    ],
)
def test_a_full_export_is_held_against_the_sdks(
    assets: int, seconds: float, cpu: float, holds: bool | None
) -> None:
    found = verdicts([comparison(assets, seconds=seconds, cpu=cpu)])
    assert told(found, "all formats") == [holds]


@pytest.mark.parametrize(
    ("seconds", "cpu", "holds"), [(3.0, 4.0, True), (3.5, 4.0, False), (3.0, 4.1, False)]
)
def test_each_format_alone_is_held_against_the_sdks(
    seconds: float, cpu: float, holds: bool
) -> None:
    one = comparison()
    coco = replace(line("SDK", "full"), formats=("coco",), seconds=9.0)
    one.alone += [coco, replace(coco, side="ours", seconds=seconds, cpu=cpu)]
    one.alone.append(replace(coco, formats=("kili",)))
    assert told(verdicts([one]), "alone") == [holds]


@pytest.mark.parametrize(
    ("seconds", "calls", "holds"), [(4.0, 40, True), (4.1, 40, False), (4.0, 41, False)]
)
def test_an_increment_must_be_faster_and_ask_less(seconds: float, calls: int, holds: bool) -> None:
    found = verdicts([comparison(seconds=seconds, calls=calls)])
    assert told(found, "fewer GraphQL calls") == [holds] * 3


def test_increments_of_large_projects_are_held_against_the_one_export_of_the_sdk() -> None:
    whole = comparison(seconds=4.0)
    once = replace(whole, lines=[one for one in whole.lines if one.side == "ours"])
    once.lines.insert(2, line("SDK", "full", seconds=399.0, calls=4000))
    assert told(verdicts([once]), "fewer GraphQL calls") == [False] * 3
    once.lines[2] = line("SDK", "full", seconds=400.0, calls=4000)
    assert told(verdicts([once]), "fewer GraphQL calls") == [True] * 3


def test_increments_of_small_projects_are_not_judged() -> None:
    found = verdicts([comparison(assets=1000, seconds=1.0)])
    assert told(found, "fewer GraphQL calls") == [None] * 3


@pytest.mark.parametrize(
    ("moved", "holds"), [(53_000_000, True), (53_000_001, False), (60_000_000, False)]
)
def test_bytes_are_held_against_the_archive_and_the_directories(moved: int, holds: bool) -> None:
    size = {
        "archive": 1_000_000_000,
        "directory": 1_000_000,
        "ledgers": 500_000,
        "spanning": 500_000,
    }
    found = verdicts([comparison(up=moved + 1_000_000, **size)])
    assert told(found, "moves at most") == [holds]


def test_an_archive_that_is_not_sound_is_told() -> None:
    one = comparison()
    one.problems.append("coco of 50000 assets: unzip exits 3")
    assert told(verdicts([one]), "sound") == [False]


def test_exports_of_single_formats_add_up() -> None:
    lines = [replace(line("SDK", "full", 1000), formats=(kind,)) for kind in FORMATS]
    whole = total(lines)
    assert (whole.seconds, whole.calls, whole.formats) == (40.0, 40, FORMATS)
    assert whole.rate == pytest.approx(4 * 1000 / 40)


def test_the_page_has_each_line_and_verdict_and_no_host() -> None:
    comparisons = [comparison(1000), comparison(50_000)]
    comparisons[0].profile = {"compressing": 0.25, "converting to coco": 0.75, "nothing": 0.0}
    full = comparisons[1].lines[2]
    comparisons[1].lines[2] = replace(full, cpu_by_role={"S3": 3.0, "convert_assets": 9.0})
    judged = verdicts(comparisons)
    text = page(comparisons, judged, "2 cores", "2026-03-02")
    assert "| converting to coco | 0.75 | 75% |" in text
    assert "| fetching and converting | 9.00 | 75% |" in text
    assert "| nothing |" not in text
    assert text.count("| ours | full | all four |") == 2
    assert all(one.target in text for one in judged)
    assert json.dumps(document(comparisons, judged, "2 cores", "2026-03-02"))


def grown(files: int, memory: int, moved: int = 5) -> Grown:
    spent = {"seconds": 1.0, "requests": {"s3.GetObject": 9}, "bytes_down": moved, "bytes_up": 6}
    step = {"spent": spent, "cpu": 0.5, "peak_memory": memory}
    sizes = (300 * files, 120 * files, 130 * files)
    small = {**step, "spent": {**spent, "bytes_down": 5}}
    return Grown(files, *sizes, full=step, change=small, rewrite=step, readers=("unzip -t",))


def test_too_much_memory_is_a_missed_target() -> None:
    assert missed([grown(1000, 10**8)]) == []
    assert len(missed([grown(1000, 10**8), grown(10_000, 10**9)])) == 3


def test_a_change_that_moves_much_of_a_large_archive_is_a_missed_target() -> None:
    directories = 2 * (120 + 130) * 1_000_000
    most = directories + 300 * 1_000_000 // 20 - 6
    assert missed([grown(1_000_000, 10**8, most)]) == []
    (told,) = missed([grown(1_000_000, 10**8, most + 1)])
    assert "rewriting moved 15.0 MB beside directory and tables" in told
    assert missed([grown(100_000, 10**8, most)]) == [], "so small ones are rewritten"


def test_a_change_that_costs_more_in_a_large_project_is_a_missed_target() -> None:
    small, large = grown(1000, 10**8), grown(1_000_000, 10**8)
    spent = {**large.change["spent"], "requests": {"s3.GetObject": 19}, "bytes_down": 2_000_000}
    costly = replace(large, change={**large.change, "spent": spent})
    assert missed([small, large]) == []
    requests, moved = missed([small, costly])
    assert "requests of a change are 19, for 1,000 9" in requests
    assert "bytes of a change are 2,000,006" in moved


def test_growth_is_drawn_and_told() -> None:
    sizes = [grown(1000, 10**8), grown(1_000_000, 10**9)]
    picture = chart(sizes)
    assert picture.startswith("<svg")
    assert picture.count("<polyline") == 4
    assert "1M" in picture
    assert "1,000,000 files: the change took 1.0 GB" in markdown(sizes, "2 cores", "2026-03-02")
