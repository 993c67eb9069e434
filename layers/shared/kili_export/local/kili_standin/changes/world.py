"""The whole in-memory server: what a test drives in process, and the HTTP server serves.

Reading is in `state`, changes in `label_changes` and `project_changes`; each is one base of
`KiliWorld`. A world needs no server to be changed and looked at.
"""

from kili_export.local.kili_standin.changes.label_changes import LabelChanges
from kili_export.local.kili_standin.changes.project_changes import ProjectChanges


class KiliWorld(LabelChanges, ProjectChanges):
    """Projects, webhooks, events, faults and counters of one stand-in, behind one lock."""

    def close(self) -> None:
        """Stops the delivery of webhook calls."""
        self.courier.close()
