"""`python -m devtools.readers`: what it reads, what it prints, and how it ends."""

import json
import zipfile
from pathlib import Path

import pytest

from devtools.readers.__main__ import main
from devtools.readers.catalogue import READERS
from tests.unit.devtools.readers.samples import FILES, sample

ONE = ("--no-install", "--reader", "Python zipfile", "--reader", "forward reader")


def test_a_table_is_printed_and_progress_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE, "--kind", "small", "--kind", "empty"]) == 0
    shown = capsys.readouterr()
    assert "4 cells: 4 right, 0 beyond a reader's limits, 0 wrong, 0 not tried." in shown.out
    assert "4/4 empty, forward reader: right" in shown.err


def test_archives_of_others_are_compared_with_what_zipfile_finds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = sample(tmp_path).path
    assert main([*ONE, "--json", str(archive)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kinds"] == {str(archive): f"{len(FILES)} files"}
    assert [cell["outcome"] for cell in told["cells"]] == ["right", "right"]


def test_a_wrong_cell_gives_status_1_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "described.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a", b"1")
    archive.write_bytes(b"in front" + archive.read_bytes())
    assert main([*ONE, str(archive)]) == 1
    shown = capsys.readouterr()
    assert f"forward reader, {archive}: it finds neither a file nor" in shown.out
    assert "forward reader: wrong" in shown.err


def test_the_table_is_written_into_a_document(tmp_path: Path) -> None:
    target = tmp_path / "readers.md"
    assert main([*ONE, "--kind", "small", "--write", str(target)]) == 0
    assert "| Python zipfile |" in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("archive", ["absent.zip", "text.zip"])
def test_what_is_no_archive_is_refused(archive: str, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(SystemExit) as ended:
        main([*ONE, str(tmp_path / archive)])
    assert ended.value.code == 2


def test_quick_readers_need_neither_compilers_nor_servers() -> None:
    quick = {reader.name for reader in READERS if reader.quick}
    assert {"BusyBox unzip", "unar", "minizip", "zziplib", "Node adm-zip"} <= quick
    assert not {"R unzip", "fsspec zip:// on S3", ".NET ZipFile (Mono)"} & quick
