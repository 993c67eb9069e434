"""How progress is shown: seldom enough, within a line, and as events."""

import json
from dataclasses import dataclass

import pytest

from kili_export.cli.progress import Form, ProgressDisplay, described
from kili_export.core.progress import Progress


@dataclass
class Watch:
    """Seconds that pass only here."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def shown(form: Form, *steps: tuple[float, Progress]) -> None:
    watch = Watch()
    with ProgressDisplay(form, watch) as display:
        for at, progress in steps:
            watch.seconds = at
            display(progress)


def converting(done: int, assets: int = 1000) -> Progress:
    return Progress("converting", done, assets)


def test_lines_come_every_few_seconds_and_with_each_phase(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown(
        "lines",
        (0, Progress("listing")),
        (1, converting(0)),
        (3, converting(100)),
        (6, converting(300)),
        (7, converting(500)),
        (8, Progress("publishing", 1000, 1000)),
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "Listing",
        "Converting 0 of 1000",
        "Converting 300 of 1000, 60/s, 12 s left",
        "Publishing 1000 of 1000",
    ]


def test_what_was_done_by_a_former_call_makes_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    shown("json", (0, converting(800)), (10, converting(900)))
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["assets_per_second"], first["seconds_left"]) == (None, None)
    assert last == {
        "event": "progress",
        "phase": "converting",
        "done": 900,
        "assets": 1000,
        "assets_per_second": 10.0,
        "seconds_left": 10,
    }


def test_a_bar_stays_in_its_line_of_eighty_and_goes_in_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = 1_000_000
    shown("bar", (0, converting(0, many)), (3600, converting(many // 2, many)))
    written = capsys.readouterr().err
    assert "\n" not in written
    bars = [part.removeprefix("\033[K") for part in written.split("\r")]
    assert bars[-1] == ""
    assert "############            " in bars[-2]
    assert all(len(one) < 80 for one in bars)


def test_bytes_are_said_in_units_and_named_in_events(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [(at, Progress("downloading", at * 10**7, 10**9, in_bytes=True)) for at in (0, 10)]
    shown("lines", *steps)
    shown("json", *steps)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "Downloading 0 B of 1.0 GB",
        "Downloading 100.0 MB of 1.0 GB, 10.0 MB/s, 90 s left",
    ]
    assert json.loads(captured.out.splitlines()[-1]) == {
        "event": "progress",
        "phase": "downloading",
        "done": 10**8,
        "bytes": 10**9,
        "bytes_per_second": 10.0**7,
        "seconds_left": 90,
    }


@pytest.mark.parametrize(
    ("rate", "left"), [(100.0, "10 s"), (1.0, "17 min"), (0.05, "6 h")], ids=str
)
def test_time_left_is_said_in_a_unit_that_people_read(rate: float, left: str) -> None:
    assert described(converting(0), rate).endswith(f"{left} left")
