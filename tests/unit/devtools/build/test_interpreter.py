"""Which Python the build finds, and what it says when there is none."""

from pathlib import Path

import pytest

from devtools.build import interpreter
from devtools.build.interpreter import PythonNotFound, find_python


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: a home without Pythons and a PATH with one folder, which is answered."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(folder))
    for name in ("PYENV_ROOT", "PYTHON313"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(interpreter, "SYSTEM_FOLDERS", ())
    return folder


def install(path: Path, says: str, status: int = 0) -> Path:
    """An executable that prints something and ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    path.chmod(0o755)
    return path


def test_the_one_on_the_path_is_taken(machine: Path) -> None:
    installed = install(machine / "python3.13", "3.13")
    assert find_python() == installed


def test_one_that_is_named_is_taken_before_all_others(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(machine / "python3.13", "3.13")
    named = install(tmp_path / "opt" / "python", "3.13")
    monkeypatch.setenv("PYTHON313", str(named))
    assert find_python() == named


def test_a_stand_in_that_refuses_to_run_is_passed_over(machine: Path, tmp_path: Path) -> None:
    install(machine / "python3.13", "python3.13: command not found", status=127)
    real = install(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13", "3.13")
    assert find_python() == real


def test_another_version_under_the_name_is_passed_over(machine: Path, tmp_path: Path) -> None:
    install(machine / "python3.13", "3.12")
    real = install(tmp_path / ".local/share/uv/python/cpython-3.13.1-linux/bin/python3.13", "3.13")
    assert find_python() == real


@pytest.mark.usefixtures("machine")
def test_where_there_is_none_the_message_names_the_way_out() -> None:
    with pytest.raises(PythonNotFound, match="PYTHON313="):
        find_python()
