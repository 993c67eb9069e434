"""Leases, windows, held removals and cursors in the database of one machine."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from kili_export.changes.events.replay_events import EventsCursor
from kili_export.machine.database import Database, Row
from kili_export.runs.held_removals import HeldRemovals
from kili_export.runs.lease import Lease


@dataclass(frozen=True, slots=True)
class SqliteProjectState:
    """Implements LeaseStore, WindowStore, RemovalStore and CursorStore."""

    database: Database

    def read(self, project_id: str) -> Lease | None:
        """See LeaseStore."""
        row = self.database.row("SELECT * FROM leases WHERE project_id = ?", (project_id,))
        return None if row is None else lease_of(row)

    def take(
        self, project_id: str, *, holder: str, expires_at: datetime, seen: Lease | None
    ) -> Lease | None:
        """See LeaseStore. The row is never removed, so tokens never begin again."""
        until = expires_at.isoformat()
        if seen is None:
            taken = self.database.change(
                "INSERT INTO leases VALUES (?, 1, ?, ?, 0) ON CONFLICT DO NOTHING",
                (project_id, holder, until),
            )
            return Lease(project_id, 1, holder, expires_at, 0) if taken else None
        token = seen.token + 1
        taken = self.database.change(
            "UPDATE leases SET token = ?, holder = ?, expires_at = ?, announced_up_to = ?"
            " WHERE project_id = ? AND token = ? AND holder IS ?",
            (token, holder, until, seen.announced_up_to, *_as_seen(seen)),
        )
        return Lease(project_id, token, holder, expires_at, seen.announced_up_to) if taken else None

    def release(self, lease: Lease, *, announced: bool) -> bool:
        """See LeaseStore."""
        released = self.database.change(
            "UPDATE leases SET holder = NULL, announced_up_to = iif(?, token, announced_up_to)"
            " WHERE project_id = ? AND token = ? AND holder IS ?",
            (announced, *_as_seen(lease)),
        )
        return released > 0

    def begin(self, now: datetime) -> None:
        """For the start of a stack: no execution that was started before runs any more.

        So a run that finds a lease held may ask about its holder at once, and no window has a run.
        """
        with self.database.transaction() as transaction:
            transaction.execute(
                "UPDATE leases SET expires_at = ? WHERE holder IS NOT NULL", (now.isoformat(),)
            )
            transaction.execute("DELETE FROM windows")

    def is_started(self, project_id: str, window: int) -> bool:
        """See WindowStore."""
        found = self.database.row(
            "SELECT 1 FROM windows WHERE project_id = ? AND number = ?", (project_id, window)
        )
        return found is not None

    def record_started(self, project_id: str, window: int, *, expires: datetime) -> None:
        """See WindowStore. Records that have expired are removed by later ones."""
        with self.database.transaction() as transaction:
            transaction.execute(
                "DELETE FROM windows WHERE project_id = ? AND expires_at < ?",
                (project_id, datetime.now(UTC).isoformat()),
            )
            transaction.execute(
                "INSERT OR REPLACE INTO windows VALUES (?, ?, ?)",
                (project_id, window, expires.isoformat()),
            )

    def held(self, project_id: str) -> HeldRemovals | None:
        """See RemovalStore."""
        row = self.database.row("SELECT * FROM held_removals WHERE project_id = ?", (project_id,))
        return None if row is None else held_of(row)

    def hold(self, removals: HeldRemovals) -> None:
        """See RemovalStore."""
        self.database.change(
            "INSERT OR REPLACE INTO held_removals VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                removals.project_id,
                removals.run_id,
                removals.count,
                removals.at.isoformat(),
                json.dumps(sorted(removals.exports)),
                removals.failed,
                removals.left,
            ),
        )

    def drop(self, project_id: str) -> None:
        """See RemovalStore."""
        self.database.change("DELETE FROM held_removals WHERE project_id = ?", (project_id,))

    def confirm(self, project_id: str, count: int) -> None:
        """See RemovalStore."""
        with self.database.transaction() as transaction:
            transaction.execute(
                "INSERT OR REPLACE INTO confirmed_removals VALUES (?, ?)", (project_id, count)
            )
            transaction.execute("DELETE FROM held_removals WHERE project_id = ?", (project_id,))

    def confirmed(self, project_id: str) -> int:
        """See RemovalStore."""
        row = self.database.row(
            "SELECT count FROM confirmed_removals WHERE project_id = ?", (project_id,)
        )
        return 0 if row is None else int(row["count"])

    def settle(self, project_id: str, count: int) -> None:
        """See RemovalStore."""
        self.database.change(
            "DELETE FROM confirmed_removals WHERE project_id = ? AND count = ?", (project_id, count)
        )

    def cursor(self, project_id: str) -> EventsCursor | None:
        """See CursorStore."""
        row = self.database.row("SELECT * FROM cursors WHERE project_id = ?", (project_id,))
        if row is None:
            return None
        return EventsCursor(row["event_id"], row["created_at"], bool(row["thorough"]))

    def move(self, project_id: str, cursor: EventsCursor) -> None:
        """See CursorStore."""
        self.database.change(
            "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)",
            (project_id, cursor.event_id, cursor.created_at, int(cursor.thorough)),
        )


def _as_seen(lease: Lease) -> tuple[str, int, str | None]:
    return lease.project_id, lease.token, lease.holder


def lease_of(row: Row) -> Lease:
    """The lease that a row holds. Raises ValueError or TypeError when it is damaged."""
    expires_at = datetime.fromisoformat(row["expires_at"])
    return Lease(row["project_id"], row["token"], row["holder"], expires_at, row["announced_up_to"])


def held_of(row: Row) -> HeldRemovals:
    """What a row holds. Raises ValueError or TypeError when it is damaged."""
    return HeldRemovals(
        row["project_id"],
        row["run_id"],
        row["count"],
        datetime.fromisoformat(row["held_at"]),
        frozenset(json.loads(row["exports"])),
        failed=row["failed"],
        left=row["left_out"],
    )
