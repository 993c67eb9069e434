"""Where readers write, and which versions they are of."""

from pathlib import Path

import pytest

from devtools.readers import workspace
from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import Found, ReaderFailed
from devtools.readers.reader import SCRIPTS, Needs
from devtools.readers.workspace import scratch_place, version_of


def test_small_files_are_written_in_memory_and_large_ones_are_not(tmp_path: Path) -> None:
    small = SampleArchive(tmp_path / "archive.zip", {"a": Found(1, "")})
    large = SampleArchive(tmp_path / "archive.zip", {"a": Found(1 << 60, "")})
    assert scratch_place(small, tmp_path) == tmp_path
    assert scratch_place(large, tmp_path) is None
    assert scratch_place(small, tmp_path / "absent") is None


def test_versions_come_from_wherever_a_reader_comes_from() -> None:
    assert version_of(Needs()).count(".") == 2
    assert version_of(Needs(("no-such-program",), ("no-such-package",))) == ""
    assert version_of(Needs((), ("perl",), version=("echo", "1.2\nmore"))) == "1.2"
    assert version_of(Needs(npm=("no-such-library",))) == ""
    assert version_of(Needs(pypi=("no-such-package",))) == ""


def test_a_program_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_BUILT", tmp_path / "built")
    commands = ("cp", "{source}", "{target}")
    built = workspace.compiled("list_zip.go", "program", commands)
    assert built.read_bytes() == (SCRIPTS / "list_zip.go").read_bytes()
    assert workspace.compiled("list_zip.go", "program", ("no-such-compiler",)) == built
    assert [one.name for one in built.parent.iterdir()] == ["program"]


def test_a_compiler_that_makes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_BUILT", tmp_path / "built")
    with pytest.raises(ReaderFailed, match="true makes no program"):
        workspace.compiled("list_zip.go", "program", ("true",))
    with pytest.raises(ReaderFailed, match="status 1"):
        workspace.compiled("list_zip.go", "program", ("false",))
