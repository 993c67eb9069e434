"""Tables and moments as people read them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kili_export.cli.output import Output, moment_text


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "IST-05:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_table_in_a_file_has_no_spaces_at_the_ends_of_its_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output(as_json=False).table("Exports", ("Name", "Size"), [("a", "1 B"), ("a long name", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Exports"
    assert [line for line in lines if line != line.rstrip()] == []
    assert "  a long name" in lines


def test_a_moment_is_that_of_the_reader_with_its_zone() -> None:
    at = datetime(2026, 11, 30, 22, 8, 55, tzinfo=UTC)
    assert moment_text(at) == "2026-12-01 03:38:55 IST"
