"""Reads Kili's list of past events for those that leave no trace in a listing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kili_export.contracts.registration import ProjectRegistration, interests_of
from kili_export.domain.change_events import Action
from kili_export.domain.errors import RequestRefused
from kili_export.domain.event_catalogue import decide
from kili_export.ports import EventsCursor, KiliApi, RecordedEvent

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


@dataclass(frozen=True, slots=True)
class Replayed:
    """Assets to look at again, whether to compare thoroughly, and where reading stopped."""

    cursor: EventsCursor
    assets: frozenset[str] = frozenset()
    thorough: bool = False


def replay_events(
    kili: KiliApi,
    registration: ProjectRegistration,
    cursor: EventsCursor | None,
    *,
    now: datetime,
) -> Replayed:
    """What the events since the cursor ask for, beyond what a comparison finds.

    Most of them were received and their assets exported. Marking all of them again would fetch
    everything twice, so only those count whose consequences no comparison of fingerprints finds.
    """
    if cursor is None:
        # The first export reads everything as it is; there is no past to be replayed.
        return Replayed(EventsCursor("", now.isoformat()))
    interests = interests_of(registration)
    assets: set[str] = set()
    thorough = False
    for recorded in _events(kili, registration.project_id, cursor):
        cursor = EventsCursor(recorded.event_id, recorded.created_at)
        event = recorded.event
        if decide(event, interests).action in {Action.IGNORE, Action.STOP}:
            continue
        if event.name == _UNTOLD and event.asset_id:
            assets.add(event.asset_id)
        elif event.name.startswith("project.workflow.") or not event.name.startswith(
            _SEEN_IN_LISTING
        ):
            # Steps, assignees, issues, marks: what a server-side filter selects may be another.
            thorough = True
    return Replayed(cursor, frozenset(assets), thorough)


def _events(kili: KiliApi, project_id: str, cursor: EventsCursor) -> Iterator[RecordedEvent]:
    try:
        for recorded in kili.events_since(project_id, created_at_gte=cursor.created_at):
            if recorded.event_id != cursor.event_id:
                yield recorded
    except RequestRefused:
        # Not every Kili lists past events; the comparison does without them.
        return
