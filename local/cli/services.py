"""What the commands do with a stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kili_export.bootstrap import Application
from kili_export.contracts.registration import ProjectRegistration
from kili_export.contracts.workflow import ReconcileRequest, Repaired
from kili_export.domain.errors import ExportError
from kili_export.ports import KiliApi, ObjectStore, RandomSource
from kili_export.usecases.project_status import StatusReader
from local.cli.connection import Connection
from local.stack.journal import Entry


class ReconciliationFailed(ExportError):
    """A project could not be compared with Kili; the message is the reason."""


@dataclass(frozen=True)
class Services:
    """The use cases of one stack. What a local stack was asked for survives its crash."""

    connection: Connection

    @classmethod
    def of(cls, connection: Connection) -> "Services":
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
    def random(self) -> RandomSource:
        """The operating system's randomness."""
        return self.application.random

    @cached_property
    def kili(self) -> KiliApi:
        """Kili, with the stack's key."""
        return self.application.kili()

    def kili_of(self, project_id: str) -> KiliApi:
        """Kili, with the key that the project is registered with."""
        return self.application.kili(project_id)

    def kili_for(self, registration: ProjectRegistration) -> KiliApi:
        """Kili, with the key that a registration asks for."""
        secret_id = self.application.project_keys.secret_for(registration)
        return self.application.kili_with_secret(secret_id)

    @cached_property
    def status(self) -> StatusReader:
        """How projects stand."""
        return self.application.status()

    def webhook_secret(self) -> str:
        """What Kili has to send as its Authorization header."""
        return self.application.webhook_secret.value()

    def request_run(self, project_id: str, *, full: bool) -> str:
        """Starts a run. Answers the name of the execution."""
        name = self.application.request_run()(project_id, full=full)
        self.connection.remember(Entry(project_id, "full" if full else "run"))
        return name

    def retry(self, project_id: str, asset_ids: Sequence[str]) -> tuple[str, ...]:
        """Tries assets again that could not be exported, all if none is named. Answers which."""
        assets, _ = self.application.retry_assets()(project_id, asset_ids)
        if assets:
            self.connection.remember(Entry(project_id, "run"))
        return assets

    def confirm_removals(self, project_id: str) -> int:
        """Allows the removals that wait, and starts the run that makes them. Answers how many."""
        count, _ = self.application.confirm_removals()(project_id)
        self.connection.remember(Entry(project_id, "run"))
        return count

    def reconcile(self, project_id: str) -> Repaired:
        """Compares a project with Kili; a run takes up what differs.

        Raises ReconciliationFailed.
        """
        request = ReconcileRequest(project_id=project_id)
        answer = self.application.reconcile()(request).projects[0]
        if answer.error is not None:
            raise ReconciliationFailed(f"Project {project_id} was not compared: {answer.error}")
        self.connection.remember(Entry(project_id, "run"))
        return answer.repaired
