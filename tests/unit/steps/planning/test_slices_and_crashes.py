"""A full export in slices survives every crash, and two holders never share one."""

import pytest

from kili_export.changes.events.pending_changes import asset_subject
from kili_export.core.bucket_layout import session_key, slice_key
from kili_export.core.errors import ConflictError, ExportError
from kili_export.runs.messages import PlanRequest
from tests.support.protocol_world import PROJECT, World, arn
from tests.unit.steps.planning.sliced import (
    assert_all_is_published,
    is_open,
    listings,
    open_session,
    position,
    run_slices,
    sliced,
    with_new_export,
)


class Killed(Exception):
    """The process ended here."""


def die() -> None:
    raise Killed


def resume(world: World, name: str) -> None:
    """The execution is gone; a while later the schedule finds what it left."""
    world.workflow.running.discard(arn(name))
    world.clock.advance(300)
    world.look_after(compare=False)
    world.run_pending()


def fetched_slices(world: World) -> int:
    return len(world.kili.fetches)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_run_that_ends_between_its_steps_repeats_one_slice(number: int, steps: int) -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, number)
    name = world.pending()[0]
    planned = world.begin(name)
    if steps > 0:
        results = world.convert(planned)
        if steps > 1:
            world.aggregate(planned, results)
    resume(world, name)
    assert fetched_slices(world) == 5 + (steps > 0), "more than one slice was repeated"
    assert_all_is_published(world)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("step", ["put", "clear", "postpone", "release", "start"])
def test_a_run_that_dies_while_it_finishes_repeats_one_slice(number: int, step: str) -> None:
    world = sliced()
    world.submit("as_000", "second", left=0.3)
    run_slices(world, number)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned)
    exports = world.aggregate(planned, results)
    interleavings = {
        "put": world.objects.interleaving,
        "release": world.state.interleaving,
        "start": world.workflow.interleaving,
    }
    interleaving = interleavings.get(step, world.changes.interleaving)
    interleaving.before(step, die)
    if (step, number) == ("start", 4):
        world.finish_run(name, planned, results, exports)  # the last slice starts no other
    else:
        with pytest.raises(Killed):
            world.finish_run(name, planned, results, exports)
    interleaving.actions.clear()
    resume(world, name)
    assert fetched_slices(world) <= 7
    assert_all_is_published(world)


@pytest.mark.parametrize("step", range(1, 15))
def test_a_plan_that_dies_while_it_begins_is_made_again(step: int) -> None:
    world = with_new_export()
    name = world.pending()[0]
    for _ in range(step - 1):
        world.objects.interleaving.before("put", lambda: None)
    world.objects.interleaving.before("put", die)
    died = False
    try:
        world.begin(name)
    except Killed:
        died = True
    world.objects.interleaving.actions.clear()
    assert died == (step <= 12), "it wrote another number of objects"
    resume(world, name)
    assert_all_is_published(world)


def test_progress_is_stored_before_any_mark_is_cleared() -> None:
    world = sliced()
    world.submit("as_009", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    seen: list[tuple[int, int]] = []
    world.changes.interleaving.before(
        "clear", lambda: seen.append((position(world), len(open_session(world).results)))
    )
    world.end(name, planned)
    assert seen == [(1, 1)]


def test_finishing_twice_counts_a_slice_once() -> None:
    world = sliced()
    name = world.request_run(PROJECT)
    planned = world.begin(name)
    results = world.convert(planned)
    first = world.finish_run(name, planned, results, [])
    stored = world.objects.stored[session_key(PROJECT)]
    again = world.finish_run(name, planned, results, [])
    assert world.objects.stored[session_key(PROJECT)] == stored
    assert first.follow_up is not None
    assert again.follow_up is None, "a second run was started"


def test_who_was_taken_for_dead_changes_nothing_when_it_finishes() -> None:
    world = sliced()
    world.submit("as_009", "second", left=0.3)
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned)
    world.workflow.running.discard(arn(name))
    world.clock.advance(300)
    world.look_after(compare=False)
    other = world.pending()[0]
    taken_over = world.begin(other)
    world.finish_run(other, taken_over, world.convert(taken_over), [])
    world.submit("as_009", "third", left=0.4)
    stored, marks = world.objects.stored[session_key(PROJECT)], dict(world.changes.held)
    with pytest.raises(ConflictError):
        world.finish_run(name, planned, results, [])
    assert world.objects.stored[session_key(PROJECT)] == stored
    assert world.changes.held == marks
    world.run_pending()
    assert_all_is_published(world)


def test_of_two_that_begin_at_once_one_goes_on() -> None:
    world = sliced()
    name = world.request_run(PROJECT)
    other = world.request_run(PROJECT)
    world.executed.update((name, other))

    def take_over() -> None:
        world.clock.advance(300)
        world.plan(PlanRequest(project_id=PROJECT, execution_arn=arn(other)))
        world.workflow.running.add(arn(other))

    # Between its mark and its session the first one stands still for long.
    world.changes.interleaving.before("mark", take_over)
    with pytest.raises(ConflictError):
        world.plan(PlanRequest(project_id=PROJECT, execution_arn=arn(name)))
    assert len(listings(world)) == 5
    assert {key.split("/")[3] for key in listings(world)} == {open_session(world).session_id}
    resume(world, other)
    assert_all_is_published(world)


def test_what_has_expired_since_is_converted_again() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 3)
    first = open_session(world)
    world.objects.delete([first.results[0].key])
    run_slices(world, 1)
    assert open_session(world).session_id != first.session_id
    world.run_pending()
    assert_all_is_published(world)


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"null", b"[1]", b'{"asset_id": NaN}', b'"\\ud800"', b"\xff"]
)
@pytest.mark.parametrize("number", [1, 3])
def test_a_listing_that_cannot_be_read_is_made_again(damaged: bytes, number: int) -> None:
    """Of a slice that is to be converted next, or that was converted before."""
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 3)
    world.objects.put(slice_key(PROJECT, open_session(world).session_id, number), damaged)
    for _ in range(5):
        for name in world.pending():
            try:
                world.run(name)
            except ExportError:
                world.workflow.running.discard(arn(name))
        world.clock.advance(600)
        world.look_after(compare=False)
    world.run_pending()
    assert_all_is_published(world)


def test_a_session_that_cannot_be_read_is_started_again() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 3)
    world.objects.put(session_key(PROJECT), b"{}")
    run_slices(world, 1)
    assert position(world) == 1
    world.run_pending()
    assert_all_is_published(world)


def test_what_cannot_be_published_is_tried_again_without_the_slices_and_then_started_again() -> (
    None
):
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 4)
    before = open_session(world).session_id
    for attempt in range(3):
        assert open_session(world).session_id == before
        name = world.pending()[0]
        planned = world.begin(name)
        fetched = fetched_slices(world)
        results = world.convert(planned) if planned.work and planned.work.count else None
        exports = world.aggregate(planned, results, broken=["raw", "yolo"])
        world.finish_run(name, planned, results, exports)
        assert fetched_slices(world) == fetched + (attempt == 0)
    assert not is_open(world)
    world.run_pending()
    assert fetched_slices(world) == 10
    assert_all_is_published(world)


@pytest.mark.parametrize("full", [False, True])
def test_one_of_two_exports_is_published_and_the_other_from_the_same_slices(*, full: bool) -> None:
    world = sliced()
    world.request_run(PROJECT, full=full)
    run_slices(world, 4)
    session = open_session(world).session_id
    name = world.pending()[0]
    planned = world.begin(name)
    results = world.convert(planned)
    world.finish_run(name, planned, results, world.aggregate(planned, results, broken=["yolo"]))
    assert open_session(world).names == {"yolo"}
    world.submit("as_000", "second", left=0.3)
    run_slices(world, 1)
    assert asset_subject("as_000") not in world.changes.subjects(PROJECT)
    assert open_session(world).session_id == session, "what was converted was thrown away"
    world.run_pending()
    assert_all_is_published(world)


def test_it_goes_on_though_its_mark_was_lost() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 2)
    world.changes.held.clear()
    world.run_pending()
    assert_all_is_published(world)


def test_nothing_is_published_when_what_a_slice_converted_is_lost() -> None:
    world = sliced()
    world.request_run(PROJECT)
    run_slices(world, 4)
    [key] = [
        key
        for key in world.objects.stored
        if key.startswith(open_session(world).results[1].key.rpartition("/")[0])
        and key.endswith(".jsonl")
    ]
    world.objects.put(key, b"")
    run_slices(world, 1)
    assert world.generations() == {}, "two assets are missing in what was published"
    world.run_pending()
    assert_all_is_published(world)
