"""Deliveries of events to endpoints, in the database of one machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import Any, Final

from kili_export.machine.database import Database, Row
from kili_export.notifications.deliveries import KEPT, Delivery, DisabledEndpoint

_COLUMNS: Final = tuple(one.name for one in fields(Delivery))
_NAMES: Final = ", ".join(_COLUMNS)
_PLACES: Final = ", ".join("?" * len(_COLUMNS))
_MOMENTS: Final = ("recorded_at", "attempted_at", "next_attempt_at")
_INSERT: Final = f"INSERT OR IGNORE INTO deliveries ({_NAMES}) VALUES ({_PLACES})"  # noqa: S608
_CURSOR: Final = "announcements"


@dataclass(frozen=True, slots=True)
class SqliteDeliveries:
    """Implements DeliveryStore, and remembers which events were recorded."""

    database: Database

    def record(self, deliveries: Sequence[Delivery]) -> None:
        """See DeliveryStore."""
        with self.database.transaction() as transaction:
            transaction.executemany(_INSERT, map(_values, deliveries))

    def record_event(self, number: int, deliveries: Sequence[Delivery]) -> None:
        """Stores what is to be sent of an event, and that it was looked at: both or none."""
        with self.database.transaction() as transaction:
            transaction.executemany(_INSERT, map(_values, deliveries))
            transaction.execute(
                "INSERT OR REPLACE INTO notified (name, number) VALUES (?, ?)", (_CURSOR, number)
            )

    def begin(self) -> None:
        """The first time, what was announced before is passed over."""
        self.database.change(
            "INSERT OR IGNORE INTO notified (name, number)"
            " SELECT ?, coalesce(max(number), 0) FROM announcements",
            (_CURSOR,),
        )

    def looked_at(self) -> int:
        """The number of the last event that was looked at.

        Never above the last that there is: after damage, numbers may begin again.
        """
        row = self.database.row(
            "SELECT min(number, (SELECT coalesce(max(number), 0) FROM announcements)) AS number"
            " FROM notified WHERE name = ?",
            (_CURSOR,),
        )
        return 0 if row is None else int(row["number"])

    def get(self, project_id: str, delivery_id: str) -> Delivery | None:
        """See DeliveryStore."""
        row = self.database.row(
            "SELECT * FROM deliveries WHERE project_id = ? AND id = ?", (project_id, delivery_id)
        )
        return None if row is None else delivery_of(row)

    def of_project(self, project_id: str) -> Iterator[Delivery]:
        """See DeliveryStore."""
        rows = self.database.rows("SELECT * FROM deliveries WHERE project_id = ?", (project_id,))
        yield from map(delivery_of, rows)

    def due(self, now: datetime, most: int) -> Sequence[Delivery]:
        """Those to be tried now, the longest due first; at most so many of each endpoint."""
        rows = self.database.rows(
            "SELECT * FROM deliveries WHERE rowid IN (SELECT number FROM ("
            "SELECT rowid AS number, row_number() OVER"
            " (PARTITION BY project_id, endpoint ORDER BY next_attempt_at) AS place"
            " FROM deliveries WHERE next_attempt_at <= ?) WHERE place <= ?)"
            " ORDER BY next_attempt_at",
            (_text(now), most),
        )
        return [delivery_of(row) for row in rows]

    def replace(self, seen: Delivery, by: Delivery) -> bool:
        """See DeliveryStore."""
        changes = ", ".join(f"{name} = ?" for name in _COLUMNS)
        changed = self.database.change(
            f"UPDATE deliveries SET {changes}"  # noqa: S608 names of ours
            " WHERE project_id = ? AND id = ? AND attempts = ? AND state = ?",
            (*_values(by), seen.project_id, seen.id, seen.attempts, seen.state),
        )
        return changed > 0

    def forget(self, now: datetime) -> None:
        """Removes what was kept long enough."""
        self.database.change("DELETE FROM deliveries WHERE recorded_at < ?", (_text(now - KEPT),))

    def disabled(self, project_id: str) -> Mapping[str, DisabledEndpoint]:
        """See DeliveryStore."""
        rows = self.database.rows(
            "SELECT * FROM disabled_endpoints WHERE project_id = ?", (project_id,)
        )
        return {
            row["endpoint"]: DisabledEndpoint(
                row["fingerprint"], datetime.fromisoformat(row["disabled_at"])
            )
            for row in rows
        }

    def disable(self, project_id: str, endpoint: str, gone: DisabledEndpoint) -> None:
        """See DeliveryStore."""
        self.database.change(
            "INSERT OR REPLACE INTO disabled_endpoints VALUES (?, ?, ?, ?)",
            (project_id, endpoint, gone.fingerprint, _text(gone.at)),
        )

    def enable(self, project_id: str, endpoint: str) -> None:
        """See DeliveryStore."""
        self.database.change(
            "DELETE FROM disabled_endpoints WHERE project_id = ? AND endpoint = ?",
            (project_id, endpoint),
        )

    def erase(self, project_id: str) -> None:
        """See DeliveryStore."""
        with self.database.transaction() as transaction:
            for table in ("deliveries", "disabled_endpoints"):
                transaction.execute(
                    f"DELETE FROM {table} WHERE project_id = ?",  # noqa: S608 a name of ours
                    (project_id,),
                )


def delivery_of(row: Row) -> Delivery:
    """The delivery that a row holds. Raises ValueError or TypeError for one that holds none."""
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    for name in _MOMENTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return Delivery(**values)


def _values(delivery: Delivery) -> tuple[Any, ...]:
    return tuple(
        _text(value) if isinstance(value, datetime) else value for value in astuple(delivery)
    )


def _text(at: datetime) -> str:
    """With microseconds in every case, so that texts are in the order of time."""
    return at.isoformat(timespec="microseconds")
