"""Reads Kili's list of past events."""

import logging
from collections.abc import Iterator
from typing import Any

from kili_export.changes.events.replay_events import RecordedEvent
from kili_export.changes.events.webhook_body import read_event
from kili_export.core.errors import InvalidEvent, Unavailable
from kili_export.kili.answers import rows, text
from kili_export.kili.http.transport import GraphQLTransport
from kili_export.kili.queries import EVENTS

PAGE = 100
MOST_PAGES = 10_000
_log = logging.getLogger(__name__)


def events_since(
    transport: GraphQLTransport,
    project_id: str,
    created_at_gte: str | None,
    from_event_id: str | None,
) -> Iterator[RecordedEvent]:
    """See PastEvents.events_since. Entries that are no events are passed over and logged."""
    where: dict[str, Any] = {"projectId": project_id}
    if created_at_gte is not None:
        where["createdAtGte"] = created_at_gte
    seen: set[str] = set()
    for number in range(MOST_PAGES):
        pagination = {
            "skip": number * PAGE,
            "first": PAGE,
            "fromEventId": from_event_id,
            "untilEventId": None,
        }
        variables = {"where": where, "pagination": pagination, "order": "asc"}
        page = rows(transport.execute(EVENTS, variables), "events")
        named = {text(row, "id", "an event"): row for row in page}
        fresh = {event_id: row for event_id, row in named.items() if event_id not in seen}
        seen.update(fresh)
        for row in fresh.values():
            if (event := _recorded(row, project_id)) is not None:
                yield event
        if len(page) < PAGE or not fresh:
            return
    raise Unavailable("Kili's list of events does not end")


def _recorded(row: dict[str, Any], project_id: str) -> RecordedEvent | None:
    try:
        event = read_event({**row, "projectId": row.get("projectId") or project_id}, project_id)
    except InvalidEvent as error:
        _log.warning("a recorded event of Kili is passed over: %s", error)
        return None
    created_at = row.get("createdAt")
    if not isinstance(created_at, str) or not created_at:
        # A cursor would hold it, and Kili lists nothing from there on.
        _log.warning("a recorded event of Kili is passed over: it has no moment")
        return None
    return RecordedEvent(row["id"], created_at, event)
