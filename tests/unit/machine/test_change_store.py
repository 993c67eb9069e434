"""Marks go only when what they led to is on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_export.changes.events.pending_changes import CHECK, asset_subject
from kili_export.core.errors import Unavailable
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
from kili_export.machine.durability import sync_files
from tests.support.fakes import NOON

ASSET = asset_subject("a")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "state.sqlite")
    yield made
    made.close()


def test_marks_stay_until_what_was_published_is_on_disk(database: Database) -> None:
    seen = []

    def sync() -> None:
        seen.append([mark.subject for mark in changes.marks("p")])

    changes = SqliteChangeStore(database, sync)
    changes.mark("p", ASSET, version="v", at=NOON)
    assert changes.clear(changes.marks("p")) == 1
    assert seen == [[ASSET]]


def test_marks_stay_when_the_disk_does_not_take_what_was_published(
    database: Database, tmp_path: Path
) -> None:
    changes = SqliteChangeStore(database, lambda: sync_files(tmp_path / "not there"))
    changes.mark("p", ASSET, version="v", at=NOON)
    with pytest.raises(Unavailable):
        changes.clear(changes.marks("p"))
    assert len(list(changes.marks("p"))) == 1


def test_a_declaration_is_on_disk_before_its_success_is_reported(database: Database) -> None:
    seen = []

    def sync() -> None:
        seen.append([mark.subject for mark in changes.marks("p")])

    changes = SqliteChangeStore(database, sync)
    changes.mark("p", ASSET, version="v", at=NOON)
    assert seen == []
    changes.mark("p", CHECK, version="v", at=NOON)
    assert seen == [[ASSET]]


def test_where_nothing_is_cleared_the_disk_is_not_waited_for(database: Database) -> None:
    def sync() -> None:
        raise AssertionError("the disk was waited for")

    assert SqliteChangeStore(database, sync).clear([]) == 0


def test_a_file_system_can_be_waited_for(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"contents")
    sync_files(tmp_path)


def test_more_marks_than_are_read_together_are_all_read_and_cleared(database: Database) -> None:
    changes = SqliteChangeStore(database, lambda: None)
    with database.transaction() as transaction:
        for number in range(1234):
            transaction.execute(
                "INSERT INTO marks VALUES ('p', ?, 'v', ?, ?, '[]', NULL, 0, NULL)",
                (f"asset#{number}", NOON.isoformat(), NOON.isoformat()),
            )
    found = list(changes.marks("p"))
    assert len({mark.subject for mark in found}) == 1234
    assert changes.projects() == ("p",)
    assert changes.clear(found) == 1234
    assert changes.projects() == ()
