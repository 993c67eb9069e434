"""Purging and the take-over of a folder ask a person, and take no answer for no."""

import io
from argparse import Namespace
from pathlib import Path

import pytest

from kili_export.cli.commands.purge import _agreed, _kinds
from kili_export.cli.commands.sync import _agreed as may_take_over
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.folder import FolderOnDisk


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


@pytest.mark.parametrize(
    ("typed", "agreed"), [("yes\n", True), (" YES\n", True), ("y\n", False), ("", False)]
)
def test_sync_asks_before_it_takes_a_folder_that_is_not_empty(
    typed: str,
    agreed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    with FolderOnDisk.open(tmp_path) as folder:
        assert may_take_over(folder, Namespace(directory="d", delete=True)) is agreed
    assert "are removed" in capsys.readouterr().err


def test_sync_takes_no_piped_answer_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with FolderOnDisk.open(tmp_path) as folder:
        assert not may_take_over(folder, Namespace(directory="d", delete=False))


def test_what_goes_is_told_by_kind() -> None:
    keys = [
        "exports/P/e/archives/1.zip",
        "exports/P/e/archives/2.zip",
        "runs/P/r/batches/1.bin",
        "exports/P/e/latest.zip",
    ]
    assert _kinds(keys) == "2 archives, 1 run object, 1 other object"
    assert _kinds([]) == "0 objects"
