"""What is damaged in the database is set aside and reported; a stack starts all the same."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from kili_export.changes.events.pending_changes import asset_subject
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
from kili_export.machine.mending import mend
from kili_export.machine.project_state import SqliteProjectState
from tests.support.fakes import NOON

MARKS = 2000


def nothing() -> None:
    """Nothing has to come to the disk here."""


def filled(path: Path, marks: int = MARKS) -> None:
    """A database with marks, all of it in the one file."""
    database = Database(path)
    with database.transaction() as transaction:
        for number in range(marks):
            transaction.execute(
                "INSERT INTO marks VALUES ('p', ?, 'v', ?, ?, '[]', NULL, 0, NULL)",
                (asset_subject(f"{number:05d}"), NOON.isoformat(), NOON.isoformat()),
            )
    SqliteProjectState(database).take("p", holder="a", expires_at=NOON, seen=None)
    database.close()


def marks(path: Path) -> int:
    """How many marks can be read."""
    database = Database(path)
    try:
        return len(list(SqliteChangeStore(database, nothing).marks("p")))
    finally:
        database.close()


def test_a_sound_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    filled(path)
    assert mend(path) == []
    assert marks(path) == MARKS
    assert [one.name for one in tmp_path.iterdir()] == ["state.sqlite"]


def test_where_there_is_no_file_there_is_one_afterwards(tmp_path: Path) -> None:
    assert mend(tmp_path / "state.sqlite") == []
    assert marks(tmp_path / "state.sqlite") == 0


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"half a journal\n" * 1000)
    [told] = mend(path)
    assert "state.sqlite.damaged-1" in told
    assert (tmp_path / "state.sqlite.damaged-1").read_bytes().startswith(b"half a journal")
    assert marks(path) == 0


def test_of_a_damaged_file_all_that_can_be_read_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    filled(path)
    contents = bytearray(path.read_bytes())
    page = 4096
    last = contents.rindex(b"asset#01900") // page * page
    contents[last : last + page] = b"\xff" * page
    path.write_bytes(contents)
    [told] = mend(path)
    assert "was damaged" in told
    assert 1000 < marks(path) < MARKS
    database = Database(path)
    lease = SqliteProjectState(database).read("p")
    database.close()
    assert lease is not None
    assert lease.token == 1
    assert mend(path) == []


def test_damage_twice_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    for text in (b"first " * 999, b"second " * 999):
        path.write_bytes(text)
        mend(path)
    assert (tmp_path / "state.sqlite.damaged-1").read_bytes().startswith(b"first")
    assert (tmp_path / "state.sqlite.damaged-2").read_bytes().startswith(b"second")


def test_a_damaged_record_is_set_aside_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    filled(path, marks=3)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE marks SET last_event_at = 'x' WHERE subject = 'asset#00001'")
    [told] = mend(path)
    assert "A damaged record of marks was set aside" in told
    assert marks(path) == 2
    aside = tmp_path / "damaged-records.jsonl"
    assert json.loads(aside.read_text())["subject"] == "asset#00001"
    assert aside.stat().st_mode & 0o777 == 0o600
    assert mend(path) == []
