"""After a stop or a crash: does again what was accepted, and forgets it once it is published."""

from collections.abc import Callable
from contextlib import suppress

from kili_export.core.errors import InvalidConfiguration
from local.stack.front_door import WebhookGate
from local.stack.journal import Journal


class Recovery:
    """The journal's use. `is_pending` tells whether a project has change marks."""

    def __init__(
        self,
        journal: Journal,
        gate: WebhookGate,
        *,
        is_pending: Callable[[str], bool],
        request_run: Callable[[str, bool], object],
    ) -> None:
        """`request_run` gets a project and whether everything is to be rebuilt."""
        self._journal = journal
        self._gate = gate
        self._is_pending = is_pending
        self._request_run = request_run

    def replay(self, authorization: str) -> int:
        """Stores the marks of all journalled requests again. Answers how many requests.

        Raises ReplayRefused or FunctionFailed. Until it succeeded nothing may be trimmed: without
        its marks a project has nothing pending.
        """
        count = self._gate.replay(authorization)
        asked = [entry for entry in self._journal.entries() if entry.kind != "webhook"]
        for project_id, kind in {(entry.project_id, entry.kind) for entry in asked}:
            # Of a project that was unregistered since, nothing is asked any more.
            with suppress(InvalidConfiguration):
                self._request_run(project_id, kind == "full")
        return count + len(asked)

    def trim(self) -> int:
        """Drops what is published. Answers how many entries."""
        return self._journal.trim(self._is_pending)
