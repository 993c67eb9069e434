"""One execution a window, and no change that falls between two of them."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.changes.events.debounce_window import DebounceWindow, execution_name
from kili_export.changes.events.run_starter import RunStarter
from kili_export.core.errors import Unavailable
from tests.support.fakes import NOON
from tests.support.protocol_world import PROJECT, World

MOMENTS = st.integers(1_600_000_000_000, 4_000_000_000_000).map(
    lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC)
)
RULES = World().rules.of_project(PROJECT)
OFFSETS = st.integers(0, 899)


@pytest.fixture
def world() -> World:
    world = World()
    world.publish_everything()
    world.clock.time = RULES.end_of(RULES.window_at(NOON + timedelta(hours=1))) + timedelta(
        seconds=20
    )
    world.workflow.started.clear()
    world.workflow.calls = 0
    return world


def test_a_thousand_events_in_one_window_start_one_execution(world: World) -> None:
    for number in range(1000):
        answer = world.post(f"as_{number % 4:03d}", f"label_{number}")
        assert answer.accepted == 1
    assert len(world.workflow.started) == 1
    assert world.workflow.calls == 1, "the call is made for every event: it throttles"


def test_workers_that_share_nothing_but_the_record_make_one_call(world: World) -> None:
    world.post("as_000")
    fresh = RunStarter(world.workflow, world.state, world.clock, world.rules, world.lease)
    fresh.after_change(PROJECT)
    assert world.workflow.calls == 1


def test_the_mark_is_stored_before_anything_is_started(world: World) -> None:
    seen: list[set[str]] = []
    world.workflow.interleaving.before(
        "start", lambda: seen.append(world.changes.subjects(PROJECT))
    )
    world.post("as_000")
    assert seen == [{"asset#as_000"}]


def test_the_window_is_that_of_a_moment_after_the_mark_was_stored(world: World) -> None:
    before = RULES.window_at(world.clock.now())
    # Storing takes long: the window of the event's arrival is over, and its run has looked.
    world.changes.interleaving.before("mark", lambda: world.clock.advance(60))
    answer = world.post("as_000")
    assert answer.window == before + 1
    assert f"{PROJECT}-{before}" not in world.workflow.started


def test_near_its_end_the_next_window_gets_a_run_too(world: World) -> None:
    world.clock.time = RULES.end_of(RULES.window_at(world.clock.now())) - timedelta(seconds=2)
    window = world.post("as_000").window
    assert window is not None
    assert set(world.workflow.started) == {f"{PROJECT}-{window}", f"{PROJECT}-{window + 1}"}


def test_a_used_name_that_nobody_recorded_gets_the_next_window_a_run(world: World) -> None:
    window = RULES.window_at(world.clock.now())
    world.workflow.started[f"{PROJECT}-{window}"] = {"not_before": world.clock.now().isoformat()}
    world.post("as_000")
    assert f"{PROJECT}-{window + 1}" in world.workflow.started


def test_when_no_run_can_be_started_the_sender_is_to_try_again(world: World) -> None:
    def throttled() -> None:
        raise Unavailable("Step Functions asks to slow down")

    world.workflow.interleaving.before("start", throttled)
    with pytest.raises(Unavailable):
        world.post("as_000")
    assert world.changes.subjects(PROJECT) == {"asset#as_000"}, "the change itself must be kept"
    world.post("as_000")
    assert len(world.workflow.started) == 1, "the failed start was taken for done"


def test_the_same_event_ten_times_and_in_any_order_is_one_mark(world: World) -> None:
    for _ in range(10):
        world.post("as_000", "label_1")
    assert world.changes.subjects(PROJECT) == {"asset#as_000"}


@given(MOMENTS, st.integers(1, 900), st.integers(0, 120), OFFSETS)
def test_a_run_looks_only_after_every_moment_of_its_window(
    moment: datetime, window_seconds: int, settle_seconds: int, offset: int
) -> None:
    rules = DebounceWindow(window_seconds, settle_seconds, offset % window_seconds)
    for window in rules.windows_for(moment):
        assert rules.ready_at(window) >= moment + timedelta(seconds=settle_seconds)
    assert rules.windows_for(moment)[0] == rules.window_at(moment)


@given(MOMENTS, st.integers(1, 900), st.integers(0, 120), OFFSETS)
def test_the_first_window_that_is_ready_is_ready_and_the_one_before_is_not(
    moment: datetime, window_seconds: int, settle_seconds: int, offset: int
) -> None:
    rules = DebounceWindow(window_seconds, settle_seconds, offset % window_seconds)
    first, last = rules.first_ready(moment), rules.last_ready(moment)
    assert rules.ready_at(first) >= moment > rules.ready_at(first - 1)
    assert rules.ready_at(last) <= moment < rules.ready_at(last + 1)


def test_windows_of_projects_end_at_different_seconds() -> None:
    rules = DebounceWindow(60, 10)
    offsets = [rules.of_project(f"project{number}").offset_seconds for number in range(600)]
    assert set(offsets) == set(range(60))
    assert max(map(offsets.count, range(60))) < 30
    assert rules.of_project("project7") == DebounceWindow(60, 10).of_project("project7")


@given(MOMENTS, st.integers(1, 900), OFFSETS)
def test_a_run_that_a_former_version_started_under_a_windows_number_comes_after_it(
    moment: datetime, window_seconds: int, offset: int
) -> None:
    rules = DebounceWindow(window_seconds, 0, offset % window_seconds)
    window = rules.window_at(moment)
    former_end = datetime.fromtimestamp((window + 1) * window_seconds, UTC)
    assert moment < rules.end_of(window) <= former_end


@given(
    st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    st.integers(0, 10**10),
    st.sampled_from(["", "s", "f7", "f123456789012345", "m0123456789abcdef"]),
)
def test_names_obey_the_rules_of_step_functions(project_id: str, window: int, suffix: str) -> None:
    name = execution_name(project_id, window, suffix)
    assert len(name) <= 80
    assert all(one.isascii() and (one.isalnum() or one in "-_") for one in name)


def test_names_of_long_projects_differ() -> None:
    long = "p" * 63
    assert execution_name(long + "a", 1) != execution_name(long + "b", 1)


def test_the_input_of_an_execution_depends_on_its_name_alone(world: World) -> None:
    name = f"{PROJECT}-{world.post('as_000').window}"
    first = dict(world.workflow.started.pop(name))
    world.clock.advance(25)
    RunStarter(world.workflow, world.state, world.clock, world.rules, world.lease)._start(
        PROJECT, int(first["window"]), name
    )
    assert world.workflow.started[name] == first


HOURS = timedelta(hours=2)


def set_back(world: World, by: timedelta = HOURS) -> None:
    world.clock.time -= by


@pytest.fixture
def busy(world: World) -> World:
    """A project that had a run in each of twelve windows, and one two hours later."""
    begun = world.clock.now()
    for number in range(12):
        world.clock.time = begun + timedelta(minutes=number)
        world.submit("as_001", f"label-{number}", left=0.2 + number / 100)
        world.run_pending()
    world.clock.time = begun + timedelta(minutes=6) + HOURS
    world.submit("as_001", "later", left=0.5)
    world.run_pending()
    world.clock.time = begun + timedelta(minutes=8) + HOURS
    return world


@pytest.mark.parametrize("fresh", [False, True])
def test_a_clock_that_is_set_back_delays_no_run(busy: World, fresh: bool) -> None:
    """Neither where the process goes on, nor in one that knows nothing of what was started."""
    before = busy.manifest("raw").generation
    set_back(busy)
    if fresh:
        busy.restart()
    started = set(busy.workflow.started)
    busy.submit("as_002", "after-that", left=0.6)
    (name,) = set(busy.workflow.started) - started
    begins = datetime.fromisoformat(str(busy.workflow.started[name]["not_before"]))
    assert begins - busy.clock.now() <= timedelta(seconds=70)
    busy.run_pending()
    assert busy.manifest("raw").generation == before + 1
    assert busy.changes.held == {}


def test_many_events_after_a_clock_was_set_back_start_one_run(busy: World) -> None:
    set_back(busy)
    started = set(busy.workflow.started)
    for number in range(20):
        busy.restart()
        busy.post("as_002", f"label-{number}")
    assert len(set(busy.workflow.started) - started) == 1


def test_a_clock_that_is_set_back_again_and_again_delays_no_run(busy: World) -> None:
    # On from the moment that the starter has seen, whatever this machine's clock shows.
    passed = count(busy.receive.starter.elapsed(), 120)
    busy.receive.starter.elapsed = lambda: next(passed)
    for number in range(4):
        set_back(busy, HOURS if number == 0 else timedelta(seconds=61))
        busy.submit("as_002", f"again-{number}", left=0.6 + number / 100)
        busy.run_pending()
        assert busy.changes.held == {}, "the change waits for the sweep"


def test_a_window_that_is_not_over_gets_no_other_run(world: World) -> None:
    world.post("as_000")
    for _ in range(3):
        world.restart()
        world.post("as_000")
    assert len(world.workflow.started) == 1
