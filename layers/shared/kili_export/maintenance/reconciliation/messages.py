"""Input and answer of the function `reconcile`.

Payloads carry keys of the bucket and ids, never labels: a state may hold 256 KiB.
"""

from pydantic import Field

from kili_export.core.document import Document, is_zero


class ReconcileRequest(Document):
    """Input of reconcile: one project, or all that are registered.

    Without `compare` it only starts runs for changes that nobody is at work on. With `follow` it
    takes in Kili's list of past events first.
    """

    project_id: str | None = None
    compare: bool = True
    follow: bool = False


class Repaired(Document):
    """What a comparison with Kili marked: assets by how they differed, and whole exports.

    `rewrites` are exports with an archive that deltas follow and that is to be written again,
    `gates` those that name a snapshot by now, or let `latest.zip` out.
    `damaged` says of exports why they could not be compared; all others were.
    """

    missed_events: int = 0
    changed: int = 0
    unknown: int = 0
    vanished: int = 0
    quarantined: int = 0
    rebuilds: int = 0
    rewrites: int = 0
    gates: int = Field(default=0, exclude_if=is_zero)
    damaged: dict[str, str] = Field(default_factory=dict)

    @property
    def asks_for_a_run(self) -> bool:
        """Whether a run is to do something about it."""
        return bool(self.total or self.quarantined or self.rewrites or self.gates)

    @property
    def total(self) -> int:
        """How many repairs were set going: the other numbers are no sign of a missing event."""
        return self.missed_events + self.changed + self.unknown + self.vanished + self.rebuilds


class Waiting(Document):
    """What of a project waits.

    `seconds`: how long ago the last event of the change that waits longest came.
    `removals`: how many wait for confirmation. `left_out`: exports that this project cannot
    have as they are declared.
    """

    seconds: float = 0
    removals: int = 0
    left_out: int = 0


class ReconciledProject(Document):
    """What became of one project. `error` is the error's class and message.

    `unfinished`: the time was up before all assets were listed; the next comparison goes on.
    """

    project_id: str
    waiting: Waiting = Waiting()
    started: str | None = None
    repaired: Repaired = Repaired()
    unfinished: bool = False
    error: str | None = None


class ReconcileAnswer(Document):
    """Output of reconcile."""

    projects: tuple[ReconciledProject, ...] = ()
