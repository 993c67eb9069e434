"""One execution publishes a project at a time, and none of them dies with it."""

from datetime import timedelta

import pytest

from kili_export.archives.ledger.ledger_reader import iter_known_assets
from kili_export.core.errors import AccessDenied
from kili_export.runs.messages import PlanRequest
from tests.support.protocol_world import PROJECT, World, arn


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    return world


def change(world: World, number: int, left: float) -> str:
    """A change in a window of its own. Answers its execution's name."""
    world.clock.advance(60)
    return f"{PROJECT}-{world.submit(f'as_{number:03d}', f'label_{left}', left).window}"


def test_who_finds_the_lease_taken_ends_quietly(world: World) -> None:
    first = change(world, 0, 0.3)
    planned = world.begin(first)
    second = change(world, 1, 0.4)
    told = len(world.publisher.sent)
    assert world.begin(second).status == "busy"
    assert len(world.publisher.sent) == told
    assert world.state.leases[PROJECT].holder == arn(first)
    world.end(first, planned)


def test_a_mark_whose_execution_found_the_lease_taken_gets_a_follow_up(world: World) -> None:
    first = change(world, 0, 0.3)
    planned = world.begin(first)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)

    def too_late() -> None:
        # At the last moment: the marks were cleared, the lease is still held.
        assert world.begin(change(world, 1, 0.4)).status == "busy"

    world.state.interleaving.before("release", too_late)
    answer = world.finish_run(first, planned, results, exports)
    assert answer.follow_up is not None, "the change waits for the next event or the sweep"
    assert answer.follow_up.endswith(f"-f{world.state.leases[PROJECT].token}")
    world.run_pending()
    assert world.changes.held == {}


def test_an_idle_plan_looks_for_marks_again_after_it_released(world: World) -> None:
    world.workflow.start("quiet", {"not_before": world.clock.now().isoformat()})

    def too_late() -> None:
        assert world.begin(change(world, 1, 0.4)).status == "busy"

    world.state.interleaving.before("release", too_late)
    assert world.begin("quiet").status == "idle"
    world.run_pending()
    assert world.changes.held == {}


def test_the_lease_is_taken_over_only_from_an_execution_that_does_not_run(world: World) -> None:
    first, second, third = change(world, 0, 0.3), change(world, 1, 0.4), change(world, 2, 0.5)
    world.begin(first)
    token = world.state.leases[PROJECT].token
    world.clock.advance(3600)
    assert world.begin(second).status == "busy", "a running holder was robbed"
    world.workflow.running.discard(arn(first))
    assert world.begin(third).status == "run"
    assert world.state.leases[PROJECT].token == token + 1


def test_a_young_lease_is_not_questioned(world: World) -> None:
    # DescribeExecution is eventually consistent: an execution that has just begun may be unknown.
    world.begin(change(world, 0, 0.3))
    world.workflow.running.clear()
    assert world.begin(world.request_run(PROJECT)).status == "busy"


def test_of_two_that_take_a_free_lease_one_gets_it(world: World) -> None:
    first, second = change(world, 0, 0.3), change(world, 1, 0.4)
    statuses: list[str] = []
    world.state.interleaving.before("take", lambda: statuses.append(world.begin(second).status))
    statuses.append(world.begin(first).status)
    assert statuses == ["run", "busy"]


def test_a_plan_that_is_tried_again_keeps_its_lease(world: World) -> None:
    first = change(world, 0, 0.3)
    world.begin(first)
    lease = world.state.leases[PROJECT]
    again = world.plan(PlanRequest(project_id=PROJECT, execution_arn=arn(first)))
    assert again.status == "run"
    assert world.state.leases[PROJECT] == lease


def test_a_run_that_lost_its_lease_publishes_nothing(world: World) -> None:
    first, second = change(world, 0, 0.3), change(world, 1, 0.4)
    stale = world.begin(first)
    results = world.convert(stale)
    world.workflow.running.discard(arn(first))
    world.clock.advance(61)
    world.end(second, world.begin(second))
    published = world.generations()
    # The first one was only slow, and goes on.
    exports = world.aggregate(stale, results)
    assert {answer.error for answer in exports} == {"ConflictError"}
    world.finish_run(first, stale, results, exports)
    assert world.generations() == published


@pytest.mark.parametrize("commits", ["after the end", "after the plan", "before the plan"])
def test_a_run_that_lost_its_lease_is_shut_out_though_nothing_changed(
    world: World, commits: str
) -> None:
    before = world.kili.assets["as_000"]
    world.clock.advance(60)
    world.kili.label("as_000", "extra", 0.9)
    first = f"{PROJECT}-{world.post('as_000').window}"
    stale = world.begin(first)
    results = world.convert(stale)
    world.kili.assets["as_000"] = before  # The label is deleted again: no event announces it.
    world.workflow.running.discard(arn(first))
    world.clock.advance(61)
    if commits == "before the plan":
        assert {one.status for one in world.aggregate(stale, results)} == {"committed"}
    second = f"{PROJECT}-{world.post('as_000').window}"
    planned = world.begin(second)
    if commits == "after the plan":
        exports = world.aggregate(stale, results)
        assert {one.error for one in exports} == {"ConflictError"}
    world.end(second, planned)
    if commits == "after the end":
        exports = world.aggregate(stale, results)
        assert {one.error for one in exports} == {"ConflictError"}
        world.finish_run(first, stale, results, exports)
    known = dict(iter_known_assets(world.objects, world.manifest("raw")))
    assert known["as_000"] == before.fingerprint
    assert world.changes.held == {}


def test_shutting_out_costs_nothing_where_nobody_died(world: World) -> None:
    stored = {key: found[1].etag for key, found in world.objects.stored.items()}
    world.begin(change(world, 0, 0.3))
    after = {key: world.objects.stored[key][1].etag for key in stored if "manifest" in key}
    assert after.items() <= stored.items()
    assert world.manifest("raw").fence == 0


def test_a_failed_run_gives_the_lease_back_keeps_the_marks_and_tells(world: World) -> None:
    first = change(world, 0, 0.3)
    planned = world.begin(first)
    answer = world.fail(first, planned, error="States.Timeout")
    assert world.state.leases[PROJECT].holder is None
    assert answer.follow_up is None, "a failure must not try again at once"
    (mark,) = world.changes.marks(PROJECT)
    assert mark.attempts == 1
    (told,) = world.told("Export Failed")
    assert told["error"] == "States.Timeout"
    assert told["run_id"] == planned.run_id


def test_what_came_during_a_failed_run_does_not_wait_for_the_sweep(world: World) -> None:
    first = change(world, 0, 0.3)
    planned = world.begin(first)
    assert world.begin(change(world, 1, 0.4)).status == "busy"
    assert world.fail(first, planned).follow_up is not None


def test_a_plan_that_failed_gives_the_lease_back(world: World) -> None:
    first = change(world, 0, 0.3)
    world.kili.visible = False
    with pytest.raises(AccessDenied):
        world.begin(first)
    assert world.state.leases[PROJECT].holder is None
    assert world.changes.subjects(PROJECT) == {"asset#as_000"}
    assert [told["error"] for told in world.told("Export Failed")] == ["AccessDenied"]


def test_failing_marks_rest_longer_each_time(world: World) -> None:
    first = change(world, 0, 0.3)
    rests: list[timedelta] = []
    for number in range(4):
        name = first if number == 0 else world.request_run(PROJECT)
        world.fail(name, world.begin(name))
        retry_at = world.changes.held[PROJECT, "asset#as_000"].retry_at
        assert retry_at is not None
        rests.append(retry_at - world.clock.now())
    assert rests == sorted(set(rests)), f"not growing: {rests}"


def test_the_uploads_of_a_run_that_died_are_ended(world: World) -> None:
    left = f"exports/{PROJECT}/raw/archives/00000009-dead.zip"
    others = "exports/other/raw/archives/00000001-alive.zip"
    world.objects.uploads |= {left, others}
    world.begin(change(world, 0, 0.3))
    assert world.objects.uploads == {others}


def test_who_does_not_hold_the_project_ends_nobodys_uploads(world: World) -> None:
    first, second = change(world, 0, 0.3), change(world, 1, 0.4)
    world.begin(first)
    upload = f"exports/{PROJECT}/raw/archives/00000009-alive.zip"
    world.objects.uploads.add(upload)
    assert world.begin(second).status == "busy"
    assert world.objects.uploads == {upload}
