"""Takes in what Kili tells of a change: stores a mark and makes sure that a run looks at it."""

from dataclasses import dataclass

from kili_export.changes.events.change_events import Action, ChangeEvent, Decision, interests_of
from kili_export.changes.events.event_catalogue import decide
from kili_export.changes.events.pending_changes import (
    PendingChangeRecorder,
)
from kili_export.changes.events.run_starter import RunStarter
from kili_export.changes.events.secret_check import SecretCheck
from kili_export.changes.events.webhook_body import parse_webhook
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.stored_registrations import RememberedRegistrations

UNREGISTERED = "project not registered"
PROJECT_CLOSED = "project closed"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was taken in of one call. `reason` says why nothing was, or why some was not."""

    accepted: int
    project_id: str
    action: Action
    reason: str | None = None
    window: int | None = None


@dataclass(frozen=True, slots=True)
class ReceiveEvent:
    """The use case, with what it needs of the outside."""

    secrets: SecretCheck
    registrations: RememberedRegistrations
    marks: PendingChangeRecorder
    starter: RunStarter

    def __call__(self, body: bytes, authorization: str | None) -> Accepted:
        """Takes in one webhook call, given the raw body and the Authorization header.

        When this returns, what was accepted is stored and a run is certain to look at it. Raises
        Unauthorized, InvalidEvent naming the field, and TransientError when the change could not
        be stored or no run started: then the sender should try again.
        """
        self.secrets.verify(authorization)
        answers = [self._take_in(event) for event in parse_webhook(body)]
        accepted = sum(answer.accepted for answer in answers)
        first = answers[0]
        if not accepted:
            return first
        window = self.starter.after_change(first.project_id)
        return Accepted(accepted, first.project_id, first.action, first.reason, window)

    def _take_in(self, event: ChangeEvent) -> Accepted:
        registration = self.registrations.get(event.project_id)
        if registration is None:
            return Accepted(0, event.project_id, Action.IGNORE, UNREGISTERED)
        decision = self._decide(event, registration)
        if decision.action is Action.STOP:
            return Accepted(0, event.project_id, Action.STOP, PROJECT_CLOSED)
        if not self.marks.mark_event(event, decision):
            return Accepted(0, event.project_id, decision.action, decision.reason)
        return Accepted(1, event.project_id, decision.action)

    def _decide(self, event: ChangeEvent, registration: ProjectRegistration) -> Decision:
        decision = decide(event, interests_of(registration))
        if decision.action is not Action.IGNORE:
            return decision
        # An export that was declared a moment ago may care for what the former ones did not.
        latest = self.registrations.latest(event.project_id)
        if latest is None or latest is registration:
            return decision
        return decide(event, interests_of(latest))
