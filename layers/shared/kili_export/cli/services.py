"""What the commands do with a stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kili_export.cli.stack_connection import StackConnection
from kili_export.core.clock import RandomSource
from kili_export.core.errors import ExportError, Unavailable
from kili_export.maintenance.reconciliation.messages import ReconcileRequest, Repaired
from kili_export.maintenance.reconciliation.project_status import StatusReader
from kili_export.registration.declaration import ProjectRegistration
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring import operating
from kili_export.wiring.application import Application
from kili_export.wiring.reconciliation import reconcile

if TYPE_CHECKING:
    from kili_export.kili.client import KiliClient

_PASSING = ("Throttled:", "Unavailable:", "TransientError:")


class ReconciliationFailed(ExportError):
    """A project could not be compared with Kili; the message is the reason."""


@dataclass(frozen=True)
class StackServices:
    """The use cases of one stack."""

    connection: StackConnection

    @classmethod
    def of(cls, connection: StackConnection) -> "StackServices":
        """Those of a connection."""
        return cls(connection)

    @cached_property
    def application(self) -> Application:
        """The use cases as the functions have them."""
        return Application(self.connection.settings)

    @property
    def objects(self) -> ObjectStore:
        """The bucket."""
        return self.application.objects

    @property
    def copies(self) -> ObjectStore | None:
        """The copies of registrations and keys; a local stack has none."""
        return self.application.copies

    @property
    def random(self) -> RandomSource:
        """The operating system's randomness."""
        return self.application.random

    @cached_property
    def kili(self) -> "KiliClient":
        """Kili, with the stack's key."""
        return self.application.kili()

    def kili_of(self, project_id: str) -> "KiliClient":
        """Kili, with the key that the project is registered with."""
        return self.application.kili(project_id)

    def kili_for(self, registration: ProjectRegistration) -> "KiliClient":
        """Kili, with the key that a registration asks for."""
        secret_id = self.application.project_keys.secret_for(registration)
        return self.application.kili_with_secret(secret_id)

    @cached_property
    def status(self) -> StatusReader:
        """How projects stand."""
        return operating.status(self.application)

    def webhook_secret(self) -> str:
        """What Kili has to send as its Authorization header."""
        return self.application.webhook_secret.value()

    def request_run(self, project_id: str, *, full: bool) -> str:
        """Starts a run. Answers the name of the execution."""
        return operating.request_run(self.application)(project_id, full=full)

    def retry(self, project_id: str, asset_ids: Sequence[str]) -> tuple[str, ...]:
        """Tries assets again that could not be exported, all if none is named. Answers which."""
        assets, _ = operating.retry_assets(self.application)(project_id, asset_ids)
        return assets

    def confirm_removals(self, project_id: str) -> int:
        """Allows the removals that wait, and starts the run that makes them. Answers how many."""
        count, _ = operating.confirm_removals(self.application)(project_id)
        return count

    def reconcile(self, project_id: str) -> Repaired:
        """Compares a project with Kili; a run takes up what differs.

        Raises ReconciliationFailed, or Unavailable when something did not answer.
        """
        request = ReconcileRequest(project_id=project_id)
        answer = reconcile(self.application)(request).projects[0]
        if answer.error is not None:
            kind = Unavailable if answer.error.startswith(_PASSING) else ReconciliationFailed
            what = "all exports of project" if answer.repaired.damaged else "project"
            raise kind(f"Not compared with Kili: {what} {project_id}. {answer.error}")
        return answer.repaired
