"""A small run is made whole by the invocation that plans it, and by the workflow where it fails."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kili_export.core.bucket_layout import latest_key
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    FinishAnswer,
    PlanAnswer,
)
from kili_export.storage.object_store import ObjectStore
from tests.support.fakes import Interleaving
from tests.support.protocol_world import PROJECT, World, arn

ASSETS = ("as_000", "as_001")


class Crash(BaseException):
    """The process ends."""


@dataclass(slots=True)
class CrashAt(Interleaving):
    """Ends the process instead of the request of this number."""

    remaining: int = 0

    def reach(self, step: str) -> None:
        self.remaining -= 1
        if self.remaining == 0:
            raise Crash
        Interleaving.reach(self, step)


def published(**settings: Any) -> World:
    world = World(**settings)
    world.publish_everything()
    return world


def change(world: World, *assets: str) -> str:
    """Labels assets. Answers the name of the execution that waits for them."""
    for asset_id in assets:
        world.submit(asset_id, f"second_{asset_id}", 0.3)
    [name] = world.pending()
    return name


def change_two(world: World) -> str:
    """As `change`."""
    return change(world, *ASSETS)


def declare_otherwise(world: World) -> str:
    """Declares an export with other options. Answers the name of the execution that is to come."""
    world.register(**{**world.exports, "raw": {"format": "kili", "single_file": True}})
    world.request_run(PROJECT)
    [name] = world.pending()
    return name


def keys_of_runs(world: World) -> set[str]:
    return {key for key in world.objects.stored if key.startswith("runs/")}


def contents(world: World) -> dict[str, dict[str, bytes]]:
    return {export: world.files(export) for export in world.exports}


def expected(cause: Callable[[World], str] = change_two) -> dict[str, dict[str, bytes]]:
    """What the workflow's single steps make of the same change."""
    world = published()
    world.run(cause(world))
    return contents(world)


def assert_copies_are_current(world: World) -> None:
    for export in world.exports:
        copy, _ = world.objects.stored[latest_key(PROJECT, export)]
        archive, _ = world.objects.stored[world.manifest(export).archive.key]
        assert copy == archive


def test_a_small_run_is_whole_and_leaves_no_working_files() -> None:
    world = published()
    name, before = change(world, *ASSETS), keys_of_runs(world)

    answer = world.run_short(name)

    assert answer.status == "done"
    assert answer.finished is not None
    assert [one.status for one in answer.finished.exports] == ["committed", "committed"]
    assert (answer.finished.cleared, answer.finished.converted) == (2, 2)
    assert not world.changes.held
    assert keys_of_runs(world) == before
    assert contents(world) == expected()
    assert len(world.told("Export Published")) == 4, "two full exports, two increments"


def test_a_first_full_export_of_a_small_project_is_whole_too() -> None:
    world = World(short=True)
    world.publish_everything()

    assert keys_of_runs(world) == set()
    assert contents(world) == contents(published())


def test_several_batches_are_converted_one_after_another() -> None:
    world = published()
    name = change(world, "as_000", "as_001", "as_002", "as_003")
    fetches = len(world.kili.fetches)

    assert world.run_short(name).status == "done"
    assert [len(one) for one in world.kili.fetches[fetches:]] == [3, 1]


def test_what_is_asked_of_whom_says_nothing_of_it_is_only_planned() -> None:
    world = published()
    name = change(world, *ASSETS)

    assert world.begin(name).status == "run"
    assert world.generations() == {"raw": 1, "yolo": 1}


def large(world: World) -> None:
    for number in range(4, 9):
        world.kili.label(f"as_{number:03d}", "first")
        world.post(f"as_{number:03d}")


def sizes(world: World) -> None:
    """The archive is larger than what the planning function may make again."""
    manifest = world.manifest("raw")
    archive = manifest.archive.model_copy(update={"size": 1 << 29})
    large = manifest.model_copy(update={"archive": archive})
    world.objects.put(f"exports/{PROJECT}/raw/manifest.json", large.to_bytes())


class NoTime:
    """An invocation whose time is up once all is planned."""

    def is_up(self) -> bool:
        return True


def no_time(world: World) -> None:
    world.time_left = NoTime()


def nothing(_world: World) -> None:
    pass


def tried_before(world: World) -> None:
    """A run took the changes on and failed."""
    [name] = world.pending()
    world.fail(name, world.begin(name))
    world.clock.advance(7200)
    world.look_after(compare=False)


@pytest.mark.parametrize(
    ("settings", "prepare"),
    [
        ({}, large),
        ({}, sizes),
        ({}, no_time),
        ({}, tried_before),
        ({"exports": {"raw": {"format": "kili", "with_assets": True}}}, nothing),
    ],
    ids=["three batches", "a large archive", "no time left", "tried before", "media"],
)
def test_what_is_not_small_goes_through_the_workflow(
    settings: dict[str, Any], prepare: Callable[[World], None]
) -> None:
    world = published(**settings)
    change(world, *ASSETS)
    prepare(world)
    name = world.pending()[0]

    planned = world.run_short(name)

    assert planned.status == "run"
    assert planned.work is not None
    assert {planned.plan_key, planned.work.key} <= keys_of_runs(world)
    if prepare is not sizes:
        assert isinstance(world.end(name, planned), FinishAnswer)
        assert not world.changes.held


def test_a_full_export_in_slices_goes_through_the_workflow() -> None:
    world = World(assets=4, slice_assets=2, short=True)
    world.publish_everything()

    assert any(key.endswith("plan.json") for key in keys_of_runs(world))


class BrokenWorld(World):
    """Whatever a worker or a bucket does, once."""

    broken: Exception | None = None

    def convert_batch(
        self, request: ConvertRequest, objects: ObjectStore | None = None
    ) -> BatchResult:
        if objects is not None and self.broken is not None:
            raise self.broken
        return super().convert_batch(request, objects)


@pytest.mark.parametrize(
    "error", [TypeError("alice drew this"), MemoryError(), Unavailable("Kili"), ConflictError("x")]
)
def test_a_batch_that_breaks_the_invocation_goes_through_the_workflow(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world = BrokenWorld()
    world.publish_everything()
    world.broken = error
    name = change(world, *ASSETS)

    with caplog.at_level(logging.WARNING):
        planned = world.run_short(name)

    assert planned.status == "run"
    assert type(error).__name__ in caplog.text
    assert "alice" not in caplog.text
    world.end(name, planned)
    assert not world.changes.held
    assert contents(world) == expected()


class WorldOfOneBadExport(World):
    """An export that no short run can publish."""

    def publish(
        self, request: AggregateRequest, objects: ObjectStore | None = None
    ) -> AggregateAnswer:
        if objects is not None and request.export == "yolo":
            return AggregateAnswer(export="yolo", status="continue")
        return super().publish(request, objects)


def test_an_export_that_takes_longer_holds_up_no_other_and_what_was_published_counts() -> None:
    world = WorldOfOneBadExport()
    world.publish_everything()
    name = change(world, *ASSETS)

    planned = world.run_short(name)

    assert planned.status == "run"
    assert world.generations() == {"raw": 2, "yolo": 1}
    committed = world.manifest("raw")
    answer = world.end(name, planned)
    assert [one.status for one in answer.exports] == ["committed", "committed"]
    assert world.manifest("raw") == committed
    assert contents(world) == expected()


def test_an_asset_that_cannot_be_exported_is_quarantined_at_once() -> None:
    world = published()
    name = change(world, *ASSETS)
    world.kili.broken.add("as_001")

    answer = world.run_short(name)

    assert answer.finished is not None
    assert answer.finished.failed_assets == 1
    assert [one.asset_id for one in world.manifest("raw").quarantined] == ["as_001"]


def listings_of_uploads(world: World) -> int:
    return sum(operation == "abort_uploads" for operation, _ in world.objects.requests)


def test_uploads_are_looked_for_after_a_run_that_did_not_end_in_order_alone() -> None:
    world = published()
    before = listings_of_uploads(world)
    world.run_short(change(world, "as_000"))
    assert listings_of_uploads(world) == before

    dead = change(world, "as_001")
    world.begin(dead)
    world.workflow.running.discard(arn(dead))
    world.clock.advance(600)
    world.objects.uploads.add(f"exports/{PROJECT}/raw/archives/x.zip")
    world.look_after(compare=False)
    world.short = True
    world.run_pending()
    assert not world.changes.held
    assert not world.objects.uploads


def test_uploads_are_looked_for_after_a_run_that_left_changes() -> None:
    world = published()
    name = change(world, "as_000")
    world.fail(name, world.begin(name))
    world.clock.advance(3600)
    world.objects.uploads.add(f"state/{PROJECT}/raw/ledgers/x.zip")
    world.look_after(compare=False)
    [again] = world.pending()
    assert world.run_short(again).status == "run"
    assert not world.objects.uploads


def test_who_finds_the_lease_taken_ends_quietly() -> None:
    world = published()
    name = change(world, *ASSETS)
    world.workflow.running.add(arn("other"))
    world.lease.acquire(PROJECT, arn("other"))

    assert world.run_short(name).status == "busy"


def crashes(cause: Callable[[World], str], *, warm: bool) -> Iterator[tuple[World, int]]:
    """Worlds in which the invocation ended at its first request, its second, …

    Those count that it makes to the bucket and to the bus. A `warm` process published before.
    """
    for number in range(1, 1000):
        world = published(short=warm)
        name = cause(world)
        end = CrashAt(remaining=number)
        world.objects.interleaving = world.publisher.interleaving = end
        try:
            world.run_short(name)
        except Crash:
            world.objects.interleaving = world.publisher.interleaving = Interleaving()
            yield world, number
            continue
        assert number > 10, "no request was made"
        assert bool(world.recent.noted(latest_key(PROJECT, "raw"))), "nothing was remembered"
        return


def retried(world: World) -> PlanAnswer:
    """Step Functions calls the function again, which must not make the run whole then."""
    [name] = [one for one in world.executed if arn(one) in world.workflow.running]
    planned = world.begin(name)
    if planned.status == "run":
        world.end(name, planned)
    return planned


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("cause", [change_two, declare_otherwise])
def test_the_same_files_come_of_it_wherever_the_invocation_ends(
    cause: Callable[[World], str], *, warm: bool
) -> None:
    right, ends = expected(cause), set()
    for world, number in crashes(cause, warm=warm):
        ends.add(retried(world).status)
        world.run_pending()
        assert contents(world) == right, f"after a crash at request {number}"
        assert_copies_are_current(world)
        assert not world.changes.held, f"after a crash at request {number}"
        told = [event["generation"] for event in world.told("Export Published")]
        made = [one for one in world.generations().values() if one == 2]
        assert told.count(2) >= len(made) > 0, f"nobody was told after a crash at request {number}"
    assert ends == {"run", "idle"}


def test_a_run_whose_completion_fails_is_ended_by_planning_again() -> None:
    world = published()
    name = change(world, *ASSETS)
    real = world.finish_export
    world.finish_export = replace(real, announcer=replace(real.announcer, publisher=Down()))

    with pytest.raises(Unavailable):
        world.run_short(name)
    world.finish_export = real

    assert world.begin(name).status == "idle"
    told = [event["generation"] for event in world.told("Export Published")]
    assert told.count(2) == 2
    assert contents(world) == expected()


class Down:
    """A bus that does not answer."""

    def publish(self, detail_type: str, detail: Any) -> None:
        raise Unavailable(f"the bus does not take {detail_type}: {detail}")
