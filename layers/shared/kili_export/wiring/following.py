"""What follows Kili's own list of events, in place of webhooks and for those that are lost."""

from typing import Final

from kili_export.changes.events.delayed_recheck import DelayedRechecks
from kili_export.changes.events.follow_events import FollowEvents
from kili_export.registration.stored_registrations import load_registration
from kili_export.wiring.application import Application

_SHARE: Final = 10
"""One in so many of the calls that Kili allows: with many projects it takes longer around."""


def follow_events(app: Application, project_id: str) -> int:
    """Takes in what happened in a project since the last time. Answers how many events that were.

    Raises the errors of FollowEvents.
    """
    registration = load_registration(app.objects, project_id)
    if registration is None:
        return 0
    most = max(1, app.settings.kili_requests_per_minute // _SHARE)
    follow = FollowEvents(
        kili=app.kili(project_id, most=most),
        cursors=app.project_state,
        changes=app.changes,
        marks=app.marks,
        rechecks=DelayedRechecks(app.objects, app.clock),
        starter=app.starter,
    )
    return follow(registration)
