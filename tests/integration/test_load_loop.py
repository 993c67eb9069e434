"""A share of `make load`: events during a full export are all taken, and none is lost."""

import pytest

from devtools.load.__main__ import main

pytestmark = pytest.mark.slow


def test_events_during_a_full_export_are_taken_and_none_is_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--events", "60", "--seconds", "2", "--assets", "30", "--senders", "3"]
    assert main(options) == 0, capsys.readouterr().out
    told = capsys.readouterr().out
    assert "handler alone       60 times" in told, told
    for line in ("accepted            60", "5xx                 0", "lost                0"):
        assert line in told
