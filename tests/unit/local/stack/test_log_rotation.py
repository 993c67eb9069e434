"""Logs of a stack begin again when they are large."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from kili_export.local.stack.log_rotation import rotate


def test_a_large_log_is_begun_again_under_a_process_that_writes_it(tmp_path: Path) -> None:
    log = tmp_path / "webhook-0.log"
    (tmp_path / "seaweed.log").write_bytes(b"small")
    (tmp_path / "webhook-0.log.1").write_bytes(b"the one before")
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 101)
        assert rotate(tmp_path, largest=100) == [log]
        writer.write(b"later")
    assert log.read_bytes() == b"later"
    assert (tmp_path / "webhook-0.log.1").read_bytes() == b"x" * 101
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "seaweed.log",
        "webhook-0.log",
        "webhook-0.log.1",
    ]
    assert rotate(tmp_path, largest=100) == []


def test_a_link_leads_to_no_file_that_is_emptied(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x" * 101)
    (tmp_path / "webhook-0.log").symlink_to(other)
    assert rotate(tmp_path, largest=100) == []
    assert other.stat().st_size == 101


def test_a_full_disk_leaves_the_log_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "webhook-0.log"
    log.write_bytes(b"x" * 101)

    def copied(_: Path, copy: Path) -> None:
        copy.write_bytes(b"x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", copied)
    with pytest.raises(OSError, match="No space left"):
        rotate(tmp_path, largest=100)
    assert [path.name for path in tmp_path.iterdir()] == ["webhook-0.log"]
    assert log.stat().st_size == 101
