"""Looks for marks that remain, and starts the run that is to take them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kili_export.changes.events.pending_changes import (
    MOST_FOLLOW_UPS,
    PendingChange,
    PendingChangeStore,
)
from kili_export.changes.events.run_starter import RunStarter

_SOON: Final = timedelta(minutes=15)
"""The sweep comes several times before a mark that rests longer is due."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """How many marks remain, and the name of the run that was started for them, if any."""

    marks: int
    started: str | None = None


@dataclass(frozen=True, slots=True)
class FollowUpRuns:
    """Starts runs for what remains."""

    changes: PendingChangeStore
    starter: RunStarter

    def look(self, project_id: str, token: int, *, untried_only: bool = False) -> Remaining:
        """To be called after the lease was given back, never before.

        A caller that stored a mark while the lease was held may have found it taken and ended
        quietly, relying on this. The name bears the token of the lease that was given back, so that
        the same holder starts one run however often it is asked. Marks that were tried rest longer
        each time; after some attempts, and when they rest long, only the scheduled sweep starts
        runs for them.
        """
        count, begin = 0, None
        latest = self.starter.clock.now() + _SOON
        for mark in self.changes.marks(project_id):
            count += 1
            if mark.attempts >= (1 if untried_only else MOST_FOLLOW_UPS):
                continue
            if mark.retry_at is not None and mark.retry_at > latest:
                continue
            due = self.due_at(mark)
            begin = due if begin is None else min(begin, due)
        if begin is None:
            return Remaining(count)
        return Remaining(count, self.starter.at(project_id, begin, f"f{token}"))

    def go_on(self, project_id: str, token: int) -> Remaining:
        """Starts the next slice of a full export at once. To be called as `look` is.

        It takes every mark that there is. Its name differs from that of a run for marks alone,
        which may have been used before the lease's holder knew that there is another slice.
        """
        count = sum(1 for _ in self.changes.marks(project_id))
        return Remaining(count, self.starter.at_once(project_id, f"r{token}"))

    def due_at(self, mark: PendingChange) -> datetime:
        """When a run may take the mark: after its window and settle time, or its next attempt."""
        if mark.retry_at is not None:
            return mark.retry_at
        rules = self.starter.rules
        return rules.ready_at(rules.window_at(mark.last_event_at))
