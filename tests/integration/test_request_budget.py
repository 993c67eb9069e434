"""The budget of calls to Kili: what many workers take at once, and by which clock."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from moto import mock_aws

from kili_export.aws.dynamodb.rate_limit import DynamoRateLimits, budget_name
from kili_export.aws.dynamodb.table import Table
from kili_export.core.clock import SystemClock
from kili_export.core.rate_limit import HORIZON, SECOND, BudgetRules, BudgetStore
from kili_export.machine.database import Database
from kili_export.machine.rate_limit import SqliteRateLimits

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MakeWorker = Callable[..., BudgetStore]
TABLE = "budgets"
FAST = BudgetRules.per_minute(60_000)


@dataclass(slots=True)
class Atomic:
    """moto, with the atomic changes of an item that it lacks between threads."""

    client: "DynamoDBClient"
    turn: threading.Lock = field(default_factory=threading.Lock)
    writes: int = 0

    def update_item(self, **request: Any) -> Any:
        with self.turn:
            self.writes += 1
            return self.client.update_item(**request)

    def get_item(self, **request: Any) -> Any:
        with self.turn:
            return self.client.get_item(**request)


@dataclass(slots=True)
class Crowded:
    """A slow table where somebody else takes a place just before each of our changes."""

    atomic: Atomic
    other: DynamoRateLimits

    def update_item(self, **request: Any) -> Any:
        if request["UpdateExpression"].startswith("SET next_at = :next"):
            self.other.take(FAST, 1)
        time.sleep(5 * FAST.interval / SECOND)
        return self.atomic.update_item(**request)

    def get_item(self, **request: Any) -> Any:
        return self.atomic.get_item(**request)


@dataclass(slots=True)
class Skewed:
    """A clock that is wrong by so many seconds."""

    seconds: float

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody should wait {seconds} s")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Atomic]:
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
        yield Atomic(made)


def worker(client: Atomic, seconds: float = 0.0, secret: str = "kili") -> DynamoRateLimits:
    clock = Skewed(seconds) if seconds else SystemClock()
    return DynamoRateLimits(Table(cast("Any", client), TABLE), budget_name(secret), clock)


# Each process has a connection of its own, and so has each of these.
@pytest.fixture(params=["DynamoDB", "SQLite"])
def make_worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeWorker]:
    if request.param == "DynamoDB":
        client: Atomic = request.getfixturevalue("client")
        yield lambda secret="kili": worker(client, secret=secret)
        return
    made: list[Database] = []

    def make(secret: str = "kili") -> BudgetStore:
        made.append(Database(tmp_path / "state.sqlite"))
        return SqliteRateLimits(made[-1], secret, SystemClock())

    yield make
    for database in made:
        database.close()


def test_no_place_is_given_to_two_of_many_workers(make_worker: MakeWorker) -> None:
    workers = [make_worker() for _ in range(16)]

    def take(one: BudgetStore) -> list[int]:
        return [place for _ in range(12) for place in one.take(FAST, 3).places]

    with ThreadPoolExecutor(16) as threads:
        places = sorted(place for taken in threads.map(take, workers) for place in taken)
    assert len(places) == 16 * 12 * 3
    gaps = [later - earlier for earlier, later in pairwise(places)]
    assert min(gaps) >= FAST.interval, "places are nearer to each other than the budget allows"


def test_who_is_slower_than_the_others_gets_places_too(client: Atomic) -> None:
    crowded = DynamoRateLimits(
        Table(cast("Any", Crowded(client, worker(client))), TABLE),
        budget_name("kili"),
        SystemClock(),
    )
    assert len(crowded.take(FAST, 1).places) == 1


def test_taking_places_is_one_write_while_others_call_too(client: Atomic) -> None:
    rules = BudgetRules.per_minute(250)
    workers = [worker(client) for _ in range(2)]
    for one in workers:
        one.take(rules, 8)
    before = client.writes
    for one in workers * 3:
        assert len(one.take(rules, 8).places) == 8
    assert client.writes - before == 6


def test_when_too_many_are_taken_nothing_is_given_and_nothing_changes(
    make_worker: MakeWorker,
) -> None:
    rules = BudgetRules.per_minute(60)
    one = make_worker()
    while one.take(rules, 8).places:
        pass
    refused = one.take(rules, 8)
    assert refused.places == ()
    assert refused.state.next_at > one.now() + HORIZON - SECOND
    assert one.take(rules, 1).state == refused.state


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0, -86400.0 * 30, 86400.0 * 30])
def test_a_worker_with_a_wrong_clock_takes_places_like_the_others(
    client: Atomic, seconds: float
) -> None:
    right, wrong = worker(client), worker(client, seconds)
    first = wrong.take(FAST, 1).places[0]
    assert abs(first - right.now()) < 3 * SECOND
    assert right.take(FAST, 1).places[0] - first < 3 * SECOND
    assert abs(wrong.now() - right.now()) < 2 * SECOND


def test_a_pause_holds_for_everybody_and_is_only_made_longer(make_worker: MakeWorker) -> None:
    one, other = make_worker(), make_worker()
    one.take(FAST, 1)
    until = one.now() + 10 * SECOND
    one.pause(until)
    one.pause(until - 5 * SECOND)
    assert other.resume_at() == until
    taken = other.take(FAST, 2)
    assert taken.places == (until, until + FAST.interval)
    assert taken.state.resume_at == until


def test_a_pause_may_come_before_the_first_call(make_worker: MakeWorker) -> None:
    one = make_worker()
    until = one.now() + 10 * SECOND
    one.pause(until)
    assert make_worker().take(FAST, 1).places == (until,)


def test_a_pause_is_not_lost_when_places_are_taken_meanwhile(make_worker: MakeWorker) -> None:
    workers = [make_worker() for _ in range(8)]
    until = workers[0].now() + 15 * SECOND
    with ThreadPoolExecutor(8) as threads:
        taking = [threads.submit(one.take, FAST, 1) for one in workers]
        workers[0].pause(until)
        for one in taking:
            one.result()
    assert workers[1].resume_at() == until
    assert workers[1].take(FAST, 1).places[0] >= until


def test_keys_have_budgets_of_their_own(make_worker: MakeWorker) -> None:
    make_worker().pause(2**50)
    assert make_worker(secret="another").resume_at() == 0


def test_keys_have_budgets_of_their_own_and_are_not_in_the_table(client: Atomic) -> None:
    worker(client).pause(2**50)
    assert worker(client, secret="another").resume_at() == 0
    items = client.client.scan(TableName=TABLE)["Items"]
    assert [item["pk"]["S"] for item in items] == [budget_name("kili")]
    assert "kili" not in budget_name("kili").removeprefix("kili-budget#")
