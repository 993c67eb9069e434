"""Lists a project's assets for a comparison, over as many invocations as that takes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

import orjson
from pydantic import ValidationError

from kili_export.changes.comparison.kili_listing import KiliListing, ListedPage, ListingPosition
from kili_export.core.bucket_layout import comparisons_prefix
from kili_export.core.clock import Clock, RandomSource, TimeLeft
from kili_export.core.document import Document
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.object_store import ObjectStore, delete_prefix

_PART: Final = 20_000
"""Assets that are held, and that a crash loses."""
_OLDEST: Final = timedelta(days=1)
"""A listing that was begun before tells too little of the present to be continued."""
_END: Final = b"\0"


@dataclass(frozen=True, slots=True)
class ListedAssets:
    """Everything that Kili has: lines of `listed_line`, to be read sorted by id.

    `about` is the version of the mark that the listing was begun for. `stored`: something is kept
    of it, until it is forgotten.
    """

    lines: ExternalSorter
    count: int
    about: str | None = None
    stored: bool = False


class PendingComparison(Document):
    """A listing that is under way.

    `parts` are the keys of the objects that hold what was listed so far. `about` is the version of
    the mark that asked for the comparison, None for the scheduled one. `offset`, `seen` and
    `recent` are where Kili's pages are continued (see ListingPosition).
    """

    schema_version: Literal[1] = 1
    begun_at: datetime
    about: str | None = None
    parts: tuple[str, ...] = ()
    offset: int = 0
    seen: int = 0
    recent: tuple[str, ...] = ()


@dataclass(slots=True)
class _ComparisonProgress:
    pending: PendingComparison
    position: ListingPosition
    rest: list[tuple[str, str]] = field(default_factory=list)
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class ComparisonListing:
    """The listing of one project, for one purpose.

    What was listed is stored every 20,000 assets and when the time is up. Of two who
    read at the same time, the second to store gives up; what it listed is not counted in.

    A listing that took long tells of the past: of an asset that changed, came or went since, a
    comparison says that it differs, and it is looked at once more. Nothing is removed for it:
    only what Kili, when it is asked for that asset, does not have.
    """

    objects: ObjectStore
    kili: KiliListing
    clock: Clock
    random: RandomSource
    project_id: str
    purpose: Literal["sweep", "run"]
    part_assets: int = _PART

    def read(self, time_left: TimeLeft | None, *, about: str | None = None) -> ListedAssets | None:
        """Everything that Kili has, None when the time is up: then the next one goes on.

        Raises Unavailable when the listing cannot be relied on, ConflictError when somebody else
        has continued it.
        """
        progress = self._load(about)
        resumed, pages = bool(progress.pending.parts), 0
        for page in self._pages(progress.position):
            progress.rest += [(asset.asset_id, asset.fingerprint) for asset in page.assets]
            progress.position = page.position
            pages += 1
            is_up = not page.is_last and time_left is not None and time_left.is_up()
            if is_up or len(progress.rest) >= self.part_assets:
                self._store(progress)
            if is_up:
                return None
        if resumed and pages > 1 and time_left is not None:
            # So large a project's ledgers get the time of an invocation of their own.
            self._store(progress)
            return None
        return self._whole(progress)

    def forget(self, listed: ListedAssets) -> None:
        """To be called when the comparison was made and what it found is marked."""
        if listed.stored:
            self._delete()

    def _delete(self) -> None:
        prefix = comparisons_prefix(self.project_id, self.purpose)
        # First of all what names the others.
        self.objects.delete([self._key])
        delete_prefix(self.objects, prefix)

    @property
    def _key(self) -> str:
        return comparisons_prefix(self.project_id, self.purpose) + "listing.json"

    def _pages(self, position: ListingPosition) -> Iterator[ListedPage]:
        try:
            yield from self.kili.list_pages(self.project_id, position)
        except ConflictError as error:
            self._delete()
            raise Unavailable(f"the listing of the assets starts again: {error}") from error

    def _load(self, about: str | None) -> _ComparisonProgress:
        """The listing that is under way, or a new one when it is too old or cannot be read."""
        now = self.clock.now()
        progress = _ComparisonProgress(
            PendingComparison(begun_at=now, about=about), ListingPosition()
        )
        found = self.objects.get(self._key)
        if found is None:
            return progress
        progress.etag = found[1].etag
        pending = _parsed(found[0], now)
        if pending is not None and all(self.objects.head(key) for key in pending.parts):
            progress.pending = pending
            progress.position = ListingPosition(pending.offset, pending.seen, pending.recent)
        return progress

    def _store(self, progress: _ComparisonProgress) -> None:
        prefix = comparisons_prefix(self.project_id, self.purpose)
        parts = progress.pending.parts
        if progress.rest:
            key = f"{prefix}{self.random.token()}.jsonl"
            lines = b"".join(orjson.dumps(one) + b"\n" for one in progress.rest)
            self.objects.put(key, lines, content_type="application/x-ndjson")
            parts = (*parts, key)
        position = progress.position
        progress.pending = progress.pending.model_copy(
            update={
                "parts": parts,
                "offset": position.offset,
                "seen": position.seen,
                "recent": position.recent,
            }
        )
        stored = self.objects.put(
            self._key,
            progress.pending.to_bytes(),
            if_match=progress.etag,
            if_none_match=progress.etag is None,
            content_type="application/json",
        )
        progress.etag = stored.etag
        progress.rest = []

    def _whole(self, progress: _ComparisonProgress) -> ListedAssets:
        lines = ExternalSorter()
        for key in progress.pending.parts:
            found = self.objects.get(key)
            if found is None:
                raise ConflictError("somebody else has ended the listing")
            for line in found[0].splitlines():
                lines.add(listed_line(*orjson.loads(line)))
        for asset_id, fingerprint in progress.rest:
            lines.add(listed_line(asset_id, fingerprint))
        lines.settle()
        stored = progress.etag is not None
        return ListedAssets(lines, progress.position.seen, progress.pending.about, stored)


def listed_line(asset_id: str, fingerprint: str) -> bytes:
    """One asset, so that lines are sorted by id."""
    return b"".join((asset_id.encode(), _END, fingerprint.encode()))


def _parsed(data: bytes, now: datetime) -> PendingComparison | None:
    try:
        pending = PendingComparison.from_bytes(data)
        return pending if now - pending.begun_at < _OLDEST else None
    except (ValidationError, ValueError, TypeError):
        return None
