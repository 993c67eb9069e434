"""Takes in what Kili tells of a change: stores a mark and makes sure that a run looks at it."""

from dataclasses import dataclass

from kili_export.contracts.registration import ProjectRegistration, interests_of
from kili_export.contracts.webhook import parse_webhook
from kili_export.domain.change_events import Action, ChangeEvent, Decision
from kili_export.domain.event_catalogue import decide
from kili_export.domain.marks import REBUILD, RECONCILE, asset_subject
from kili_export.ports import ChangeStore, Clock, RandomSource
from kili_export.usecases.registrations import RememberedRegistrations
from kili_export.usecases.run_starting import RunStarter
from kili_export.usecases.secret_check import SecretCheck

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
class MarkWriter:
    """Stores change marks for events."""

    changes: ChangeStore
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


@dataclass(frozen=True, slots=True)
class ReceiveEvent:
    """The use case, with what it needs of the outside."""

    secrets: SecretCheck
    registrations: RememberedRegistrations
    marks: MarkWriter
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
