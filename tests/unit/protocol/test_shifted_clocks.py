"""Parts of the system have other clocks than the rest: by hours, or by a year and more.

A change is published within minutes all the same, if need be by the sweep.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.follow_up import FollowUpRuns
from kili_export.changes.events.pending_changes import REBUILD, PendingChangeRecorder, retry_after
from kili_export.changes.events.run_starter import RunStarter
from tests.support.fakes import ManualClock
from tests.support.protocol_world import PROJECT, World
from tests.unit.protocol.test_restored_state import as_kili_has_it

SWEEP_SECONDS = 300
STEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ShiftedClock:
    """The world's clock, as a part sees it whose own is not right."""

    right: ManualClock
    by: timedelta

    def now(self) -> datetime:
        return self.right.now() + self.by

    def sleep(self, seconds: float) -> None:
        self.right.sleep(seconds)


def shift(world: World, parts: str, by: timedelta) -> None:
    clock = ShiftedClock(world.clock, by)
    lease = replace(world.lease, clock=clock)
    starter = RunStarter(world.workflow, world.state, clock, world.rules, lease)
    marks = PendingChangeRecorder(world.changes, clock, world.tokens)
    follow_up = FollowUpRuns(world.changes, starter)
    looks = DelayedRechecks(world.objects, clock)
    own: dict[str, Any] = {"clock": clock, "lease": lease, "follow_up": follow_up}
    if parts in {"webhook", "all but the sweep"}:
        world.receive = replace(world.receive, marks=marks, starter=starter)
    if parts in {"planning", "all but the sweep"}:
        world.plan = replace(world.plan, **own)
    if parts in {"completion", "all but the sweep"}:
        world.finish = replace(world.finish, **own, second_looks=looks)
    if parts == "sweep":
        world.reconcile = replace(world.reconcile, **own, marks=marks, second_looks=looks)


def let_pass(world: World, seconds: int) -> None:
    """The workflow, whose clock is right, begins what is due; the schedule fires."""
    for passed in range(STEP_SECONDS, seconds + 1, STEP_SECONDS):
        world.clock.advance(STEP_SECONDS)
        for name in world.pending():
            not_before = world.workflow.started[name]["not_before"]
            if datetime.fromisoformat(not_before) <= world.clock.now():
                world.run(name)
        if passed % SWEEP_SECONDS == 0:
            world.look_after(compare=False)


@pytest.mark.parametrize("hours", [-9600, -2, 2, 9600])
@pytest.mark.parametrize(
    "parts", ["webhook", "planning", "completion", "sweep", "all but the sweep"]
)
def test_a_change_is_published_within_minutes(parts: str, hours: int) -> None:
    world = World(assets=4)
    world.publish_everything()
    world.clock.advance(3600)
    shift(world, parts, timedelta(hours=hours))
    world.replace("as_001", "new", left=0.6)
    let_pass(world, 3 * SWEEP_SECONDS)
    expected = as_kili_has_it(world)
    assert {name: world.files(name) for name in expected} == expected
    assert not world.changes.held


def test_a_full_export_that_a_clock_put_off_for_a_year_is_made() -> None:
    world = World(assets=4)
    world.publish_everything()
    name = world.request_run(PROJECT, full=True)
    assert name
    world.fail(name, world.begin(name))
    (mark,) = [one for one in world.changes.marks(PROJECT) if one.subject == REBUILD]
    world.changes.postpone([(mark, world.clock.now() + timedelta(days=365))])
    let_pass(world, 3 * SWEEP_SECONDS)
    assert not world.changes.held


def test_what_rests_as_long_as_any_does_is_not_taken_for_that() -> None:
    world = World(assets=1)
    world.marks.mark(PROJECT, REBUILD)
    (mark,) = world.changes.marks(PROJECT)
    resting = replace(mark, retry_at=world.clock.now() + retry_after(100))
    assert not resting.is_ahead(world.clock.now())
