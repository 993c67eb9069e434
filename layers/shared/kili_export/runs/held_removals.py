"""Removals that wait for confirmation, and how many were confirmed (a port).

Every method may raise `TransientError` (try again later) and `AccessDenied`; other errors are named
with each method.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from kili_export.archives.removal_guard import Removals


@dataclass(frozen=True, slots=True)
class HeldRemovals:
    """Removals that wait for confirmation: `count` at most in one export.

    `exports` are those that cannot be published before it, because a rebuild was held. `failed`
    of the assets are in Kili yet and could not be exported, `left` are let through by no filter.
    """

    project_id: str
    run_id: str
    count: int
    at: datetime
    exports: frozenset[str] = frozenset()
    failed: int = 0
    left: int = 0

    @property
    def losses(self) -> Removals:
        """The assets by why they would go."""
        return Removals(self.count - self.failed - self.left, self.failed, self.left)


class RemovalStore(Protocol):
    """Removals that were held, and how many a person allowed."""

    def held(self, project_id: str) -> HeldRemovals | None:
        """What waits for confirmation."""

    def hold(self, removals: HeldRemovals) -> None:
        """Stores what waits, in place of what waited before."""

    def drop(self, project_id: str) -> None:
        """Nothing waits any more."""

    def confirm(self, project_id: str, count: int) -> None:
        """Allows that many removals, and nothing waits any more."""

    def confirmed(self, project_id: str) -> int:
        """How many removals are allowed beyond the usual."""

    def settle(self, project_id: str, count: int) -> None:
        """Ends the permission for `count` removals; one for another number stays."""
