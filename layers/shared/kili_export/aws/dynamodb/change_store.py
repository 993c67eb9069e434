"""Change marks, spread over the partitions `marks#{project}#{shard}`."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TypeVar

from kili_export.aws.dynamodb.table import Item, Table, Value, moment, number, text, texts
from kili_export.changes.events.pending_changes import (
    MOST_LABELS,
    PendingChange,
    all_shards,
    shard_of,
)

_T = TypeVar("_T")
_THREADS = 16
_AT_ONCE = 512
_MARK = (
    "SET version = :version, last_event_at = :at, attempts = :zero,"
    " first_event_at = if_not_exists(first_event_at, :at)"
)
_LATEST_LABEL = ", latest_label = :label"
_DUE = " REMOVE retry_at"
_ONE_MORE_LABEL = " ADD label_ids :labels"
_ROOM_FOR_LABELS = "attribute_not_exists(label_ids) OR size(label_ids) < :most"


@dataclass(frozen=True, slots=True)
class DynamoChangeStore:
    """The change marks of all projects."""

    table: Table
    threads: int = field(default=_THREADS)

    def mark(
        self,
        project_id: str,
        subject: str,
        *,
        version: str,
        at: datetime,
        label_id: str | None = None,
    ) -> None:
        """Stores a mark, or stores it again.

        A mark remembers a bounded number of labels and always the latest one.
        """
        pk = _partition(project_id, subject)
        values: dict[str, Value] = {":version": version, ":at": at, ":zero": 0}
        if label_id is None:
            self.table.update(pk, subject, _MARK + _DUE, values)
            return
        values[":label"] = label_id
        whole = {**values, ":labels": frozenset({label_id}), ":most": MOST_LABELS}
        expression = _MARK + _LATEST_LABEL + _DUE
        if not self.table.update(
            pk, subject, expression + _ONE_MORE_LABEL, whole, condition=_ROOM_FOR_LABELS
        ):
            self.table.update(pk, subject, expression, values)

    def marks(self, project_id: str) -> Iterator[PendingChange]:
        """Every mark of the project, partition by partition."""
        for shard in all_shards():
            for item in self.table.query(f"marks#{project_id}#{shard}"):
                yield _mark(project_id, item)

    def clear(self, marks: Iterable[PendingChange]) -> int:
        """Removes marks that still have the version given; others stay. Answers how many went."""
        return self._count(self._clear, marks)

    def postpone(self, marks: Iterable[tuple[PendingChange, datetime]]) -> int:
        """Counts an attempt on marks that still have the version given, and when to try again."""
        return self._count(self._postpone, marks)

    def _clear(self, mark: PendingChange) -> bool:
        # No version when the mark is gone already: the condition fails and nothing is counted.
        return self.table.delete(
            _partition(mark.project_id, mark.subject),
            mark.subject,
            {":version": mark.version},
            condition="version = :version",
        )

    def _postpone(self, postponed: tuple[PendingChange, datetime]) -> bool:
        mark, until = postponed
        return self.table.update(
            _partition(mark.project_id, mark.subject),
            mark.subject,
            "SET retry_at = :until, attempts = attempts + :one",
            {":until": until, ":one": 1, ":version": mark.version},
            condition="version = :version",
        )

    def _count(self, change: Callable[[_T], bool], subjects: Iterable[_T]) -> int:
        """How many changes took effect, a bounded number of them under way at once."""
        remaining, count = iter(subjects), 0
        with ThreadPoolExecutor(self.threads) as threads:
            while batch := list(islice(remaining, _AT_ONCE)):
                count += sum(threads.map(change, batch))
        return count


def _partition(project_id: str, subject: str) -> str:
    return f"marks#{project_id}#{shard_of(subject)}"


def _mark(project_id: str, item: Item) -> PendingChange:
    latest = frozenset({text(item, "latest_label")} if "latest_label" in item else ())
    return PendingChange(
        project_id=project_id,
        subject=text(item, "sk"),
        version=text(item, "version"),
        first_event_at=moment(item, "first_event_at"),
        last_event_at=moment(item, "last_event_at"),
        label_ids=texts(item, "label_ids") | latest,
        attempts=number(item, "attempts"),
        retry_at=moment(item, "retry_at") if "retry_at" in item else None,
    )
