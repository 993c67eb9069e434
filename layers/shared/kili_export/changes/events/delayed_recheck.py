"""Looks at an asset once more some minutes after a new or edited label of it was exported.

Kili stores the content of a label after it sends the event: a run that reads the asset at once may
still get the former content of a label that was edited, and no later comparison would see that,
because the content has no date of its own. So what was exported because of a label's event, or for
any other reason while a label of it was new, is marked once more when the content must have been
stored. That mark names no label: it is followed by no other, unless a label is new again by then.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from pydantic import ValidationError

from kili_export.changes.events.pending_changes import PendingChange, asset_of, asset_subject
from kili_export.core.bucket_layout import second_looks_key
from kili_export.core.clock import Clock
from kili_export.core.document import Document
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.core.file_dates import LabelDates
from kili_export.storage.object_store import ObjectStore

LATER: Final = timedelta(minutes=5)
"""By then the content of a label has been stored."""
AT_ONCE: Final = 20_000
"""So many are marked by one call, those first that wait the longest: it has to end in its time."""
_TRIES: Final = 5
_Due = Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class DelayedRechecks:
    """The assets of each project that are to be looked at again."""

    objects: ObjectStore
    clock: Clock

    def plan(
        self, project_id: str, marks: Iterable[PendingChange], recent: Iterable[str] = ()
    ) -> None:
        """Notes the assets of marks that are about to be cleared and that name labels.

        `recent` are assets that were exported with a recent label, whatever the reason.
        Raises ConflictError, IntegrityError, TransientError.
        """
        named = {asset_of(mark.subject) for mark in marks if mark.label_ids} | set(recent)
        due = {asset_id: self.clock.now() + LATER for asset_id in named if asset_id is not None}
        if due:
            self._change(project_id, lambda before: {**before, **due})

    def exported(self, project_id: str) -> _Due:
        """The assets that are to be looked at again, and when each was exported."""
        return {asset_id: at - LATER for asset_id, at in self._read(project_id)[0].items()}

    def take_due(self, project_id: str, mark: Callable[[str], object]) -> int:
        """Marks assets whose time has come, by their subjects, `AT_ONCE` at most. Answers how many.

        They are forgotten only after that: a crash in between marks them twice.
        Raises ConflictError, IntegrityError, TransientError.
        """
        now = self.clock.now()
        before, _ = self._read(project_id)
        due = sorted((at, asset_id) for asset_id, at in before.items() if at <= now)[:AT_ONCE]
        for _, asset_id in due:
            mark(asset_subject(asset_id))
        if due:
            taken = {asset_id for _, asset_id in due}
            self._change(project_id, lambda looks: _without(looks, taken, now))
        return len(due)

    def _read(self, project_id: str) -> tuple[_Due, str | None]:
        key = second_looks_key(project_id)
        found = self.objects.get(key)
        if found is None:
            return {}, None
        try:
            return DueRechecks.from_bytes(found[0]).due, found[1].etag
        except (ValidationError, ValueError) as error:
            raise IntegrityError(f"{key} cannot be read; it may be deleted") from error

    def _change(self, project_id: str, change: Callable[[_Due], _Due]) -> None:
        for _ in range(_TRIES):
            before, etag = self._read(project_id)
            try:
                self.objects.put(
                    second_looks_key(project_id),
                    DueRechecks(due=change(before)).to_bytes(),
                    if_match=etag,
                    if_none_match=etag is None,
                    content_type="application/json",
                )
            except ConflictError:
                continue
            return
        raise ConflictError(f"{second_looks_key(project_id)} keeps being replaced")


def has_recent_label(labels: Iterable[LabelDates], asked_at: datetime) -> bool:
    """Whether Kili may not have shown the final content of one of these labels at that time.

    A date further ahead than that is no reason: by a clock that is wrong, a label would stay new.
    """
    since, until = asked_at - LATER, asked_at + LATER
    return any(
        moment is not None and since <= moment <= until
        for label in labels
        for moment in (_moment(label.created_at), _moment(label.updated_at))
    )


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _without(looks: _Due, taken: Container[str], now: datetime) -> _Due:
    return {asset_id: at for asset_id, at in looks.items() if at > now or asset_id not in taken}


class DueRechecks(Document):
    """When each asset is to be looked at again, by its id."""

    schema_version: Literal[1] = 1
    due: Mapping[str, datetime] = {}
