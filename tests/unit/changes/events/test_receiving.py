"""Who may tell of changes, which of them count, and what that costs."""

import hmac
import json
from datetime import timedelta

import pytest

from kili_export.changes.events.change_events import Action
from kili_export.changes.events.pending_changes import REBUILD, RECONCILE
from kili_export.changes.events.receive_event import Accepted
from kili_export.core.bucket_layout import registration_key
from kili_export.core.errors import InvalidEvent, Throttled, Unauthorized, Unavailable
from kili_export.registration.parse_registration import parse_registration
from tests.support.protocol_world import PROJECT, SECRET, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("wrong", [None, "", "wrong", SECRET + "x", SECRET[:-1], "\ud800", "é"])
def test_a_wrong_secret_is_refused_and_nothing_stored(world: World, wrong: str | None) -> None:
    with pytest.raises(Unauthorized):
        world.post("as_000", authorization=wrong)
    assert world.changes.held == {}


def test_an_empty_secret_matches_nothing(world: World) -> None:
    world.secrets.secrets = ("", SECRET)
    with pytest.raises(Unauthorized):
        world.post("as_000", authorization="")


def test_during_a_rotation_both_secrets_are_accepted(world: World) -> None:
    world.secrets.secrets = ("new", SECRET)
    assert world.post("as_000").accepted == 1
    assert world.post("as_000", authorization="new").accepted == 1


def test_a_new_secret_works_at_once_and_strangers_cost_no_more_reads(world: World) -> None:
    world.post("as_000")
    world.clock.advance(6)
    world.secrets.secrets = ("new",)
    assert world.post("as_000", authorization="new").accepted == 1
    reads = world.secrets.reads
    for _ in range(100):
        with pytest.raises(Unauthorized):
            world.post("as_000", authorization="guess")
    assert world.secrets.reads == reads


def test_a_secret_that_was_taken_back_is_refused_after_five_minutes(world: World) -> None:
    world.post("as_000")
    world.secrets.secrets = ("new",)
    world.clock.advance(301)
    with pytest.raises(Unauthorized):
        world.post("as_000")


def test_while_secrets_cannot_be_read_the_remembered_one_serves_on(world: World) -> None:
    world.post("as_000")
    world.secrets.are_down = True
    for _ in range(20):
        world.clock.advance(299)
        assert world.post("as_000").accepted == 1
    with pytest.raises(Unavailable):
        world.post("as_000", authorization="a new one, or a stranger's")
    reads = world.secrets.reads
    for _ in range(100):
        world.post("as_000")
        with pytest.raises(Unavailable):
            world.post("as_000", authorization="guess")
    assert world.secrets.reads == reads
    world.secrets.are_down, world.secrets.secrets = False, ("new",)
    world.clock.advance(6)
    assert world.post("as_000", authorization="new").accepted == 1
    with pytest.raises(Unauthorized):
        world.post("as_000")


def test_without_any_secret_read_yet_the_sender_is_to_try_again(world: World) -> None:
    world.secrets.are_down = True
    with pytest.raises(Unavailable):
        world.post("as_000")
    world.secrets.are_down = False
    world.clock.advance(6)
    assert world.post("as_000").accepted == 1


def test_secrets_are_compared_in_constant_time_and_nothing_else_decides(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.secrets.secrets = ("new", SECRET)
    compared: list[tuple[bytes, bytes]] = []

    def none_is_equal(given: bytes, secret: bytes) -> bool:
        compared.append((given, secret))
        return False

    monkeypatch.setattr(hmac, "compare_digest", none_is_equal)
    with pytest.raises(Unauthorized):
        world.post("as_000")
    sent = SECRET.encode()
    assert compared == [(sent, b"new"), (sent, sent)]

    monkeypatch.setattr(hmac, "compare_digest", lambda given, _secret: given == b"anything")
    assert world.post("as_000", authorization="anything").accepted == 1


@pytest.mark.parametrize(
    ("event", "action", "subject"),
    [
        ("label.workflow.created.default", Action.EXPORT_ASSET, "asset#as_000"),
        ("asset.deleted", Action.REMOVE_ASSET, "asset#as_000"),
        ("project.interface.updated", Action.REBUILD, REBUILD),
        ("assetStorage.connection.data.synchronized", Action.RECONCILE, RECONCILE),
    ],
)
def test_each_action_has_its_mark(world: World, event: str, action: Action, subject: str) -> None:
    answer = world.post("as_000", event=event)
    assert (answer.accepted, answer.action) == (1, action)
    assert world.changes.subjects(PROJECT) == {subject}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("no.such.event", "unknown event"),
        ("project.archived", "project closed"),
        ("asset.workflow.assigned", "no export filters on it"),
    ],
)
def test_what_changes_no_export_is_not_stored_and_says_why(
    world: World, event: str, reason: str
) -> None:
    answer = world.post("as_000", event=event)
    assert (answer.accepted, answer.reason) == (0, reason)
    assert world.changes.held == {}
    assert world.workflow.started == {}


def test_a_project_without_exports_is_accepted_and_ignored(world: World) -> None:
    world.objects.delete([registration_key(PROJECT)])
    answer = world.post("as_000")
    assert (answer.accepted, answer.reason) == (0, "project not registered")


def test_a_registration_works_at_once_although_its_project_was_unknown(world: World) -> None:
    world.objects.delete([registration_key(PROJECT)])
    assert world.post("as_000").accepted == 0
    world.register(raw="kili")
    assert world.post("as_000").accepted == 1


def test_a_flood_of_unknown_projects_does_not_cost_a_request_each(world: World) -> None:
    world.objects.delete([registration_key(PROJECT)])
    world.objects.requests.clear()
    for _ in range(500):
        world.post("as_000")
    assert len(world.objects.requests) <= 20
    world.clock.advance(10)
    world.register(raw="kili")
    assert world.post("as_000").accepted == 1


def register_many(world: World, count: int) -> list[str]:
    for number in range(count):
        declared = {"project_id": f"many{number}", "exports": [{"format": "kili"}]}
        world.objects.put(
            registration_key(f"many{number}"), parse_registration(declared).to_bytes()
        )
    return [f"many{number}" for number in range(count)]


def post_to(world: World, project_id: str) -> Accepted:
    event = {"event": "asset.deleted", "projectId": project_id, "payload": {"assetId": "as_000"}}
    return world.receive(json.dumps(event).encode(), SECRET)


def test_no_event_of_many_registered_projects_is_dropped_by_a_process_that_just_began(
    world: World,
) -> None:
    left, attempts = register_many(world, 60), 0
    while left:
        attempts += 1
        assert attempts < 10, f"never taken: {left}"
        for project_id in tuple(left):
            try:
                assert post_to(world, project_id).accepted == 1, "it was dropped"
                left.remove(project_id)
            except Throttled:
                assert len(left) <= 60 - 20, "the budget was not used"
        world.clock.advance(5)
    assert all(world.changes.subjects(f"many{number}") for number in range(60))


def test_strangers_with_made_up_projects_make_no_event_of_another_vanish(world: World) -> None:
    register_many(world, 1)
    world.objects.requests.clear()
    refused = 0
    for number in range(500):
        try:
            assert post_to(world, f"made_up{number}").accepted == 0
        except Throttled:
            refused += 1
    assert refused == 480
    assert len(world.objects.requests) == 20
    with pytest.raises(Throttled):
        post_to(world, "many0")
    world.clock.advance(5)
    assert post_to(world, "many0").accepted == 1


def test_a_known_project_is_read_once_a_minute(world: World) -> None:
    world.objects.requests.clear()
    for _ in range(59):
        world.post("as_000")
        world.clock.advance(1)
    assert len(world.objects.requests) == 1


def test_a_label_type_that_an_export_just_began_to_hold_is_not_ignored(world: World) -> None:
    prediction = "label.workflow.created.prediction"
    assert world.post("as_000", event=prediction).accepted == 0
    world.register(raw={"format": "kili", "label_type_in": ["PREDICTION"]})
    world.clock.advance(3)
    assert world.post("as_000", event=prediction).accepted == 1


def test_an_event_of_a_project_that_was_just_unregistered_is_ignored(world: World) -> None:
    assert world.post("as_000").accepted == 1
    del world.objects.stored[registration_key(PROJECT)]
    world.clock.advance(3)
    assert world.post("as_000", event="label.workflow.created.prediction").accepted == 0


def test_a_bucket_that_does_not_answer_does_not_stop_events_of_known_projects(
    world: World,
) -> None:
    refused = []

    def down() -> None:
        refused.append(world.clock.now())
        raise Unavailable("S3 cannot be reached")

    world.post("as_000")
    world.clock.advance(61)
    for _ in range(2):
        world.objects.interleaving.before("get", down)
        assert world.post("as_001").accepted == 1
    assert len(refused) == 2, "the bucket was not asked"
    assert "asset#as_001" in world.changes.subjects(PROJECT)


def test_a_store_that_does_not_answer_is_told_to_the_sender(world: World) -> None:
    def down() -> None:
        raise Unavailable("DynamoDB cannot be reached")

    world.changes.interleaving.before("mark", down)
    with pytest.raises(Unavailable):
        world.post("as_000")
    assert world.workflow.started == {}, "a run was started for nothing"


def test_a_broken_body_is_refused_with_the_field(world: World) -> None:
    with pytest.raises(InvalidEvent) as refused:
        world.receive(json.dumps({"event": "label.workflow.edited"}).encode(), SECRET)
    assert refused.value.field == "projectId"


def test_strangers_learn_nothing_of_what_a_body_lacks(world: World) -> None:
    with pytest.raises(Unauthorized):
        world.receive(b"not json", "wrong")


def test_the_first_event_of_many_counts_for_freshness(world: World) -> None:
    first = world.clock.now()
    world.post("as_000", "label_1")
    world.clock.advance(30)
    world.post("as_000", "label_2")
    (mark,) = world.changes.marks(PROJECT)
    assert mark.first_event_at == first
    assert mark.last_event_at == first + timedelta(seconds=30)
    assert mark.label_ids == {"label_1", "label_2"}
