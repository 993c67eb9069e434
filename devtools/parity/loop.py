"""Our side: the local stack, from registering to the archive that a person pulls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kili_export.cli.commands.pull import download
from kili_export.cli.commands.runs import wait_until_settled
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.errors import InvalidConfiguration
from kili_export.formats.registry import FORMATS
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports, unregister

_PATIENCE_SECONDS = 300.0
_PUBLISHED = (ExitCode.OK, ExitCode.QUARANTINED)
_AT_ONCE = 50
"""How many exports a project may have."""
Declaration = dict[str, Any]


class NotPublished(Exception):
    """A run ended without publishing; the message says why."""


class Loop:
    """Exports projects with a running stack."""

    def __init__(self, connection: StackConnection, folder: Path) -> None:
        self._connection = connection
        self._services = StackServices.of(connection)
        self._folder = folder

    def refusal(self, project_id: str, declaration: Declaration) -> str | None:
        """Why registering an export is refused; None when it is accepted, and then it is kept."""
        try:
            self._register(project_id, [declaration])
        except InvalidConfiguration as refused:
            return str(refused)
        return None

    def export(self, project_id: str, declarations: Sequence[Declaration]) -> dict[str, bytes]:
        """Registers exports, runs in full and pulls every archive: those by name.

        Raises NotPublished.
        """
        archives: dict[str, bytes] = {}
        for start in range(0, len(declarations), _AT_ONCE):
            together = declarations[start : start + _AT_ONCE]
            self._register(project_id, together)
            self._services.request_run(project_id, full=True)
            self.settle(project_id)
            archives |= self.archives(project_id, [one["name"] for one in together])
        return archives

    def archives(self, project_id: str, names: Sequence[str]) -> dict[str, bytes]:
        """The archives that are current now."""
        pulled = self._folder / "pulled.zip"
        archives = {}
        for name in names:
            download(self._services, project_id, name, pulled)
            archives[name] = pulled.read_bytes()
        return archives

    def follow(self, project_id: str) -> None:
        """Has Kili tell the stack of what happens in a project."""
        self._services.kili.install_webhook(
            project_id,
            self._connection.webhook_url,
            self._services.webhook_secret(),
            f"parity-{project_id}",
        )

    def reconcile(self, project_id: str) -> Mapping[str, Any]:
        """Compares with Kili what no event told of; a run takes it up."""
        repaired: dict[str, Any] = self._services.reconcile(project_id).model_dump()
        return repaired

    def settle(self, project_id: str) -> None:
        """Waits until everything is published. Raises NotPublished."""
        outcome = wait_until_settled(
            self._connection, self._services, project_id, _PATIENCE_SECONDS
        )
        if outcome.code not in _PUBLISHED:
            raise NotPublished(outcome.reason)

    def forget(self, project_id: str) -> None:
        """Ends a project's exports."""
        unregister(self._services.objects, project_id)

    def _register(self, project_id: str, declarations: Sequence[Declaration]) -> None:
        declared = {"project_id": project_id, "exports": list(declarations)}
        registration = parse_registration(declared, FORMATS)
        register_exports(
            self._services.objects, self._services.kili, self._services.random, registration
        )
