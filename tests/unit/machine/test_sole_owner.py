"""Which folders an export takes for its own, and that two never share one."""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.clock import SystemClock
from kili_export.core.errors import InvalidConfiguration
from kili_export.machine.folder_objects import FolderObjects
from kili_export.machine.sole_owner import remove_owned, sole_owner
from tests.support.every_command import written_paths


def test_it_is_made_and_taken_again(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        with sole_owner(folder):
            (folder / "kept").touch()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_another_process_is_refused_while_it_is_held(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from kili_export.machine.sole_owner import sole_owner\n"
        "with sole_owner(Path(sys.argv[1])): pass"
    )
    command = (sys.executable, "-c", program, str(tmp_path / "own"))
    with sole_owner(tmp_path / "own"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Another export works in" in done.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_what_is_no_folder_of_ours_is_refused_by_its_name(tmp_path: Path) -> None:
    for path in written_paths(tmp_path).values():
        with pytest.raises(InvalidConfiguration) as refused, sole_owner(Path(path)):
            pass
        assert path in str(refused.value)
    assert (tmp_path / "taken" / "inside").exists()


def test_it_is_refused_where_its_owner_removes_it_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, folder = fcntl.flock, tmp_path / "own"

    def take_late(lock: Any, how: int) -> None:
        remove_owned(folder)
        take(lock, how)

    monkeypatch.setattr(fcntl, "flock", take_late)
    with pytest.raises(InvalidConfiguration, match="Another export works in"), sole_owner(folder):
        pass
    assert not folder.exists()


def test_killed_while_it_is_removed_it_is_taken_as_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        next(path.iterdir()).unlink()
        raise KeyboardInterrupt

    folder = tmp_path / "own"
    with sole_owner(folder):
        objects = FolderObjects.at(folder, SystemClock())
        for key in ("a", "b"):
            objects.put(key, b"content")
        objects.database.close()
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", killed)
            with pytest.raises(KeyboardInterrupt):
                remove_owned(folder)
    with sole_owner(folder):
        objects = FolderObjects.at(folder, SystemClock())
        assert not [*objects.list(""), *objects.folder.iterdir()]
        objects.database.close()
        remove_owned(folder)
    assert not folder.exists()
