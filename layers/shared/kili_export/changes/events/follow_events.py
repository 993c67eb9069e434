"""Takes in Kili's list of past events as if each had come by the webhook.

So changes are published soon where Kili cannot call, and calls that are lost heal as soon. What the
webhook took in already is not marked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from kili_export.changes.events.change_events import interests_of
from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.event_catalogue import decide
from kili_export.changes.events.pending_changes import (
    PendingChangeRecorder,
    PendingChangeStore,
    asset_of,
)
from kili_export.changes.events.replay_events import (
    MOST_EVENTS,
    CursorStore,
    EventsCursor,
    PastEvents,
    RecordedEvent,
    new_events,
)
from kili_export.changes.events.run_starter import RunStarter
from kili_export.registration.declaration import ProjectRegistration

_LISTED_BEFORE: Final = timedelta(minutes=5)
"""The first round comes at most so long after the first listing began."""


@dataclass(frozen=True, slots=True)
class FollowEvents:
    """The use case, with what it needs of the outside.

    A project where nothing happened costs one call of Kili.
    """

    kili: PastEvents
    cursors: CursorStore
    changes: PendingChangeStore
    marks: PendingChangeRecorder
    rechecks: DelayedRechecks
    starter: RunStarter

    def __call__(self, registration: ProjectRegistration) -> int:
        """Marks what happened since the cursor, starts a run for it, and moves the cursor.

        In this order: a crash in between does it again. Answers how many events were marked. Raises
        AccessDenied and TransientError.
        """
        project_id = registration.project_id
        cursor = self.cursors.cursor(project_id)
        if cursor is None:
            # The first export may have listed the project before this round, and not since.
            begin = self.marks.clock.now() - _LISTED_BEFORE
            self.cursors.move(project_id, EventsCursor("", begin.isoformat()))
            return 0
        recorded = list(islice(new_events(self.kili, project_id, cursor), MOST_EVENTS))
        if not recorded:
            return 0
        interests, known = interests_of(registration), self._known(project_id)
        marked = 0
        for one in recorded:
            if not _is_known(one, known):
                marked += self.marks.mark_event(one.event, decide(one.event, interests))
        if marked:
            self.starter.after_change(project_id)
        last = recorded[-1]
        moved = EventsCursor(last.event_id, last.created_at, cursor.thorough)
        self.cursors.move(project_id, moved)
        return marked

    def _known(self, project_id: str) -> Mapping[str, datetime]:
        """Assets of which an event was taken in lately, and when the last one was.

        Their changes wait, or were exported because of it. Should that have been another event, by
        clocks that differ, the delayed recheck or the next comparison finds what this one tells of.
        """
        waiting = {
            asset: mark.last_event_at
            for mark in self.changes.marks(project_id)
            if (asset := asset_of(mark.subject)) is not None
        }
        return {**self.rechecks.exported(project_id), **waiting}


def _is_known(recorded: RecordedEvent, known: Mapping[str, datetime]) -> bool:
    taken_in = known.get(recorded.event.asset_id or "")
    if taken_in is None:
        return False
    try:
        return datetime.fromisoformat(recorded.created_at) <= taken_in
    except (ValueError, TypeError):
        return False
