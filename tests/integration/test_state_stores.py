"""Marks and project state keep the conditions that the protocol rests on, in every store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from kili_export.aws.dynamodb.change_store import DynamoChangeStore
from kili_export.aws.dynamodb.project_state import DynamoProjectState
from kili_export.aws.dynamodb.table import Table
from kili_export.changes.events.pending_changes import (
    MOST_LABELS,
    REBUILD,
    PendingChange,
    PendingChangeStore,
    asset_subject,
)
from kili_export.changes.events.replay_events import EventsCursor
from kili_export.core.errors import InvalidConfiguration, Throttled, Unavailable
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
from kili_export.machine.project_state import SqliteProjectState
from kili_export.runs.held_removals import HeldRemovals
from tests.support.fakes import NOON, InMemoryChanges, InMemoryProjectState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

State = DynamoProjectState | SqliteProjectState | InMemoryProjectState
PROJECT, TABLE = "project1", "marks"
ASSET = asset_subject("as_000")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator["DynamoDBClient"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        made = boto3.client("dynamodb", region_name="us-east-1")
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        yield made


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "state.sqlite")
    yield made
    made.close()


def _nothing() -> None:
    """Nothing has to come to the disk here."""


# The fake must keep the very rules that the stores keep, or the protocol's tests prove nothing.
STORES = ["DynamoDB", "SQLite", "the fake"]


@pytest.fixture(params=STORES)
def changes(request: pytest.FixtureRequest) -> PendingChangeStore:
    match request.param:
        case "DynamoDB":
            return DynamoChangeStore(Table(request.getfixturevalue("client"), TABLE))
        case "SQLite":
            return SqliteChangeStore(request.getfixturevalue("database"), _nothing)
        case _:
            return InMemoryChanges()


@pytest.fixture(params=STORES)
def state(request: pytest.FixtureRequest) -> State:
    match request.param:
        case "DynamoDB":
            return DynamoProjectState(Table(request.getfixturevalue("client"), TABLE))
        case "SQLite":
            return SqliteProjectState(request.getfixturevalue("database"))
        case _:
            return InMemoryProjectState()


def only(changes: PendingChangeStore) -> PendingChange:
    (mark,) = changes.marks(PROJECT)
    return mark


def test_a_mark_is_read_as_it_was_stored(changes: PendingChangeStore) -> None:
    changes.mark(PROJECT, ASSET, version="v1", at=NOON, label_id="label_1")
    assert only(changes) == PendingChange(
        PROJECT, ASSET, "v1", NOON, NOON, label_ids=frozenset({"label_1"})
    )


def test_storing_a_mark_again_keeps_the_first_time_and_earlier_labels(
    changes: PendingChangeStore,
) -> None:
    later = NOON + timedelta(seconds=30)
    changes.mark(PROJECT, ASSET, version="v1", at=NOON, label_id="label_1")
    changes.postpone([(only(changes), later)])
    changes.mark(PROJECT, ASSET, version="v2", at=later, label_id="label_2")
    changes.mark(PROJECT, ASSET, version="v3", at=later)
    assert only(changes) == PendingChange(
        PROJECT, ASSET, "v3", NOON, later, label_ids=frozenset({"label_1", "label_2"})
    )


def test_a_mark_that_was_renewed_is_not_cleared(changes: PendingChangeStore) -> None:
    changes.mark(PROJECT, ASSET, version="v1", at=NOON)
    read = only(changes)
    changes.mark(PROJECT, ASSET, version="v2", at=NOON)
    assert changes.clear([read]) == 0
    assert only(changes).version == "v2"


def test_a_mark_is_cleared_once(changes: PendingChangeStore) -> None:
    changes.mark(PROJECT, ASSET, version="v1", at=NOON)
    read = only(changes)
    assert changes.clear([read]) == 1
    assert changes.clear([read]) == 0
    assert list(changes.marks(PROJECT)) == []


def test_attempts_are_counted_on_the_version_that_was_read(changes: PendingChangeStore) -> None:
    until = NOON + timedelta(minutes=1)
    changes.mark(PROJECT, ASSET, version="v1", at=NOON)
    read = only(changes)
    assert changes.postpone([(read, until)]) == 1
    assert changes.postpone([(read, until)]) == 1
    assert (only(changes).attempts, only(changes).retry_at) == (2, until)
    changes.mark(PROJECT, ASSET, version="v2", at=NOON)
    assert changes.postpone([(read, until)]) == 0
    assert (only(changes).attempts, only(changes).retry_at) == (0, None)


def test_postponing_what_was_cleared_brings_nothing_back(changes: PendingChangeStore) -> None:
    changes.mark(PROJECT, ASSET, version="v1", at=NOON)
    read = only(changes)
    changes.clear([read])
    assert changes.postpone([(read, NOON)]) == 0
    assert list(changes.marks(PROJECT)) == []


def test_every_mark_of_a_project_and_none_of_another_is_read(changes: PendingChangeStore) -> None:
    subjects = {asset_subject(f"as_{number:03d}") for number in range(60)} | {REBUILD}
    for subject in subjects:
        changes.mark(PROJECT, subject, version="v", at=NOON)
    changes.mark("project10", ASSET, version="v", at=NOON)
    assert {mark.subject for mark in changes.marks(PROJECT)} == subjects
    assert changes.clear(list(changes.marks(PROJECT))) == 61


def test_marks_are_spread_over_partitions_and_never_expire(client: "DynamoDBClient") -> None:
    changes = DynamoChangeStore(Table(client, TABLE))
    for number in range(100):
        subject = asset_subject(f"as_{number:03d}")
        changes.mark(PROJECT, subject, version="v", at=NOON, label_id="l")
    items = client.scan(TableName=TABLE)["Items"]
    assert len({item["pk"]["S"] for item in items}) == 8
    assert not [item for item in items if "expires" in item]


def test_more_marks_than_a_page_holds_are_all_read(client: "DynamoDBClient") -> None:
    table = Table(client, TABLE)
    for number in range(30):
        # A page ends at a megabyte.
        table.update("big", f"{number:03d}", "SET filling = :f", {":f": "x" * 100_000})
    assert sum(1 for _ in table.query("big")) == 30


@pytest.mark.parametrize("changes", ["DynamoDB", "SQLite"], indirect=True)
def test_a_flood_of_labels_on_one_asset_forgets_neither_the_first_nor_the_last(
    changes: PendingChangeStore,
) -> None:
    for number in range(50):
        changes.mark(PROJECT, ASSET, version=f"v{number}", at=NOON, label_id=f"label_{number:02d}")
    mark = only(changes)
    assert mark.version == "v49"
    assert {"label_00", "label_49"} <= mark.label_ids
    assert len(mark.label_ids) == MOST_LABELS + 1


def test_the_lease_goes_to_one_and_its_token_grows_for_ever(state: State) -> None:
    first = state.take(PROJECT, holder="a", expires_at=NOON, seen=None)
    assert first is not None
    assert state.take(PROJECT, holder="b", expires_at=NOON, seen=None) is None
    assert state.read(PROJECT) == first
    assert state.release(first, announced=True)
    free = state.read(PROJECT)
    assert free is not None
    assert (free.token, free.holder) == (1, None)
    second = state.take(PROJECT, holder="b", expires_at=NOON, seen=free)
    assert second is not None
    assert second.token == 2


def test_of_two_that_saw_the_same_lease_one_gets_it(state: State) -> None:
    seen = state.take(PROJECT, holder="dead", expires_at=NOON, seen=None)
    assert state.take(PROJECT, holder="a", expires_at=NOON, seen=seen) is not None
    assert state.take(PROJECT, holder="b", expires_at=NOON, seen=seen) is None


def test_only_the_holder_with_its_token_gives_the_lease_back(state: State) -> None:
    first = state.take(PROJECT, holder="a", expires_at=NOON, seen=None)
    assert first is not None
    second = state.take(PROJECT, holder="b", expires_at=NOON, seen=first)
    assert second is not None
    assert not state.release(first, announced=True)
    assert state.read(PROJECT) == second
    assert state.release(second, announced=True)
    assert not state.release(second, announced=True)


def test_a_window_is_started_once_that_is_recorded(state: State) -> None:
    assert not state.is_started(PROJECT, 7)
    for _ in range(2):
        state.record_started(PROJECT, 7, expires=datetime.now(UTC) + timedelta(days=1))
    assert state.is_started(PROJECT, 7)
    assert not state.is_started(PROJECT, 8)
    assert not state.is_started("another", 7)


def test_a_lease_tells_up_to_which_holder_consumers_were_told(state: State) -> None:
    first = state.take(PROJECT, holder="a", expires_at=NOON, seen=None)
    assert first is not None
    assert state.release(first, announced=True)
    settled = state.read(PROJECT)
    assert settled is not None
    assert (settled.announced_up_to, settled.is_settled) == (1, True)
    second = state.take(PROJECT, holder="b", expires_at=NOON, seen=settled)
    assert second is not None
    assert state.release(second, announced=False)
    unsettled = state.read(PROJECT)
    assert unsettled is not None
    assert (unsettled.token, unsettled.announced_up_to, unsettled.is_settled) == (2, 1, False)


def test_windows_are_recorded_with_an_end_to_the_record(client: "DynamoDBClient") -> None:
    state = DynamoProjectState(Table(client, TABLE))
    assert not state.is_started(PROJECT, 7)
    state.record_started(PROJECT, 7, expires=NOON)
    assert state.is_started(PROJECT, 7)
    assert not state.is_started(PROJECT, 8)
    (item,) = client.scan(TableName=TABLE)["Items"]
    assert item["expires"] == {"N": str(int(NOON.timestamp()))}


def test_held_removals_wait_until_they_are_confirmed(state: State) -> None:
    assert state.held(PROJECT) is None
    held = HeldRemovals(PROJECT, "run1", 5, NOON, frozenset({"raw", "yolo"}))
    state.hold(held)
    assert state.held(PROJECT) == held
    fewer = HeldRemovals(PROJECT, "run2", 4, NOON, failed=3)
    state.hold(fewer)
    assert state.held(PROJECT) == fewer
    state.confirm(PROJECT, 4)
    assert state.held(PROJECT) is None
    assert state.confirmed(PROJECT) == 4
    state.settle(PROJECT, 3)
    assert state.confirmed(PROJECT) == 4, "a permission that nobody used was ended"
    state.settle(PROJECT, 4)
    assert state.confirmed(PROJECT) == 0


def test_what_waits_can_be_dropped(state: State) -> None:
    state.hold(HeldRemovals(PROJECT, "run1", 5, NOON))
    state.drop(PROJECT)
    assert state.held(PROJECT) is None
    assert state.confirmed(PROJECT) == 0


def test_the_cursor_stays_where_it_was_moved(state: State) -> None:
    assert state.cursor(PROJECT) is None
    state.move(PROJECT, EventsCursor("e1", "2026-01-01"))
    state.move(PROJECT, EventsCursor("e2", "2026-01-02"))
    assert state.cursor(PROJECT) == EventsCursor("e2", "2026-01-02")
    state.move(PROJECT, EventsCursor("e3", "2026-01-03", thorough=True))
    assert state.cursor(PROJECT) == EventsCursor("e3", "2026-01-03", thorough=True)


def test_a_table_that_does_not_exist_is_told_as_a_setting(client: "DynamoDBClient") -> None:
    changes = DynamoChangeStore(Table(client, "no-such-table"))
    with pytest.raises(InvalidConfiguration):
        changes.mark(PROJECT, ASSET, version="v", at=NOON)


def test_every_read_is_strongly_consistent(client: "DynamoDBClient") -> None:
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    for operation in ("GetItem", "Query"):
        client.meta.events.register(f"provide-client-params.dynamodb.{operation}", note)
    table = Table(client, TABLE)
    list(DynamoChangeStore(table).marks(PROJECT))
    DynamoProjectState(table).read(PROJECT)
    DynamoProjectState(table).is_started(PROJECT, 1)
    assert len(asked) == 11
    assert all(params["ConsistentRead"] for params in asked)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ProvisionedThroughputExceededException", 400, Throttled),
        ("ThrottlingException", 400, Throttled),
        ("InternalServerError", 500, Unavailable),
    ],
)
def test_a_service_that_cannot_is_told_as_passing(
    client: "DynamoDBClient", code: str, status: int, expected: type[Exception]
) -> None:
    class Answer:
        status_code = status
        headers: dict[str, str] = {}  # noqa: RUF012
        content = b""

    def failing(**_: Any) -> Any:
        body = {
            "Error": {"Code": code, "Message": "no"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        return Answer(), body

    client.meta.events.register("before-call.dynamodb.UpdateItem", failing)
    with pytest.raises(expected):
        DynamoChangeStore(Table(client, TABLE)).mark(PROJECT, ASSET, version="v", at=NOON)
