"""How one delivery fares: recorded, tried, repeated, given up."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_export.core.errors import InvalidConfiguration, Unavailable
from kili_export.machine.database import Database
from kili_export.machine.deliveries import SqliteDeliveries
from kili_export.notifications.deliveries import NO_RESULT, Delivery
from kili_export.notifications.notifier import Notifier
from tests.support.fakes import InMemoryObjects, ManualClock
from tests.support.notified import PROJECT, ScriptedSender, declare, endpoint, failed, published
from tests.support.receivers import SECRET

DAY = 86_400


class World:
    """A notifier with its outside."""

    def __init__(self, folder: Path) -> None:
        self.objects = InMemoryObjects()
        self.clock = ManualClock()
        self.sender = ScriptedSender()
        self.secrets = {"training": SECRET}
        self.database = Database(folder / "state.sqlite")
        self.store = SqliteDeliveries(self.database)
        self.chance = 1.0
        self.notifier = Notifier(
            self.objects, self.store, self.sender, self._secret, self.clock, lambda: self.chance
        )
        declare(self.objects, endpoint())

    def _secret(self, name: str) -> str:
        if name not in self.secrets:
            raise InvalidConfiguration(f"the secret {name} does not exist")
        return self.secrets[name]

    def recorded(self) -> Delivery:
        [delivery] = self.notifier.deliveries_of(published())
        self.store.record([delivery])
        return delivery

    def stored(self, delivery: Delivery) -> Delivery:
        found = self.store.get(PROJECT, delivery.id)
        assert found is not None
        return found

    def try_to_the_end(self, delivery: Delivery) -> list[float]:
        """Tries it whenever it is due. Answers after how many seconds each attempt was."""
        began = self.clock.now()
        tried = []
        while delivery.next_attempt_at is not None:
            self.clock.advance((delivery.next_attempt_at - self.clock.now()).total_seconds())
            tried.append((self.clock.now() - began).total_seconds())
            delivery = self.notifier.attempt(delivery)
        return tried


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def test_an_endpoint_gets_the_events_that_it_names(world: World) -> None:
    declare(
        world.objects,
        endpoint(events=["Removals Held"]),
        endpoint(name="all"),
        endpoint(name="published", events=["Export Published"]),
    )
    for event, named in (
        (published(), ["all", "published"]),
        (failed(), ["all"]),
        (failed(error="RemovalsHeld"), ["training", "all"]),
        (published(project_id="another"), []),
        (published(project_id=7), []),
        (published(project_id="../project1"), []),
    ):
        assert [one.endpoint for one in world.notifier.deliveries_of(event)] == named


def test_a_delivery_is_stored_as_begun_before_anything_is_sent(world: World) -> None:
    delivery = world.recorded()
    world.sender.script = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        world.notifier.attempt(delivery)
    left = world.stored(delivery)
    assert (left.state, left.attempts) == ("pending", 1)
    assert left.next_attempt_at is not None
    assert left.next_attempt_at > world.clock.now()
    assert world.notifier.attempt(left).state == "delivered"
    assert world.sender.ids == [delivery.id, delivery.id]


def test_nothing_is_sent_that_cannot_be_noted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise Unavailable("the disk is full")

    delivery = world.recorded()
    monkeypatch.setattr(SqliteDeliveries, "replace", full)
    with pytest.raises(Unavailable):
        world.notifier.attempt(delivery)
    assert world.sender.sent == []


def test_of_two_at_once_one_sends(world: World) -> None:
    delivery = world.recorded()
    world.notifier.attempt(delivery)
    assert world.notifier.attempt(delivery).state == "delivered"
    assert len(world.sender.sent) == 1


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_2xx_is_success(world: World, status: int) -> None:
    world.sender.script = [status]
    done = world.notifier.attempt(world.recorded())
    assert (done.state, done.status, done.next_attempt_at) == ("delivered", status, None)
    assert world.stored(done) == done


@pytest.mark.parametrize("status", [100, 301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_every_other_status_is_tried_again(world: World, status: int) -> None:
    world.sender.script = [status]
    done = world.notifier.attempt(world.recorded())
    assert (done.state, done.status, done.error) == ("pending", status, f"HTTP {status}")
    assert world.stored(done) == done


def test_waits_double_up_to_two_hours_and_the_last_try_is_after_a_day(world: World) -> None:
    world.sender.script = ["no answer"] * 100
    delivery = world.recorded()
    tried = world.try_to_the_end(delivery)
    waits = [after - before for before, after in itertools.pairwise(tried)]
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[11:-1] == [7200] * len(waits[11:-1])
    assert tried[-1] == DAY
    assert len(tried) == 23
    left = world.stored(delivery)
    assert (left.state, left.error) == ("failed", "no answer")


def test_waits_are_at_least_half(world: World) -> None:
    world.chance = 0.0
    world.sender.script = ["no answer"] * 100
    tried = world.try_to_the_end(world.recorded())
    assert tried[1:4] == [2.5, 7.5, 17.5]
    assert tried[-1] == DAY


def test_a_stack_that_was_down_for_two_days_tries_once_more(world: World) -> None:
    delivery = world.recorded()
    world.clock.advance(2 * DAY)
    world.sender.script = [500]
    assert world.notifier.attempt(delivery).state == "failed"
    assert len(world.sender.sent) == 1


def test_a_last_attempt_that_does_not_come_to_an_end_was_the_last(world: World) -> None:
    delivery = world.recorded()
    world.clock.advance(DAY)
    world.sender.script = [KeyboardInterrupt(), KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        world.notifier.attempt(delivery)
    assert world.stored(delivery).error == NO_RESULT
    done = world.notifier.attempt(world.stored(delivery))
    assert (done.state, done.error) == ("failed", "the last attempt did not come to an end")
    assert world.stored(delivery) == done
    again = world.notifier.retry(PROJECT, delivery.id)
    world.sender.script = []
    assert world.notifier.attempt(again).state == "delivered"


def test_an_endpoint_that_is_gone_gets_nothing_more_until_it_is_enabled(world: World) -> None:
    world.sender.script = [410]
    first = world.notifier.attempt(world.recorded())
    assert (first.state, first.status) == ("failed", 410)
    assert set(world.store.disabled(PROJECT)) == {"training"}
    [second] = world.notifier.deliveries_of(published(generation=4))
    world.store.record([second])
    refused = world.notifier.attempt(second)
    assert (refused.state, len(world.sender.sent)) == ("failed", 1)
    assert "410 Gone" in str(refused.error)
    again = world.notifier.retry(PROJECT, first.id)
    assert world.notifier.attempt(again).state == "delivered"
    assert world.store.disabled(PROJECT) == {}


def test_another_address_enables_an_endpoint(world: World) -> None:
    world.sender.script = [410]
    world.notifier.attempt(world.recorded())
    declare(world.objects, endpoint(url="https://b.example/hook"))
    [second] = world.notifier.deliveries_of(published(generation=4))
    world.store.record([second])
    assert world.notifier.attempt(second).state == "delivered"
    assert world.sender.sent[-1][0] == "https://b.example/hook"


def test_what_is_not_declared_any_more_is_given_up(world: World) -> None:
    delivery = world.recorded()
    declare(world.objects)
    assert world.notifier.attempt(delivery).error == "the endpoint is not declared any more"
    assert world.sender.sent == []


def test_a_secret_that_comes_later_is_used_then(world: World) -> None:
    del world.secrets["training"]
    first = world.notifier.attempt(world.recorded())
    assert (first.state, first.error) == ("pending", "the secret training does not exist")
    world.secrets["training"] = "no secret"
    second = world.notifier.attempt(first)
    assert second.state == "pending"
    assert "no secret" not in str(second.error)
    world.secrets["training"] = SECRET
    assert world.notifier.attempt(second).state == "delivered"


def test_slack_s_address_is_in_the_secret(world: World) -> None:
    declare(world.objects, {"name": "team", "secret": "team", "style": "slack"})
    world.secrets["team"] = "not an address"
    first = world.notifier.attempt(world.recorded())
    assert first.error == "the secret team holds no address"
    world.secrets["team"] = "https://hooks.slack.com/services/T1/B1/key"
    assert world.notifier.attempt(first).state == "delivered"
    [(url, headers, body)] = world.sender.sent
    assert url == world.secrets["team"]
    assert set(headers) == {"Content-Type"}
    assert body.startswith(b'{"text": "Export Published: project1/yolo')


def test_only_what_is_known_can_be_tried_again(world: World) -> None:
    with pytest.raises(InvalidConfiguration, match="no delivery 'msg_x'"):
        world.notifier.retry(PROJECT, "msg_x")
