"""Leases, windows, held removals and cursors, in the partition `project#{project}`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kili_export.aws.dynamodb.table import (
    Item,
    Table,
    Value,
    moment,
    number,
    optional_text,
    text,
    texts,
)
from kili_export.changes.events.replay_events import EventsCursor
from kili_export.runs.held_removals import HeldRemovals
from kili_export.runs.lease import Lease

_LEASE, _HELD, _CONFIRMED, _CURSOR = "lease", "held-removals", "confirmed-removals", "cursor"


@dataclass(frozen=True, slots=True)
class DynamoProjectState:
    """The lease of each project, its windows, its held removals and its cursor."""

    table: Table

    def read(self, project_id: str) -> Lease | None:
        """The lease as it is now, None when nobody ever held it."""
        item = self.table.get(_partition(project_id), _LEASE)
        return None if item is None else _lease(project_id, item)

    def take(
        self, project_id: str, *, holder: str, expires_at: datetime, seen: Lease | None
    ) -> Lease | None:
        """Takes the lease if it is still as `seen`, with the next token; otherwise None.

        The item is never removed, so tokens never begin again.
        """
        token = seen.token + 1 if seen else 1
        announced = seen.announced_up_to if seen else 0
        values: dict[str, Value] = {
            ":token": token,
            ":holder": holder,
            ":expires": expires_at,
            ":told": announced,
        }
        condition = "attribute_not_exists(pk)"
        if seen:
            condition, conditional = _unchanged(seen)
            values.update(conditional)
        taken = self.table.update(
            _partition(project_id),
            _LEASE,
            "SET lease_token = :token, holder = :holder, expires_at = :expires, told = :told",
            values,
            condition=condition,
        )
        return Lease(project_id, token, holder, expires_at, announced) if taken else None

    def release(self, lease: Lease, *, announced: bool) -> bool:
        """Gives it back if it is still this holder's with this token; the token stays."""
        condition, values = _unchanged(lease)
        expression = "SET told = lease_token REMOVE holder" if announced else "REMOVE holder"
        return self.table.update(
            _partition(lease.project_id), _LEASE, expression, values, condition=condition
        )

    def is_started(self, project_id: str, window: int) -> bool:
        """Whether it was recorded that the window's execution was started."""
        return self.table.get(_partition(project_id), _window(window)) is not None

    def record_started(self, project_id: str, window: int, *, expires: datetime) -> None:
        """Records it; the table's time to live removes the record some time after `expires`."""
        # A name in an expression may be a reserved word of DynamoDB; `expires` is none.
        self.table.update(
            _partition(project_id),
            _window(window),
            "SET expires = :expires",
            {":expires": int(expires.timestamp())},
        )

    def held(self, project_id: str) -> HeldRemovals | None:
        """What waits for confirmation."""
        item = self.table.get(_partition(project_id), _HELD)
        return None if item is None else _held(project_id, item)

    def hold(self, removals: HeldRemovals) -> None:
        """Stores what waits, in place of what waited before."""
        values: dict[str, Value] = {
            ":run": removals.run_id,
            ":removals": removals.count,
            ":since": removals.at,
            ":failed": removals.failed,
            ":left": removals.left,
        }
        expression = (
            "SET run_id = :run, removals = :removals, held_at = :since, "
            "failed_assets = :failed, left_assets = :left"
        )
        if removals.exports:
            # DynamoDB has no empty sets.
            expression += ", exports = :exports"
            values[":exports"] = removals.exports
        else:
            expression += " REMOVE exports"
        self.table.update(_partition(removals.project_id), _HELD, expression, values)

    def drop(self, project_id: str) -> None:
        """Nothing waits any more."""
        self.table.delete(_partition(project_id), _HELD)

    def confirm(self, project_id: str, count: int) -> None:
        """Allows that many removals, and nothing waits any more."""
        self.table.update(
            _partition(project_id), _CONFIRMED, "SET removals = :count", {":count": count}
        )
        self.drop(project_id)

    def confirmed(self, project_id: str) -> int:
        """How many removals are allowed beyond the usual."""
        item = self.table.get(_partition(project_id), _CONFIRMED)
        return 0 if item is None else number(item, "removals")

    def settle(self, project_id: str, count: int) -> None:
        """Ends the permission for `count` removals; one for another number stays."""
        self.table.delete(
            _partition(project_id), _CONFIRMED, {":count": count}, condition="removals = :count"
        )

    def cursor(self, project_id: str) -> EventsCursor | None:
        """Where reading stopped, None before the first time."""
        item = self.table.get(_partition(project_id), _CURSOR)
        if item is None:
            return None
        thorough = bool(number(item, "thorough"))
        return EventsCursor(text(item, "event_id"), text(item, "created"), thorough)

    def move(self, project_id: str, cursor: EventsCursor) -> None:
        """Stores where reading stopped."""
        self.table.update(
            _partition(project_id),
            _CURSOR,
            "SET event_id = :id, created = :created, thorough = :thorough",
            {
                ":id": cursor.event_id,
                ":created": cursor.created_at,
                ":thorough": int(cursor.thorough),
            },
        )


def _unchanged(lease: Lease) -> tuple[str, Mapping[str, Value]]:
    """The condition that a lease is as it was read."""
    if lease.holder is None:
        return "lease_token = :seen AND attribute_not_exists(holder)", {":seen": lease.token}
    condition = "lease_token = :seen AND holder = :former"
    return condition, {":seen": lease.token, ":former": lease.holder}


def _lease(project_id: str, item: Item) -> Lease:
    token = number(item, "lease_token")
    return Lease(
        project_id,
        token,
        optional_text(item, "holder"),
        moment(item, "expires_at"),
        # Holders of former versions noted nothing.
        announced_up_to=number(item, "told") if "told" in item else token,
    )


def _held(project_id: str, item: Item) -> HeldRemovals:
    return HeldRemovals(
        project_id,
        text(item, "run_id"),
        number(item, "removals"),
        moment(item, "held_at"),
        texts(item, "exports"),
        # Former versions noted none of these.
        failed=number(item, "failed_assets") if "failed_assets" in item else 0,
        left=number(item, "left_assets") if "left_assets" in item else 0,
    )


def _partition(project_id: str) -> str:
    return f"project#{project_id}"


def _window(window: int) -> str:
    return f"window#{window}"
