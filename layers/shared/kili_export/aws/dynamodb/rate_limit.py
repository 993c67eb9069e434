"""The budget of calls to Kili that all workers of one API key share: one item of the table.

Taking places is one atomic addition, so that any number of workers can take some at once without
ever failing each other. It costs one write for up to as many calls as are taken together.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from kili_export.aws.dynamodb.table import Exchange, Item, Table, Value, number
from kili_export.core.clock import Clock
from kili_export.core.errors import Unavailable
from kili_export.core.rate_limit import BudgetRules, BudgetState, TakenCalls, paused

PARTITION: Final = "kili-budget#"
_ITEM: Final = "calls"
_TRIES: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


def budget_name(secret_id: str) -> str:
    """The partition of a key's budget, by the identity of its secret: never by the key."""
    return PARTITION + hashlib.sha256(secret_id.encode()).hexdigest()[:32]


@dataclass(slots=True)
class DynamoRateLimits:
    """Implements BudgetStore. Not to be shared between threads."""

    table: Table
    name: str
    clock: Clock
    _ahead: timedelta = field(default=timedelta())
    """How far the table's clock is ahead of ours, as far as its answers prove."""
    _synchronised: bool = False

    def now(self) -> int:
        """The table's time, so that workers whose clocks differ agree about it."""
        return _microseconds(self.clock.now() + self._ahead)

    def take(self, rules: BudgetRules, count: int) -> TakenCalls:
        """See BudgetStore."""
        self._synchronise()
        # One moment for all tries: after a rest, the first caller moves the next place on, and
        # nobody who came at the same time finds it too old again, however slow the table is.
        now = self.now()
        for _ in range(_TRIES):
            taken = self._add(rules, count, now)
            state = _state(taken.item)
            if taken.made:
                first = state.next_at - count * rules.interval
                return TakenCalls(rules.places(first, count), state)
            # Nobody called for a while, too many wait, or it is the first call of all.
            after, places = rules.take(state, count, now)
            if not places or self._replace(state, after):
                return TakenCalls(places, after)
        raise Unavailable("the budget of calls to Kili changes too fast to be used")

    def resume_at(self) -> int:
        """See BudgetStore."""
        item = self.table.get(self.name, _ITEM)
        return 0 if item is None else _state(item).resume_at

    def pause(self, until: int) -> None:
        """See BudgetStore."""
        for _ in range(_TRIES):
            item = self.table.get(self.name, _ITEM)
            state = BudgetState() if item is None else _state(item)
            after = paused(state, until)
            if after == state or self._replace(state, after):
                return
        raise Unavailable("the budget of calls to Kili changes too fast to be paused")

    def _synchronise(self) -> None:
        """Asks for the time before the first place is taken: a clock of ours may be wrong.

        By a change whose condition never holds.
        """
        if not self._synchronised:
            self._exchange("SET next_at = :none", {":none": -1}, "next_at = :none")
            self._synchronised = True

    def _add(self, rules: BudgetRules, count: int, now: int) -> Exchange:
        return self._exchange(
            "ADD next_at :span",
            {
                ":span": count * rules.interval,
                ":earliest": rules.earliest(now),
                ":latest": rules.latest(now),
            },
            "next_at >= :earliest AND next_at <= :latest",
        )

    def _replace(self, seen: BudgetState, state: BudgetState) -> bool:
        """Stores a state in place of the one that was seen."""
        values: dict[str, Value] = {
            ":next": state.next_at,
            ":resume": state.resume_at,
            ":seen": seen.next_at,
            ":paused": seen.resume_at,
        }
        condition = "next_at = :seen AND resume_at = :paused"
        if seen == BudgetState():
            condition = f"attribute_not_exists(pk) OR {condition}"
        changed = self._exchange("SET next_at = :next, resume_at = :resume", values, condition)
        return changed.made

    def _exchange(self, expression: str, values: dict[str, Value], condition: str) -> Exchange:
        asked_at = self.clock.now()
        answer = self.table.exchange(self.name, _ITEM, expression, values, condition=condition)
        if answer.answered_at is not None:
            self._ahead = _ahead(answer.answered_at, asked_at, self.clock.now())
        return answer


def _ahead(stated: datetime, asked_at: datetime, answered_at: datetime) -> timedelta:
    """The smallest correction that agrees with an answer's date, which is cut to its second."""
    least, most = stated - answered_at, stated + _SECOND - asked_at
    return min(max(timedelta(), least), max(least, most))


def _state(item: Item) -> BudgetState:
    return BudgetState(number(item, "next_at"), number(item, "resume_at"))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
