"""The latest events for consumers, in the database of one machine."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kili_export.core.clock import Clock
from kili_export.machine.database import Database

KEPT: Final = 10_000
"""So many of the latest are kept."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event, with its number: a consumer goes on after the last that it has read."""

    number: int
    sent_at: str
    detail_type: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SqliteAnnouncements:
    """Implements EventPublisher."""

    database: Database
    clock: Clock

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """See EventPublisher."""
        with self.database.transaction() as transaction:
            number = transaction.execute(
                "INSERT INTO announcements (sent_at, detail_type, detail) VALUES (?, ?, ?)",
                (self.clock.now().isoformat(), detail_type, json.dumps(detail)),
            ).lastrowid
            transaction.execute(
                "DELETE FROM announcements WHERE number <= ?", ((number or 0) - KEPT,)
            )

    def after(self, number: int) -> Iterator[Announcement]:
        """Those that follow a number, 0 for all that are kept."""
        for row in self.database.rows(
            "SELECT * FROM announcements WHERE number > ? ORDER BY number", (number,)
        ):
            yield Announcement(
                row["number"], row["sent_at"], row["detail_type"], json.loads(row["detail"])
            )
