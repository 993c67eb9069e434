"""A stack that starts goes on with what was accepted before."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from kili_export.core.clock import SystemClock
from kili_export.core.errors import Throttled
from kili_export.local.stack.pending_work import take_up
from kili_export.machine.state_files import StateFiles
from tests.support.fakes import NOON


@pytest.fixture
def files(tmp_path: Path) -> Iterator[StateFiles]:
    with StateFiles(tmp_path, SystemClock()) as made:
        yield made


def test_each_project_with_changes_gets_a_run(files: StateFiles) -> None:
    for project in ("b", "a", "b"):
        files.changes.mark(project, "asset#a", version="v", at=NOON)
    started: list[str] = []
    [told] = take_up(files, started.append)
    assert started == ["a", "b"]
    assert "2 projects" in told


def test_a_project_whose_run_cannot_be_started_does_not_stop_the_others(files: StateFiles) -> None:
    started: list[str] = []

    def start(project_id: str) -> None:
        started.append(project_id)
        if project_id == "p00":
            raise Throttled("too many calls")

    for number in range(70):
        files.changes.mark(f"p{number:02d}", "asset#a", version="v", at=NOON)
    told = take_up(files, start)
    assert len(started) == 70
    assert told[0] == "Project p00 waits for the next sweep: too many calls"


def test_leases_and_windows_of_before_hold_nobody_up(files: StateFiles) -> None:
    state, clock = files.project_state, files.clock
    later = clock.now() + timedelta(hours=1)
    state.take("p", holder="dead", expires_at=later, seen=None)
    state.record_started("p", 7, expires=later)
    assert take_up(files, lambda _: None) == []
    lease = state.read("p")
    assert lease is not None
    assert (lease.holder, lease.token) == ("dead", 1)
    assert lease.expires_at <= clock.now()
    assert not state.is_started("p", 7)
