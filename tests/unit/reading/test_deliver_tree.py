"""The tree of an export equals its archive, whatever interrupts or overtakes its delivery."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kili_export.archives.tree_state import (
    TreeState,
    end_trees,
    is_tree_behind,
    load_tree_state,
)
from kili_export.core.bucket_layout import registration_key, tree_prefix, tree_state_key
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration, OutOfTime
from kili_export.reading.deliver_tree import DeliverTree
from kili_export.registration.parse_registration import parse_registration
from tests.support.fakes import InMemoryObjects
from tests.support.workbench import Workbench
from tests.unit.reading.test_followed_prefix import Crash, Crashing
from tests.unit.reading.test_lineage import purge
from tests.unit.reading.test_sync_folder import OPTIONS, change, remove
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

PREFIX = tree_prefix("proj1", "yolo")
AN_INVOCATION = 16 * 60


def bench_of(assets: int = 6) -> Workbench:
    made = Workbench(two_jobs(), dict(OPTIONS))
    for number in range(assets):
        made.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    made.rebuild()
    _declare(made, tree=True)
    return made


@pytest.fixture
def bench() -> Workbench:
    return bench_of()


def deliver(bench: Workbench, objects: InMemoryObjects | None = None, **more: Any) -> None:
    order = DeliverTree(objects or bench.objects, bench.clock, bench.tokens, workers=1)
    replace(order, **{"at_once": 3, **more})("proj1", "yolo")


def files_in(objects: InMemoryObjects) -> dict[str, bytes]:
    return {
        key.removeprefix(PREFIX): data
        for key, (data, _) in objects.stored.items()
        if key.startswith(PREFIX)
    }


def state_in(bench: Workbench) -> TreeState:
    state, _ = load_tree_state(bench.objects, "proj1", "yolo")
    assert state is not None
    return state


def assert_holds(bench: Workbench) -> None:
    assert state_in(bench).holds(bench.manifest("yolo"))
    assert files_in(bench.objects) == bench.files("yolo")


def crashing(bench: Workbench, request: int, *, after: bool = False) -> Crashing:
    """The same bucket, by a client that dies at that request."""
    objects = Crashing(stored=bench.objects.stored, clock=bench.clock)
    objects.left, objects.after = request, after
    return objects


def copy_of(bench: Workbench) -> Workbench:
    return replace(
        bench,
        objects=InMemoryObjects(stored=dict(bench.objects.stored)),
        clock=replace(bench.clock),
        tokens=replace(bench.tokens),
        kili=replace(bench.kili, assets=dict(bench.kili.assets)),
    )


def test_a_first_delivery_puts_all_files_and_the_next_one_what_changed(bench: Workbench) -> None:
    deliver(bench)
    assert_holds(bench)
    change(bench, 1)
    remove(bench, 2)
    bench.objects.requests.clear()
    deliver(bench)
    assert_holds(bench)
    put = [key for name, key in bench.objects.requests if name == "put" and PREFIX in key]
    assert 0 < len(put) < len(bench.files("yolo"))
    # What is there is neither listed nor looked at.
    assert not [one for one in bench.objects.requests if one[0] in {"list", "head"}]
    bench.objects.requests.clear()
    deliver(bench)
    assert [name for name, _ in bench.objects.requests] == ["get", "get"]


def _first(bench: Workbench) -> None:
    del bench


def _increment(bench: Workbench) -> None:
    deliver(bench)
    change(bench, 1, 4)
    remove(bench, 2)


def _another_lineage(bench: Workbench) -> None:
    deliver(bench)
    tree = {key: one for key, one in bench.objects.stored.items() if "/tree" in key}
    purge(bench)
    del bench.kili.assets["as_001"]
    bench.rebuild()
    # As if a purge had been interrupted: what is there is of another lineage.
    bench.objects.stored.update(tree)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("prepare", [_first, _increment, _another_lineage])
def test_a_crash_at_any_request_is_made_good_by_the_next_delivery(
    bench: Workbench, prepare: Callable[[Workbench], None], *, after: bool
) -> None:
    prepare(bench)
    for request in range(1000):
        tried = copy_of(bench)
        try:
            deliver(tried, crashing(tried, request, after=after))
        except Crash:
            state, _ = load_tree_state(tried.objects, "proj1", "yolo")
            if state is not None and state.holds(tried.manifest("yolo")):
                assert files_in(tried.objects) == tried.files("yolo")
            deliver(tried)
            assert_holds(tried)
            continue
        assert request > 5
        return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("begun", [_first, _increment])
def test_an_invocation_that_is_overtaken_spoils_nothing_for_good(
    bench: Workbench, begun: Callable[[Workbench], None]
) -> None:
    """At each of its requests another run publishes and delivers; then the first goes on."""
    begun(bench)
    seen = set()
    for request in range(1000):
        tried = copy_of(bench)
        overtaking = _Overtaking(stored=tried.objects.stored, clock=tried.clock)
        overtaking.left, overtaking.overtaken = request, lambda: _publish_and_deliver(tried)  # noqa: B023
        lost = False
        try:
            deliver(tried, overtaking)
        except (ConflictError, IntegrityError):
            lost = True
        if overtaking.left >= 0:
            break
        is_same = files_in(tried.objects) == tried.files("yolo")
        holds = state_in(tried).holds(tried.manifest("yolo"))
        seen.add((lost, is_same, holds))
        assert is_same or not holds
        tried.clock.advance(AN_INVOCATION)
        deliver(tried)
        assert_holds(tried)
    # Else this shows nothing: files were put late, and it was known.
    assert (True, False, False) in seen


def test_an_invocation_that_died_while_the_clock_was_ahead_holds_up_nothing(
    bench: Workbench,
) -> None:
    ahead = 1000 * AN_INVOCATION
    bench.clock.advance(ahead)
    with pytest.raises(Crash):
        deliver(bench, crashing(bench, 4))
    [dead] = state_in(bench).writers
    bench.clock.advance(-ahead)
    assert dead.until > bench.clock.now() + timedelta(days=1)
    assert is_tree_behind(state_in(bench), bench.manifest("yolo"), bench.clock.now())
    _publish_and_deliver(bench)
    assert_holds(bench)


class _Overtaking(InMemoryObjects):
    left: int = -1
    overtaken: Callable[[], None]

    def _note(self, operation: str, key: str) -> None:
        if self.left == 0:
            self.left = -1
            self.overtaken()
        elif self.left > 0:
            self.left -= 1
        super()._note(operation, key)


def _publish_and_deliver(bench: Workbench) -> None:
    change(bench, 1, 3, left=0.7)
    remove(bench, 0)
    deliver(bench)


def test_a_delivery_goes_on_where_the_last_one_ended(bench: Workbench) -> None:
    put: list[str] = []
    for _ in range(100):
        bench.objects.requests.clear()
        try:
            deliver(bench, most=1)
        except OutOfTime:
            assert state_in(bench).writers == ()
            assert state_in(bench).status == "applying"
            continue
        finally:
            put += [key for name, key in bench.objects.requests if name == "put" and PREFIX in key]
        break
    assert_holds(bench)
    assert len(put) == len(set(put)) == len(bench.files("yolo"))


def test_what_was_paused_is_begun_again_for_another_generation(bench: Workbench) -> None:
    with pytest.raises(OutOfTime):
        deliver(bench, most=1)
    change(bench, 0, 1, 2)
    with pytest.raises(OutOfTime):
        deliver(bench, most=1)
    remove(bench, 3)
    deliver(bench)
    assert_holds(bench)


class _OverAtOnce:
    def is_up(self) -> bool:
        return True


def test_an_invocation_without_time_changes_no_file(bench: Workbench) -> None:
    order = DeliverTree(bench.objects, bench.clock, bench.tokens)
    with pytest.raises(OutOfTime):
        order("proj1", "yolo", _OverAtOnce())
    assert files_in(bench.objects) == {}


def test_objects_of_others_go_when_everything_is_compared(bench: Workbench) -> None:
    bench.objects.put(f"{PREFIX}archives/00000001-x.zip", b"not ours")
    bench.objects.put(f"{PREFIX}zz", b"not ours")
    deliver(bench)
    assert_holds(bench)


def test_deltas_that_are_gone_do_not_stop_it(bench: Workbench) -> None:
    deliver(bench)
    change(bench, 1)
    change(bench, 2)
    for delta in bench.manifest("yolo").recent_deltas:
        del bench.objects.stored[delta.key]
    deliver(bench)
    assert_holds(bench)


def test_a_file_whose_key_would_be_too_long_is_left_out_and_said(bench: Workbench) -> None:
    name = "/".join(["long" * 60] * 5) + "/x.jpg"
    bench.kili.assets["as_099"] = labelled(99, name, 0.2)
    bench.run(["as_099"])
    deliver(bench)
    lacking = bench.files("yolo").keys() - files_in(bench.objects).keys()
    assert set(state_in(bench).left_out) == lacking != set()
    assert state_in(bench).holds(bench.manifest("yolo"))
    del bench.kili.assets["as_099"]
    bench.run(["as_099"])
    deliver(bench)
    assert_holds(bench)
    assert state_in(bench).left_out == ()


def _declare(bench: Workbench, *, tree: bool) -> None:
    declared = {"name": "yolo", "format": "yolo_v8", "deliver": {"tree": tree}}
    registration = parse_registration({"project_id": "proj1", "exports": [declared]})
    bench.objects.put(registration_key("proj1"), registration.to_bytes())


def test_a_tree_that_ended_stays_until_it_is_declared_again(bench: Workbench) -> None:
    _declare(bench, tree=True)
    deliver(bench)
    _declare(bench, tree=False)
    end_trees(bench.objects, "proj1", ["yolo"], bench.clock.now())
    before = files_in(bench.objects)
    change(bench, 1)
    deliver(bench)
    assert state_in(bench).ended_at is not None
    assert files_in(bench.objects) == before
    # Somebody removed some of what nobody followed.
    del bench.objects.stored[f"{PREFIX}{min(before)}"]
    _declare(bench, tree=True)
    deliver(bench)
    assert_holds(bench)


def test_a_tree_that_is_declared_no_more_before_it_began_does_not_begin(bench: Workbench) -> None:
    # As the end of a run finds it that was planned before: nobody would say that it ended.
    _declare(bench, tree=False)
    end_trees(bench.objects, "proj1", ["yolo"], bench.clock.now())
    deliver(bench)
    assert files_in(bench.objects) == {}
    assert load_tree_state(bench.objects, "proj1", "yolo") == (None, None)


def test_a_tree_that_ends_while_it_is_delivered_stays_ended(bench: Workbench) -> None:
    _declare(bench, tree=True)
    deliver(bench)
    change(bench, 1)
    overtaking = _Overtaking(stored=bench.objects.stored, clock=bench.clock)
    overtaking.left = 6

    def end() -> None:
        _declare(bench, tree=False)
        end_trees(bench.objects, "proj1", ["yolo"], bench.clock.now())

    overtaking.overtaken = end
    with pytest.raises(ConflictError):
        deliver(bench, overtaking)
    assert state_in(bench).ended_at is not None
    deliver(bench)
    assert state_in(bench).ended_at is not None


def test_what_is_said_of_a_tree_and_cannot_be_read_is_no_empty_tree(bench: Workbench) -> None:
    deliver(bench)
    bench.objects.put(tree_state_key("proj1", "yolo"), b"{")
    with pytest.raises(IntegrityError, match="Delete it"):
        deliver(bench)
    bench.objects.delete([tree_state_key("proj1", "yolo")])
    deliver(bench)
    assert_holds(bench)


def test_an_export_that_ended_or_does_not_exist_has_no_delivery(bench: Workbench) -> None:
    DeliverTree(bench.objects, bench.clock, bench.tokens)("proj1", "unknown")
    assert not [key for key in bench.objects.stored if "/tree" in key]
    manifest = bench.manifest("yolo").model_copy(update={"ended_at": bench.clock.now()})
    assert not is_tree_behind(None, manifest, bench.clock.now())
    assert is_tree_behind(None, bench.manifest("yolo"), bench.clock.now())


def test_too_many_names_that_are_too_long_are_refused(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kili_export.reading.prefix_writer.LONGEST_KEY", 10)
    monkeypatch.setattr("kili_export.reading.deliver_tree._MOST_LEFT_OUT", 3)
    with pytest.raises(InvalidConfiguration, match="too long"):
        deliver(bench, at_once=100)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 7)),
        st.tuples(st.just("remove"), st.integers(0, 7)),
        st.tuples(st.just("deliver"), st.just(0)),
        st.tuples(st.just("crash"), st.integers(0, 40)),
        st.tuples(st.just("pause"), st.just(0)),
        st.tuples(st.just("rebuild"), st.just(0)),
        st.tuples(st.just("wait"), st.just(0)),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_random_histories(steps: list[tuple[str, int]]) -> None:
    bench = bench_of(4)
    for number, (what, at) in enumerate(steps):
        _take(bench, what, at, left=0.3 + number / 100)
        state, _ = load_tree_state(bench.objects, "proj1", "yolo")
        if state is not None and state.holds(bench.manifest("yolo")):
            assert files_in(bench.objects) == bench.files("yolo")
    bench.clock.advance(AN_INVOCATION)
    deliver(bench)
    assert_holds(bench)


def _take(bench: Workbench, what: str, at: int, *, left: float) -> None:
    match what:
        case "change":
            change(bench, at, left=left)
        case "remove" if f"as_{at:03d}" in bench.kili.assets:
            remove(bench, at)
        case "deliver":
            deliver(bench)
        case "crash":
            _suppressed(lambda: deliver(bench, crashing(bench, at)))
        case "pause":
            _suppressed(lambda: deliver(bench, most=1))
        case "rebuild":
            bench.rebuild()
        case "wait":
            bench.clock.advance(AN_INVOCATION)


def _suppressed(action: Callable[[], None]) -> None:
    try:
        action()
    except (Crash, OutOfTime):
        return
