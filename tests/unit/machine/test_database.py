"""What the database answered for is in its file, whatever happens to processes, disk and file."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kili_export.changes.events.pending_changes import asset_subject
from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
from tests.support.fakes import NOON

# Stores marks until it is killed, and prints each that it was answered for.
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
changes = SqliteChangeStore(Database(Path(sys.argv[1])), lambda: None)
for number in range(int(sys.argv[3])):
    changes.mark(sys.argv[2], f"asset#{number}", version="v", at=datetime.now(UTC))
    print(number, flush=True)
"""


def nothing() -> None:
    """Nothing has to come to the disk here."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "state.sqlite")
    yield made
    made.close()


def writer(path: Path, project: str, marks: int) -> "subprocess.Popen[str]":
    """A process that stores marks."""
    command = (sys.executable, "-c", WRITER, str(path), project, str(marks))
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def subjects(path: Path, project: str) -> set[str]:
    """The subjects of the marks that a file holds."""
    database = Database(path)
    try:
        return {mark.subject for mark in SqliteChangeStore(database, nothing).marks(project)}
    finally:
        database.close()


def test_each_change_is_on_disk_before_it_is_answered(database: Database) -> None:
    database.rows("SELECT 1")
    [[mode]] = database.rows("PRAGMA journal_mode")
    [[synchronous]] = database.rows("PRAGMA synchronous")
    full = 2
    assert (mode, synchronous) == ("wal", full)


def test_the_owner_alone_can_read_the_files(database: Database, tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        SqliteChangeStore(database, nothing).mark("p", "check", version="v", at=NOON)
    finally:
        os.umask(former)
    files = sorted(tmp_path.iterdir())
    assert [one.name for one in files] == ["state.sqlite", "state.sqlite-shm", "state.sqlite-wal"]
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}


def test_several_processes_store_marks_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    writers = [writer(path, f"project{number}", 40) for number in range(4)]
    for one in writers:
        one.communicate()
        assert one.returncode == 0
    for number in range(4):
        assert len(subjects(path, f"project{number}")) == 40


def test_what_was_answered_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    with writer(path, "p", 10**6) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(50)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    answered = {f"asset#{line.strip()}" for line in told if line.endswith("\n")}
    assert len(answered) >= 50
    assert answered <= subjects(path, "p")


def test_a_copy_of_the_files_holds_what_was_answered_before_it(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    answered: set[str] = set()
    with writer(path, "p", 10**6) as process:
        assert process.stdout is not None
        for number in range(20):
            answered |= {f"asset#{process.stdout.readline().strip()}" for _ in range(7)}
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            copy = tmp_path / f"copy{number}"
            copy.mkdir()
            for file in tmp_path.glob("state.sqlite*"):
                shutil.copy(file, copy)
            process.send_signal(signal.SIGCONT)
            assert answered <= subjects(copy / "state.sqlite", "p")
        process.kill()


def test_a_full_disk_refuses_the_change_and_harms_nothing(database: Database) -> None:
    changes = SqliteChangeStore(database, nothing)
    changes.mark("p", "check", version="v", at=NOON)
    [[pages]] = database.rows("PRAGMA page_count")
    database.rows(f"PRAGMA max_page_count={pages}")
    stored = ["check"]

    def store_many() -> None:
        for number in range(1000):
            subject = asset_subject(f"{number:04d}")
            changes.mark("p", subject, version="v" * 200, at=NOON)
            stored.insert(-1, subject)

    with pytest.raises(Unavailable, match="full"):
        store_many()
    database.rows("PRAGMA max_page_count=1000000")
    assert [mark.subject for mark in changes.marks("p")] == stored
    changes.mark("p", "rebuild", version="v", at=NOON)
    assert [mark.subject for mark in changes.marks("p")] == [*stored, "rebuild"]


def test_who_waits_too_long_for_another_is_refused(database: Database) -> None:
    impatient = Database(database.path, busy_seconds=0.01)
    impatient.rows("SELECT 1")
    with database.transaction(), pytest.raises(Unavailable, match="locked"):
        impatient.change("DELETE FROM marks")
    impatient.close()


def test_a_file_of_a_newer_version_is_refused(database: Database) -> None:
    database.change("PRAGMA user_version=1000")
    database.close()
    with pytest.raises(InvalidConfiguration, match="newer version"):
        database.rows("SELECT 1")


def test_a_change_that_fails_half_way_changes_nothing(database: Database) -> None:
    def change_half() -> None:
        with database.transaction() as transaction:
            transaction.execute("INSERT INTO confirmed_removals VALUES ('p', 1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_half()
    assert database.rows("SELECT * FROM confirmed_removals") == []


def test_a_mistake_of_ours_is_no_state_of_the_file(database: Database) -> None:
    with pytest.raises(sqlite3.ProgrammingError):
        database.change("DELETE FROM marks WHERE subject = ?", ())


def _refusing(times: int) -> type[sqlite3.Connection]:
    """Connections that are refused a write-ahead log so often, as when others ask at once."""
    left = [times]

    class Refused(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if "journal_mode" in sql and left[0]:
                left[0] -= 1
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(sql, *values)

    return Refused


def test_others_who_open_a_new_file_at_once_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=_refusing(2)))
    with closing(Database(tmp_path / "state.sqlite")) as database:
        assert database.row("PRAGMA journal_mode")["journal_mode"] == "wal"  # type: ignore[index]


def test_they_are_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=_refusing(10**9)))
    with (
        closing(Database(tmp_path / "state.sqlite", busy_seconds=0)) as database,
        pytest.raises(Unavailable, match="database is locked"),
    ):
        database.row("SELECT 1")
