"""What change marks are about, where they are kept, and when they are tried again."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from kili_export.changes.events.change_events import Action, ChangeEvent, Decision
from kili_export.core.clock import Clock, RandomSource

SHARDS: Final = 8
"""Over how many partitions the marks of one project's assets are spread."""
REBUILD: Final = "rebuild"
"""Every export of the project is to be made again: one mark, not one for each asset."""
RECONCILE: Final = "reconcile"
"""Assets changed and nobody said which: Kili and the exports are to be compared."""
CHECK: Final = "check"
"""An export was declared or changed, or a person asked: a run is to see what there is to do."""
PROJECT_SUBJECTS: Final = frozenset({REBUILD, RECONCILE, CHECK})
MOST_LABELS: Final = 20
"""How many labels a mark remembers besides the latest."""
MOST_FOLLOW_UPS: Final = 6
"""After so many attempts a mark no longer starts runs by itself; the scheduled sweep does."""
_ASSET: Final = "asset#"
_FIRST_RETRY: Final = timedelta(seconds=10)
_LONGEST_RETRY: Final = timedelta(hours=6)
_TOLERANCE: Final = timedelta(seconds=30)
"""So far clocks may differ."""
_MOST_LABEL_CHECKS: Final = 3
_LONGEST_LABEL_WAIT: Final = timedelta(minutes=10)


def asset_subject(asset_id: str) -> str:
    """The subject of the mark of one asset."""
    return _ASSET + asset_id


def asset_of(subject: str) -> str | None:
    """The asset that a mark is about, None when it is about the whole project."""
    return subject.removeprefix(_ASSET) if subject.startswith(_ASSET) else None


def shard_of(subject: str) -> str:
    """The partition of a mark; the same everywhere and for ever."""
    asset_id = asset_of(subject)
    if asset_id is None:
        return "project"
    digest = hashlib.sha256(asset_id.encode()).digest()
    return str(digest[0] % SHARDS)


def all_shards() -> Iterable[str]:
    """Every partition of a project's marks."""
    return ("project", *map(str, range(SHARDS)))


def retry_after(attempts: int) -> timedelta:
    """How long a mark rests after that many attempts: doubled each time, six hours at most."""
    # The bound on the shift keeps the product small; the cap is reached long before it.
    return min(_FIRST_RETRY * (1 << min(max(attempts, 1) - 1, 20)), _LONGEST_RETRY)


def labels_to_await(
    label_ids: frozenset[str], *, attempts: int, last_event_at: datetime, now: datetime
) -> tuple[str, ...]:
    """The labels that must be readable before the asset is settled.

    None after three runs or ten minutes: a label that was deleted since, or that an event was
    wrong about, must not be waited for for ever.
    """
    if attempts >= _MOST_LABEL_CHECKS or now - last_event_at >= _LONGEST_LABEL_WAIT:
        return ()
    return tuple(sorted(label_ids))


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A stored hint that something changed. `version` is random and changes with every event.

    `subject` is an asset or the project as a whole. `label_ids` are
    labels that events named and that must be readable before the mark is done with. `attempts`
    counts the runs since the last event that could not clear the mark; none is due before
    `retry_at`.
    """

    project_id: str
    subject: str
    version: str
    first_event_at: datetime
    last_event_at: datetime
    label_ids: frozenset[str] = frozenset()
    attempts: int = 0
    retry_at: datetime | None = None

    def is_ahead(self, now: datetime) -> bool:
        """Whether a clock that was ahead wrote its times: they are to come, and too far away."""
        if self.last_event_at > now + _TOLERANCE:
            return True
        return self.retry_at is not None and self.retry_at > now + _LONGEST_RETRY + _TOLERANCE


class PendingChangeStore(Protocol):
    """The change marks of all projects. What was read is never older than what was written."""

    def mark(
        self,
        project_id: str,
        subject: str,
        *,
        version: str,
        at: datetime,
        label_id: str | None = None,
    ) -> None:
        """Stores a mark, or stores it again: another version, no attempts, due at once.

        The first event's time and the labels that earlier events named stay.
        """

    def marks(self, project_id: str) -> Iterator[PendingChange]:
        """Every mark of the project."""

    def clear(self, marks: Iterable[PendingChange]) -> int:
        """Removes marks that still have the version given; others stay. Answers how many went."""

    def postpone(self, marks: Iterable[tuple[PendingChange, datetime]]) -> int:
        """Counts an attempt on marks that still have the version given, and when to try again."""


@dataclass(frozen=True, slots=True)
class PendingChangeRecorder:
    """Stores change marks for events."""

    changes: PendingChangeStore
    clock: Clock
    random: RandomSource

    def mark(self, project_id: str, subject: str, label_id: str | None = None) -> None:
        """Stores a mark of the present moment."""
        self.changes.mark(
            project_id,
            subject,
            version=self.random.token(),
            at=self.clock.now(),
            label_id=label_id,
        )

    def mark_event(self, event: ChangeEvent, decision: Decision) -> bool:
        """Stores the mark that an event asks for. False when it asks for none."""
        match decision.action:
            case Action.EXPORT_ASSET if event.asset_id:
                self.mark(event.project_id, asset_subject(event.asset_id), event.label_id)
            case Action.REMOVE_ASSET if event.asset_id:
                # Whether the asset is really gone is asked of Kili; the mark is the same.
                self.mark(event.project_id, asset_subject(event.asset_id))
            case Action.REBUILD:
                self.mark(event.project_id, REBUILD)
            case Action.RECONCILE:
                self.mark(event.project_id, RECONCILE)
            case _:
                return False
        return True
