"""Marks stay until every export has committed what they stand for."""

from datetime import timedelta

import pytest

from kili_export.changes.events.pending_changes import CHECK, REBUILD, RECONCILE
from tests.support.protocol_world import PROJECT, World


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    return world


def test_an_event_is_exported_and_its_mark_cleared(world: World) -> None:
    before = world.generations()
    window = world.submit("as_001", "second", left=0.4).window
    world.run(f"{PROJECT}-{window}")
    assert world.changes.held == {}
    assert world.generations() == {name: number + 1 for name, number in before.items()}
    assert world.kili.fetches[-1] == ("as_001",), "more was fetched than what changed"


def test_a_change_during_a_run_keeps_its_mark_and_gets_a_run(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    # The asset was read already; now it changes again, while the first change is published.
    world.submit("as_001", "third", left=0.5)
    answer = world.finish_run(name, planned, results, world.aggregate(planned, results))
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}, "the second change was lost"
    assert answer.cleared == 0
    assert answer.remaining == 1
    world.run_pending()
    assert world.changes.held == {}
    assert world.kili.fetches[-1] == ("as_001",)


def test_a_mark_renewed_right_before_it_is_cleared_stays(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)
    world.changes.interleaving.before("clear", lambda: world.marks.mark(PROJECT, "asset#as_001"))
    answer = world.finish_run(name, planned, results, exports)
    assert answer.cleared == 0
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}


def test_a_failed_export_keeps_every_mark(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    answer = world.finish_run(
        name, planned, results, world.aggregate(planned, results, broken=["yolo"])
    )
    assert answer.cleared == 0
    (mark,) = world.changes.marks(PROJECT)
    assert mark.attempts == 1
    assert mark.retry_at == world.clock.now() + timedelta(seconds=10)
    world.run_pending()
    assert world.changes.held == {}, "the retry did not publish the export that failed"
    assert world.generations() == {"raw": 2, "yolo": 2}


def test_a_failed_batch_keeps_the_marks_of_its_assets_alone(world: World) -> None:
    for number in range(4):
        window = world.submit(f"as_{number:03d}", "second", left=0.3).window
    name = f"{PROJECT}-{window}"
    planned = world.begin(name)
    results = world.convert(planned, lose=[0])
    answer = world.finish_run(name, planned, results, world.aggregate(planned, results))
    assert answer.cleared == 1
    assert world.changes.subjects(PROJECT) == {"asset#as_000", "asset#as_001", "asset#as_002"}
    world.run_pending()
    assert world.changes.held == {}


def test_a_quarantined_asset_stops_nobody_and_its_mark_is_done_with(world: World) -> None:
    world.kili.broken.add("as_001")
    world.submit("as_001", "second", left=0.3)
    world.submit("as_002", "second", left=0.3)
    world.run_pending()
    assert world.changes.held == {}
    quarantined = world.manifest("raw").quarantined
    assert [one.asset_id for one in quarantined] == ["as_001"]


def test_an_unanswered_export_counts_as_failed(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)[:1]
    assert world.finish_run(name, planned, results, exports).cleared == 0


def test_finishing_twice_does_no_harm(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    planned = world.begin(name)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)
    first = world.finish_run(name, planned, results, exports)
    # Meanwhile another execution took the project, and the same asset changed again.
    world.submit("as_001", "third", left=0.6)
    world.state.take(
        PROJECT, holder="arn:other", expires_at=world.clock.now(), seen=world.state.leases[PROJECT]
    )
    second = world.finish_run(name, planned, results, exports)
    assert first.cleared == 1
    assert second.cleared == 0
    assert world.state.leases[PROJECT].holder == "arn:other", "another's lease was given away"
    assert world.changes.subjects(PROJECT) == {"asset#as_001"}


def test_the_oldest_changes_go_first_and_the_rest_follow() -> None:
    world = World(marks_per_run=2)
    world.publish_everything()
    for number in (3, 0, 2):
        window = world.submit(f"as_{number:03d}", "second", left=0.3).window
        world.clock.advance(1)
    world.run(f"{PROJECT}-{window}")
    assert world.changes.subjects(PROJECT) == {"asset#as_002"}
    world.run_pending()
    assert world.changes.held == {}


@pytest.mark.parametrize("subject", [CHECK, REBUILD, RECONCILE])
def test_a_mark_of_the_whole_project_waits_for_all_exports(world: World, subject: str) -> None:
    world.kili.label("as_000", "unheard", left=0.7)
    world.marks.mark(PROJECT, subject)
    world.marks.mark(PROJECT, "asset#as_001")
    name = world.request_run(PROJECT)
    planned = world.begin(name)
    results = world.convert(planned)
    world.finish_run(name, planned, results, world.aggregate(planned, results, broken=["raw"]))
    assert subject in world.changes.subjects(PROJECT)
    world.run_pending()
    assert world.changes.held == {}


def test_an_export_that_fails_again_and_again_is_made_again(world: World) -> None:
    name = f"{PROJECT}-{world.submit('as_001', 'second', left=0.3).window}"
    for _ in range(4):
        planned = world.begin(name)
        results = world.convert(planned)
        failed = world.aggregate(planned, results, broken=["yolo"])
        answer = world.finish_run(name, planned, results, failed)
        assert answer.follow_up is not None
        name = answer.follow_up
    world.run_pending()
    assert world.changes.held == {}
    manifest = world.manifest("yolo")
    assert manifest.archive.generation == manifest.generation
    assert manifest.counts.assets == 4
