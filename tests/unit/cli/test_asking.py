"""Purging asks a person, and takes no answer for no."""

import io
from argparse import Namespace

import pytest

from kili_export.cli.commands.purge import _agreed, _kinds
from kili_export.core.errors import InvalidConfiguration


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("P1\n", True), (" P1 \n", True), ("\n", False), ("", False), ("y\n", False), ("P2\n", False)],
)
def test_only_the_projects_id_is_a_yes(
    typed: str,
    agreed: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert _agreed(Namespace(project_id="P1", yes=False), "3 archives") is agreed
    assert "erases for good: 3 archives" in capsys.readouterr().err


def test_without_a_person_it_takes_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("P1\n"))
    with pytest.raises(InvalidConfiguration, match="--yes"):
        _agreed(Namespace(project_id="P1", yes=False), "3 archives")
    assert _agreed(Namespace(project_id="P1", yes=True), "3 archives")


def test_what_goes_is_told_by_kind() -> None:
    keys = [
        "exports/P/e/archives/1.zip",
        "exports/P/e/archives/2.zip",
        "runs/P/r/batches/1.bin",
        "exports/P/e/latest.zip",
    ]
    assert _kinds(keys) == "2 archives, 1 run object, 1 other object"
    assert _kinds([]) == "0 objects"
