"""The journal keeps what was accepted, and nothing longer than needed."""

import os
from pathlib import Path

import pytest

from local.stack.journal import Entry, Journal

EVENT = Entry("project", "webhook", '{"event": "x"}')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def test_entries_survive_the_process_in_their_order(path: Path) -> None:
    entries = [EVENT, Entry("other", "full"), Entry("project", "run")]
    for entry in entries:
        Journal(path).append(entry)
    assert Journal(path).entries() == entries


def test_a_line_that_a_crash_cut_short_is_dropped_and_later_ones_are_whole(path: Path) -> None:
    Journal(path).append(EVENT)
    with path.open("ab") as file:
        file.write(b'{"project_id": "proj')
    journal = Journal(path)
    journal.append(Entry("other", "run"))
    assert journal.entries() == [EVENT, Entry("other", "run")]


def test_trimming_drops_only_projects_without_anything_pending(path: Path) -> None:
    journal = Journal(path)
    for project in ("busy", "done", "busy", "done"):
        journal.append(Entry(project, "webhook", "{}"))
    assert journal.trim(lambda project: project == "busy") == 2
    assert [entry.project_id for entry in Journal(path).entries()] == ["busy", "busy"]


def test_an_entry_that_comes_while_trimming_stays(path: Path) -> None:
    journal = Journal(path)
    journal.append(EVENT)

    def pending(_: str) -> bool:
        # Accepted after the entries were read and before the marks were: its mark may be new.
        journal.append(Entry("project", "webhook", '{"event": "late"}'))
        return False

    assert journal.trim(pending) == 1
    assert [entry.body for entry in journal.entries()] == ['{"event": "late"}']


def test_an_entry_is_on_disk_before_append_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(path.read_bytes())

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", fsync)
    journal.append(EVENT)
    assert synced, "the entry was never synced"
    assert b'"project"' in synced[-1]


def test_a_failed_write_leaves_the_journal_readable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    journal.append(EVENT)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(Entry("project", "run"))
    journal.append(Entry("other", "run"))
    assert journal.entries() == [EVENT, Entry("other", "run")]


def test_only_its_owner_may_read_it(path: Path) -> None:
    Journal(path)
    assert path.stat().st_mode & 0o077 == 0
