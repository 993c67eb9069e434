"""The budget of calls to Kili that all workers of one API key share: one row of the database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kili_export.core.clock import Clock
from kili_export.core.rate_limit import BudgetRules, BudgetState, TakenCalls, paused
from kili_export.machine.database import Database

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SqliteRateLimits:
    """Implements BudgetStore. All workers have the clock of this machine."""

    database: Database
    name: str
    clock: Clock

    def now(self) -> int:
        """See BudgetStore."""
        return (self.clock.now() - _EPOCH) // timedelta(microseconds=1)

    def take(self, rules: BudgetRules, count: int) -> TakenCalls:
        """See BudgetStore."""
        now = self.now()
        places: tuple[int, ...] = ()

        def take_places(state: BudgetState) -> BudgetState:
            nonlocal places
            after, places = rules.take(state, count, now)
            return after

        after = self._change(take_places)
        return TakenCalls(places, after)

    def resume_at(self) -> int:
        """See BudgetStore."""
        row = self.database.row("SELECT resume_at FROM budgets WHERE name = ?", (self.name,))
        return 0 if row is None else int(row["resume_at"])

    def pause(self, until: int) -> None:
        """See BudgetStore."""
        self._change(lambda state: paused(state, until))

    def _change(self, changed: Callable[[BudgetState], BudgetState]) -> BudgetState:
        """The state after the change. Nobody else takes places within."""
        with self.database.transaction() as transaction:
            row = transaction.execute(
                "SELECT next_at, resume_at FROM budgets WHERE name = ?", (self.name,)
            ).fetchone()
            state = BudgetState() if row is None else BudgetState(row["next_at"], row["resume_at"])
            after = changed(state)
            if after != state:
                transaction.execute(
                    "INSERT OR REPLACE INTO budgets VALUES (?, ?, ?)",
                    (self.name, after.next_at, after.resume_at),
                )
        return after
