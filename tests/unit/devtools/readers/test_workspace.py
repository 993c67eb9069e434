"""Where readers write, and which versions they are of."""

from pathlib import Path

from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import Found
from devtools.readers.reader import Needs
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
