"""Deliveries in the database of one machine."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kili_export.machine.erasure import erase_announcements
from kili_export.machine.mending import mend
from kili_export.machine.state_files import DATABASE, StateFiles
from kili_export.machine.tables import TABLES, VERSION
from kili_export.notifications.deliveries import KEPT, Delivery
from tests.support.fakes import NOON, ManualClock

ADDED = ("notified", "deliveries", "disabled_endpoints")
DELIVERY = Delivery("msg_1", "p", "e", "Export Failed", "{}", NOON, next_attempt_at=NOON)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[StateFiles]:
    with StateFiles(tmp_path, ManualClock()) as made:
        yield made


def test_a_database_of_the_former_version_gets_the_tables(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE)
    for name, statement in TABLES.items():
        if name not in ADDED:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("INSERT INTO announcements VALUES (7, 'at', 'Export Failed', '{}')")
    connection.commit()
    connection.close()
    with StateFiles(tmp_path, ManualClock()) as files:
        files.deliveries.begin()
        assert files.deliveries.looked_at() == 7, "what was announced before is passed over"
        assert files.deliveries.due(NOON, 10) == []


def test_a_delivery_that_is_recorded_again_stays_as_it_is(files: StateFiles) -> None:
    files.deliveries.record([DELIVERY])
    done = DELIVERY.delivered(204)
    assert files.deliveries.replace(DELIVERY, done)
    files.deliveries.record_event(3, [DELIVERY])
    assert list(files.deliveries.of_project("p")) == [done]


def test_what_somebody_else_changed_is_not_replaced(files: StateFiles) -> None:
    files.deliveries.record([DELIVERY])
    begun = DELIVERY.begun(NOON, 0.5)
    assert files.deliveries.replace(DELIVERY, begun)
    assert not files.deliveries.replace(DELIVERY, begun)
    assert files.deliveries.get("p", "msg_1") == begun
    assert files.deliveries.get("q", "msg_1") is None


def test_the_longest_due_come_first(files: StateFiles) -> None:
    # Of these texts, the one without a fraction would be the greatest.
    moments = [NOON + timedelta(microseconds=n) for n in (500_000, 0, 1)]
    for number, at in enumerate(moments):
        files.deliveries.record([replace(DELIVERY, id=f"msg_{number}", next_attempt_at=at)])
    due = files.deliveries.due(NOON + timedelta(microseconds=1), 10)
    assert [one.id for one in due] == ["msg_1", "msg_2"]
    assert [one.id for one in files.deliveries.due(NOON, 10)] == ["msg_1"]


def test_they_are_forgotten_after_their_time(files: StateFiles) -> None:
    files.deliveries.record([DELIVERY])
    files.deliveries.forget(NOON + KEPT)
    assert files.deliveries.get("p", "msg_1") == DELIVERY
    files.deliveries.forget(NOON + KEPT + timedelta(seconds=1))
    assert files.deliveries.get("p", "msg_1") is None


def test_events_are_looked_at_again_where_numbers_began_again(files: StateFiles) -> None:
    files.deliveries.begin()
    files.deliveries.record_event(500, [])
    assert files.deliveries.looked_at() == 0


def test_a_purge_erases_the_deliveries_that_name_a_word(files: StateFiles, tmp_path: Path) -> None:
    bodies = {"msg_1": '{"data": "asset-purged"}', "msg_2": '{"data": "asset-kept"}'}
    for delivery_id, body in bodies.items():
        files.deliveries.record([replace(DELIVERY, id=delivery_id, body=body)])
    files.deliveries.record([replace(DELIVERY, project_id="purged", id="msg_3")])
    files.deliveries.erase("purged")
    erase_announcements(files.database, ["asset-purged", "purged"])
    assert [one.id for one in files.deliveries.of_project("p")] == ["msg_2"]
    assert list(files.deliveries.of_project("purged")) == []
    stored = b"".join(path.read_bytes() for path in tmp_path.glob(f"{DATABASE}*"))
    assert b"asset-kept" in stored
    assert b"asset-purged" not in stored


def test_a_damaged_record_is_set_aside(tmp_path: Path) -> None:
    with StateFiles(tmp_path, ManualClock()) as files:
        files.deliveries.record([DELIVERY, replace(DELIVERY, id="msg_2")])
        files.database.change("UPDATE deliveries SET recorded_at = 'noon' WHERE id = 'msg_2'")
    [line] = mend(tmp_path / DATABASE)
    assert "deliveries" in line
    with StateFiles(tmp_path, ManualClock()) as files:
        assert list(files.deliveries.of_project("p")) == [DELIVERY]
