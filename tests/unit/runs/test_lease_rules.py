"""Who may take the lease, to the second, and what a run's id says of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kili_export.core.bucket_layout import manifest_key
from kili_export.core.errors import ConflictError
from kili_export.runs.lease import (
    LONGEST_BELIEVED,
    Lease,
    LeaseDecision,
    ProjectLease,
    claim,
    run_id_of,
    token_of,
)
from kili_export.steps.planning.fence_predecessor import fence_out_predecessor
from tests.support.fakes import NOON, InMemoryProjectState, ManualClock, RecordingWorkflow
from tests.support.protocol_world import PROJECT, World

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("holder", "left", "allowed"),
    [
        (None, SECOND, LeaseDecision.FREE),
        ("me", SECOND, LeaseDecision.HELD),
        ("me", -SECOND, LeaseDecision.HELD),
        ("other", SECOND, LeaseDecision.BUSY),
        ("other", 0 * SECOND, LeaseDecision.ASK),
        ("other", -SECOND, LeaseDecision.ASK),
    ],
)
def test_what_an_execution_may_do(
    holder: str | None, left: timedelta, allowed: LeaseDecision
) -> None:
    assert claim(holder, NOON + left, claimant="me", now=NOON) is allowed


def test_the_id_of_a_run_begins_with_its_token() -> None:
    assert run_id_of(12, "abc") == "00000012-abc"
    assert run_id_of(123_456_789, "abc") == "123456789-abc"
    assert [token_of(run_id) for run_id in ("00000012-abc", "12", "x-1", "\u0661-a", "")] == [
        *(12, 12),
        *(0, 0, 0),
    ]


class Leases:
    """A project's lease, and executions that run or not."""

    def __init__(self) -> None:
        self.state = InMemoryProjectState()
        self.workflow = RecordingWorkflow()
        self.clock = ManualClock()
        self.lease = ProjectLease(self.state, self.workflow, self.clock, believed=60)

    def taken(self) -> Lease:
        taken = self.lease.acquire(PROJECT, "first")
        assert taken is not None
        return taken


def test_it_is_known_when_a_project_was_taken_last() -> None:
    leases = Leases()
    assert leases.lease.last_began(PROJECT) is None
    taken = leases.taken()
    leases.clock.advance(100)
    assert leases.lease.last_began(PROJECT) == (taken.token, NOON)


def test_no_lease_is_believed_for_more_than_a_quarter_of_an_hour() -> None:
    """A function of AWS ends by then."""
    assert timedelta(seconds=900) == LONGEST_BELIEVED


def test_a_lease_is_believed_for_as_long_as_is_set() -> None:
    leases = Leases()
    assert leases.taken() == Lease(PROJECT, 1, "first", NOON + 60 * SECOND)
    assert leases.lease.acquire(PROJECT, "first") == leases.taken()
    leases.clock.advance(59)
    assert leases.lease.is_at_work(PROJECT)
    assert not leases.lease.is_abandoned(PROJECT)
    assert leases.lease.acquire(PROJECT, "second") is None
    assert "is running" not in leases.workflow.interleaving.steps, "a young lease was questioned"


@pytest.mark.parametrize("runs", [True, False])
def test_an_old_lease_holds_while_its_execution_runs(runs: bool) -> None:
    leases = Leases()
    leases.taken()
    leases.clock.advance(60)
    leases.workflow.running = {"first"} if runs else set()
    assert leases.lease.is_at_work(PROJECT) is runs
    assert leases.lease.is_abandoned(PROJECT) is (not runs)
    taken = leases.lease.acquire(PROJECT, "second")
    if runs:
        assert taken is None
    else:
        assert taken == Lease(PROJECT, 2, "second", leases.clock.now() + 60 * SECOND)


@pytest.mark.parametrize("announced", [True, False])
def test_a_lease_that_was_given_back_is_free(announced: bool) -> None:
    leases = Leases()
    assert not leases.lease.is_at_work(PROJECT)
    assert not leases.lease.is_abandoned(PROJECT)
    taken = leases.taken()
    assert leases.lease.held_by(PROJECT, "first") == taken
    assert leases.lease.held_by(PROJECT, "second") is None
    assert leases.lease.held_by("another", "first") is None
    assert leases.lease.release(taken, announced=announced)
    assert not leases.lease.release(taken, announced=announced), "it was given back twice"
    assert not leases.lease.is_at_work(PROJECT)
    assert leases.lease.is_abandoned(PROJECT) is (not announced)
    assert leases.lease.held_by(PROJECT, "first") is None
    again = leases.lease.acquire(PROJECT, "second")
    assert again is not None
    assert (again.token, again.announced_up_to) == (2, 1 if announced else 0)


def published() -> World:
    world = World()
    world.publish_everything()
    return world


@pytest.mark.parametrize(
    ("announced", "is_fenced"), [(5, False), (4, False), (3, True), (0, True)], ids=str
)
def test_who_follows_one_that_did_not_end_in_order_shuts_it_out(
    announced: int, is_fenced: bool
) -> None:
    world = published()
    lease = Lease(PROJECT, 5, "me", NOON, announced)
    before = world.manifest("raw")
    fence_out_predecessor(world.objects, lease, ["raw", "never published"])
    after = world.manifest("raw")
    assert after == (before.model_copy(update={"fence": 5}) if is_fenced else before)


@pytest.mark.parametrize(("fence", "writes"), [(4, 1), (5, 0), (6, 0)])
def test_a_manifest_that_is_shut_already_is_left_alone(fence: int, writes: int) -> None:
    world = published()
    key = manifest_key(PROJECT, "raw")
    world.objects.put(key, world.manifest("raw").model_copy(update={"fence": fence}).to_bytes())
    world.objects.requests.clear()
    fence_out_predecessor(world.objects, Lease(PROJECT, 5, "me", NOON), ["raw"])
    assert [one for one in world.objects.requests if one[0] == "put"] == [("put", key)] * writes


@pytest.mark.parametrize(("replaced", "is_fenced"), [(4, True), (5, False)])
def test_a_manifest_that_keeps_being_replaced_is_fenced_in_five_tries(
    replaced: int, is_fenced: bool
) -> None:
    world = published()
    key = manifest_key(PROJECT, "raw")

    def replace_it() -> None:
        data, stored = world.objects.stored[key]
        world.objects.stored[key] = (data, replace(stored, etag=f"{stored.etag}+"))

    for _ in range(replaced):
        world.objects.interleaving.before("put", replace_it)
    lease = Lease(PROJECT, 5, "me", NOON)
    if is_fenced:
        fence_out_predecessor(world.objects, lease, ["raw"])
        assert world.manifest("raw").fence == 5
    else:
        with pytest.raises(ConflictError, match="raw keeps being replaced"):
            fence_out_predecessor(world.objects, lease, ["raw"])


@pytest.mark.parametrize("runs", [False, True])
def test_a_lease_of_before_the_clock_was_set_back_is_asked_about(runs: bool) -> None:
    expires = NOON + timedelta(hours=2)
    assert claim("one", expires, claimant="two", now=NOON) is LeaseDecision.ASK
    assert claim("one", NOON + LONGEST_BELIEVED, claimant="two", now=NOON) is LeaseDecision.BUSY
    state, workflow, clock = InMemoryProjectState(), RecordingWorkflow(), ManualClock()
    lease = ProjectLease(state, workflow, clock, believed=60)
    assert lease.acquire("project", "one") is not None
    clock.time -= timedelta(hours=2)
    if runs:
        workflow.running.add("one")
    assert (lease.acquire("project", "two") is None) is runs
