"""Change marks in the database of one machine."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from kili_export.changes.events.pending_changes import CHECK, MOST_LABELS, PendingChange
from kili_export.machine.database import Database, Row

_AT_ONCE: Final = 500
"""So many marks are read, or changed, together: others have their turn in between."""
_STORE: Final = """
    INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL)
    ON CONFLICT DO UPDATE SET
        version = excluded.version,
        last_event_at = excluded.last_event_at,
        label_ids = excluded.label_ids,
        latest_label = coalesce(excluded.latest_label, latest_label),
        attempts = 0,
        retry_at = NULL"""
_CLEAR: Final = "DELETE FROM marks WHERE project_id = ? AND subject = ? AND version = ?"
_POSTPONE: Final = """
    UPDATE marks SET retry_at = ?, attempts = attempts + 1
    WHERE project_id = ? AND subject = ? AND version = ?"""


@dataclass(frozen=True, slots=True)
class SqliteChangeStore:
    """Implements ChangeStore.

    `sync` returns when what is in the bucket is on disk. A mark is what brings back after a power
    cut what a run has published: none is cleared before.
    """

    database: Database
    sync: Callable[[], None]

    def mark(
        self,
        project_id: str,
        subject: str,
        *,
        version: str,
        at: datetime,
        label_id: str | None = None,
    ) -> None:
        """See ChangeStore. A mark remembers a bounded number of labels and always the latest."""
        if subject == CHECK:
            # It follows a declaration, which is in the bucket: it stays once that is answered.
            self.sync()
        when = at.isoformat()
        with self.database.transaction() as transaction:
            found = transaction.execute(
                "SELECT label_ids FROM marks WHERE project_id = ? AND subject = ?",
                (project_id, subject),
            ).fetchone()
            labels = _with_label(_labels(found["label_ids"]) if found else frozenset(), label_id)
            transaction.execute(
                _STORE,
                (project_id, subject, version, when, when, json.dumps(sorted(labels)), label_id),
            )

    def marks(self, project_id: str) -> Iterator[PendingChange]:
        """Every mark of the project, in the order of their subjects."""
        after = ""
        while True:
            rows = self.database.rows(
                "SELECT * FROM marks WHERE project_id = ? AND subject > ? ORDER BY subject LIMIT ?",
                (project_id, after, _AT_ONCE),
            )
            yield from map(mark_of, rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1]["subject"]

    def clear(self, marks: Iterable[PendingChange]) -> int:
        """See ChangeStore."""
        found = tuple(marks)
        if not found:
            return 0
        self.sync()
        return self._change(
            _CLEAR, [(mark.project_id, mark.subject, mark.version) for mark in found]
        )

    def postpone(self, marks: Iterable[tuple[PendingChange, datetime]]) -> int:
        """See ChangeStore."""
        return self._change(
            _POSTPONE,
            [
                (until.isoformat(), mark.project_id, mark.subject, mark.version)
                for mark, until in marks
            ],
        )

    def projects(self) -> tuple[str, ...]:
        """The projects that have marks."""
        rows = self.database.rows("SELECT DISTINCT project_id FROM marks ORDER BY project_id")
        return tuple(row["project_id"] for row in rows)

    def _change(self, statement: str, changes: Sequence[tuple[str, ...]]) -> int:
        """How many changes took effect."""
        count = 0
        for begin in range(0, len(changes), _AT_ONCE):
            with self.database.transaction() as transaction:
                for one in changes[begin : begin + _AT_ONCE]:
                    count += transaction.execute(statement, one).rowcount
        return count


def _with_label(labels: frozenset[str], label_id: str | None) -> frozenset[str]:
    if label_id is None or len(labels) >= MOST_LABELS:
        return labels
    return labels | {label_id}


def _labels(stored: str) -> frozenset[str]:
    return frozenset(json.loads(stored))


def mark_of(row: Row) -> PendingChange:
    """The mark that a row holds. Raises ValueError or TypeError when it is damaged."""
    latest = frozenset(() if row["latest_label"] is None else {row["latest_label"]})
    return PendingChange(
        project_id=row["project_id"],
        subject=row["subject"],
        version=row["version"],
        first_event_at=datetime.fromisoformat(row["first_event_at"]),
        last_event_at=datetime.fromisoformat(row["last_event_at"]),
        label_ids=_labels(row["label_ids"]) | latest,
        attempts=row["attempts"],
        retry_at=None if row["retry_at"] is None else datetime.fromisoformat(row["retry_at"]),
    )
