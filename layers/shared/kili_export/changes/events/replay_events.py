"""Reads Kili's list of past events for those that leave no trace in a listing."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from kili_export.changes.events.change_events import Action, ChangeEvent, interests_of
from kili_export.changes.events.event_catalogue import decide
from kili_export.changes.events.pending_changes import (
    PendingChangeRecorder,
    PendingChangeStore,
    asset_of,
    asset_subject,
)
from kili_export.core.clock import TimeLeft
from kili_export.core.errors import RequestRefused
from kili_export.registration.declaration import ProjectRegistration

_SEEN_IN_LISTING: Final = (
    "label.",
    "asset.created",
    "asset.deleted",
    "asset.destroyed",
    "project.",
    "on",
)
"""How the names of events begin whose consequences a comparison finds by itself."""
_UNTOLD: Final = "asset.updated"
"""A changed file of an asset shows in no field that a listing could be compared by."""

MOST_EVENTS: Final = 50_000
"""So many are read at once: three to four minutes of the usual budget of calls."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventsCursor:
    """The last of Kili's recorded events that was taken into account.

    `thorough`: what was read asks for a thorough comparison, which was not made yet.
    """

    event_id: str
    created_at: str
    thorough: bool = False


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of Kili's own list of past events."""

    event_id: str
    created_at: str
    event: ChangeEvent


class PastEvents(Protocol):
    """Kili's own list of past events."""

    def events_since(
        self,
        project_id: str,
        *,
        created_at_gte: str | None = None,
        from_event_id: str | None = None,
    ) -> Iterator[RecordedEvent]:
        """Past events, first to last, each once, from a moment or from an event on.

        Whether the event of `from_event_id` itself is among them is up to the server. Raises
        AccessDenied, RequestRefused and TransientError.
        """


@dataclass(frozen=True, slots=True)
class Replayed:
    """Assets to look at again, and where reading stopped."""

    cursor: EventsCursor
    assets: frozenset[str] = frozenset()


def replay_events(
    kili: PastEvents,
    registration: ProjectRegistration,
    cursor: EventsCursor | None,
    *,
    now: datetime,
    time_left: TimeLeft | None = None,
    most: int = MOST_EVENTS,
) -> Replayed:
    """What the events since the cursor ask for, beyond what a comparison finds.

    Most of them were received and their assets exported. Marking all of them again would fetch
    everything twice, so only those count whose consequences no comparison of fingerprints finds.
    At most `most` are read, and no more when the time is up: the next one goes on.
    """
    if cursor is None:
        # The first export reads everything as it is; there is no past to be replayed.
        return Replayed(EventsCursor("", now.isoformat()))
    interests = interests_of(registration)
    began, assets = cursor, set[str]()
    for number, recorded in enumerate(new_events(kili, registration.project_id, cursor), 1):
        event, thorough = recorded.event, cursor.thorough
        if decide(event, interests).action not in {Action.IGNORE, Action.STOP}:
            if event.name == _UNTOLD and event.asset_id:
                assets.add(event.asset_id)
            else:
                thorough |= _changes_what_filters_select(event.name)
        cursor = EventsCursor(recorded.event_id, recorded.created_at, thorough)
        if number >= most or (time_left is not None and time_left.is_up()):
            cursor = _stopped(cursor, began, now)
            break
    return Replayed(cursor, frozenset(assets))


def mark_replayed(
    kili: PastEvents,
    cursors: "CursorStore",
    changes: PendingChangeStore,
    marks: PendingChangeRecorder,
    registration: ProjectRegistration,
    time_left: TimeLeft | None = None,
) -> Replayed:
    """Replays the events of a project since its cursor, and moves that. Answers what was marked.

    What past events ask for is marked, and only then are they done with.
    """
    project_id = registration.project_id
    past = replay_events(
        kili,
        registration,
        cursors.cursor(project_id),
        now=marks.clock.now(),
        time_left=time_left,
    )
    missed = past.assets - {asset_of(mark.subject) for mark in changes.marks(project_id)}
    for asset_id in sorted(missed):
        marks.mark(project_id, asset_subject(asset_id))
    cursors.move(project_id, past.cursor)
    return replace(past, assets=missed)


def _changes_what_filters_select(name: str) -> bool:
    """Steps, assignees, issues, marks: what a server-side filter selects may be another."""
    return name.startswith("project.workflow.") or not name.startswith(_SEEN_IN_LISTING)


def _stopped(cursor: EventsCursor, began: EventsCursor, now: datetime) -> EventsCursor:
    """Where to go on; reading begins at a moment, which must be a later one than it was.

    Where more events than can be read are of one moment, they are passed over, and those that
    came since: the comparison finds what they did, but for files that were replaced.
    """
    if cursor.created_at > began.created_at:
        return cursor
    _log.warning(
        "more than can be read of Kili's events are of %s; they are passed over until %s, and "
        "files of assets that were replaced meanwhile are not noticed",
        began.created_at,
        now.isoformat(),
    )
    return EventsCursor("", now.isoformat(), thorough=True)


def new_events(kili: PastEvents, project_id: str, cursor: EventsCursor) -> Iterator[RecordedEvent]:
    """The events after the cursor's; none where Kili lists no past events.

    Kili is asked for those from the cursor's moment on: of that very moment, the ones that come
    before the cursor's event were read with it.
    """
    held: list[RecordedEvent] | None = []
    try:
        for recorded in kili.events_since(project_id, created_at_gte=cursor.created_at):
            if recorded.event_id == cursor.event_id:
                held = None
            elif held is None:
                yield recorded
            elif recorded.created_at == cursor.created_at:
                held.append(recorded)
            else:
                yield from held
                held = None
                yield recorded
    except RequestRefused:
        # Not every Kili lists past events; the comparison does without them.
        return
    yield from held or ()


class CursorStore(Protocol):
    """How far the list of Kili's past events was read, for each project."""

    def cursor(self, project_id: str) -> EventsCursor | None:
        """Where reading stopped, None before the first time."""

    def move(self, project_id: str, cursor: EventsCursor) -> None:
        """Stores where reading stopped."""
