"""The figures of freshness, and when they are too late."""

import pytest

from devtools.freshness.__main__ import _print


def test_the_shares_and_the_late_ones_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [float(number) for number in range(101)]
    assert _print("by the list of events", list(reversed(seconds)), 98.0, 372.4) == 2
    assert capsys.readouterr().out.splitlines() == [
        "by the list of events: 101 labels  p50 50.0 s  p95 95.0 s  p99 99.0 s  most 100.0 s",
        "  later than 98 s: 2; calls of Kili in an idle hour: 372",
    ]
