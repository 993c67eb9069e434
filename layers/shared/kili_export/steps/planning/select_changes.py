"""The change marks that one run takes on."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kili_export.changes.events.pending_changes import CHECK, REBUILD, PendingChange, asset_of
from kili_export.runs.full_export_session import FullExportSession
from kili_export.runs.planned_changes import PlannedChange


@dataclass(frozen=True, slots=True)
class ChosenChanges:
    """Marks of the project as a whole by subject, and marks of assets by asset id."""

    project: Mapping[str, PendingChange] = field(default_factory=dict)
    assets: Mapping[str, PendingChange] = field(default_factory=dict)

    def all(self) -> Iterable[PendingChange]:
        """Every mark."""
        yield from self.project.values()
        yield from self.assets.values()

    @property
    def were_tried(self) -> bool:
        """Whether a run before took one of them on in vain."""
        return any(mark.attempts for mark in self.all())

    def first_event_at(self) -> datetime | None:
        """When the oldest change happened."""
        return min((mark.first_event_at for mark in self.all()), default=None)

    def lines(self) -> bytes:
        """The marks as stored with the run, one JSON object a line."""
        return b"".join(
            PlannedChange(
                subject=mark.subject, version=mark.version, attempts=mark.attempts
            ).to_bytes()
            + b"\n"
            for mark in self.all()
        )


def select_marks(
    marks: Iterable[PendingChange],
    *,
    most: int,
    now: datetime,
    session: FullExportSession | None = None,
) -> ChosenChanges:
    """The marks that a run takes on: the `most` oldest of assets, those of the project when due.

    What an asset's mark costs is little, so they go along even before their next attempt is due.
    A rebuild or a comparison that failed is not tried again with every run. While exports are
    made again in slices, `session`, another wish for that waits until they are published.
    """
    project: dict[str, PendingChange] = {}
    assets: list[PendingChange] = []

    def of_assets() -> Iterable[PendingChange]:
        for mark in marks:
            if asset_of(mark.subject) is not None:
                yield mark
            elif session is not None and mark.subject == REBUILD:
                if mark.version == session.rebuild_mark:
                    project[mark.subject] = mark
            elif mark.subject == CHECK or _is_due(mark, now):
                project[mark.subject] = mark

    assets = heapq.nsmallest(most, of_assets(), key=lambda one: (one.first_event_at, one.subject))
    return ChosenChanges(project, {asset_of(mark.subject) or "": mark for mark in assets})


def _is_due(mark: PendingChange, now: datetime) -> bool:
    return mark.retry_at is None or mark.retry_at <= now or mark.is_ahead(now)
