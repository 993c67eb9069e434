"""Which marks a run takes on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kili_export.changes.events.pending_changes import (
    CHECK,
    REBUILD,
    RECONCILE,
    PendingChange,
    asset_subject,
)
from kili_export.runs.full_export_session import FullExportSession
from kili_export.steps.planning.select_changes import ChosenChanges, select_marks
from tests.support.fakes import NOON
from tests.support.protocol_world import PROJECT

SECOND = timedelta(seconds=1)
SESSION = FullExportSession(session_id="s", rebuild_mark="asked for")


def mark(
    subject: str, age: int = 0, version: str = "v", retry_in: int | None = None
) -> PendingChange:
    """A mark of so many seconds ago, to be tried again in so many."""
    at = NOON - age * SECOND
    retry_at = None if retry_in is None else NOON + retry_in * SECOND
    return PendingChange(PROJECT, subject, version, at, at, attempts=2, retry_at=retry_at)


def assets(*ages: int) -> list[PendingChange]:
    return [mark(asset_subject(f"as_{number}"), age) for number, age in enumerate(ages)]


def test_the_oldest_changes_come_first() -> None:
    found = select_marks(assets(1, 9, 5, 7), most=2, now=NOON)
    assert list(found.assets) == ["as_1", "as_3"]
    assert found.first_event_at() == NOON - 9 * SECOND


def test_of_changes_of_one_moment_the_first_name_comes_first() -> None:
    found = select_marks(reversed(assets(3, 3, 3)), most=2, now=NOON)
    assert list(found.assets) == ["as_0", "as_1"]


def test_assets_go_along_before_their_next_attempt() -> None:
    waiting = mark(asset_subject("as_0"), retry_in=100)
    assert list(select_marks([waiting], most=9, now=NOON).assets) == ["as_0"]


@pytest.mark.parametrize("subject", [REBUILD, RECONCILE])
@pytest.mark.parametrize(
    ("retry_in", "is_taken"), [(None, True), (-1, True), (0, True), (1, False)]
)
def test_what_is_about_the_project_waits_for_its_next_attempt(
    subject: str, retry_in: int | None, is_taken: bool
) -> None:
    found = select_marks([mark(subject, retry_in=retry_in)], most=9, now=NOON)
    assert (subject in found.project) is is_taken
    assert found.assets == {}


@pytest.mark.parametrize("retry_in", [None, -1, 1])
def test_a_check_is_always_taken(retry_in: int | None) -> None:
    found = select_marks([mark(CHECK, retry_in=retry_in)], most=9, now=NOON, session=SESSION)
    assert list(found.project) == [CHECK]


@pytest.mark.parametrize("retry_in", [None, 100])
@pytest.mark.parametrize(("version", "is_taken"), [("asked for", True), ("later", False)])
def test_another_wish_for_a_full_export_waits_for_the_one_under_way(
    version: str, is_taken: bool, retry_in: int | None
) -> None:
    wish = mark(REBUILD, version=version, retry_in=retry_in)
    found = select_marks([wish, mark(RECONCILE)], most=9, now=NOON, session=SESSION)
    assert (REBUILD in found.project) is is_taken
    assert RECONCILE in found.project


def test_marks_are_stored_as_lines() -> None:
    found = select_marks([*assets(1), mark(CHECK, 4, "w")], most=9, now=NOON)
    assert found.lines() == (
        b'{"subject":"check","version":"w","attempts":2}\n'
        b'{"subject":"asset#as_0","version":"v","attempts":2}\n'
    )
    assert found.first_event_at() == NOON - 4 * SECOND
    assert ChosenChanges().first_event_at() is None
    assert ChosenChanges().lines() == b""


@pytest.mark.parametrize(
    ("attempts", "were_tried"), [((), False), ((0, 0), False), ((0, 1), True), ((2, 1), True)]
)
def test_one_mark_that_was_tried_before_counts(attempts: tuple[int, ...], were_tried: bool) -> None:
    marks = {
        f"as_{number}": replace(mark(asset_subject(f"as_{number}")), attempts=count)
        for number, count in enumerate(attempts)
    }
    assert ChosenChanges(assets=marks).were_tried is were_tried
    assert ChosenChanges(project=marks).were_tried is were_tried
