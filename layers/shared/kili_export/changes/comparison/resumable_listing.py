"""Lists all assets of a project for full exports, over as many invocations as that takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from kili_export.archives.manifest import Manifest
from kili_export.changes.comparison.kili_listing import KiliListing, ListedPage, ListingPosition
from kili_export.changes.comparison.listing_slices import ListedLine, Listing, ListingSlices
from kili_export.changes.comparison.unlisted_assets import unlisted_assets
from kili_export.core.bucket_layout import listing_key
from kili_export.core.clock import TimeLeft
from kili_export.core.document import Document
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.storage.object_store import ObjectStore


@dataclass(slots=True)
class _Progress:
    """What was listed so far: stored slices, and the assets after them."""

    session_id: str
    base: str | None
    slices: int = 0
    rest: list[ListedLine] = field(default_factory=list)
    position: ListingPosition = field(default_factory=ListingPosition)
    etag: str | None = None
    """Of what is stored about the listing that is under way."""


@dataclass(frozen=True, slots=True)
class ProjectListing:
    """The listing, in slices of `most` assets. For the holder of the project's lease alone.

    What was listed is stored with each slice, so that an invocation that ends, in time or not, is
    continued by the next, of whichever run: what Kili creates later it lists later, and what
    went away meanwhile is found missing when it is fetched. Holds a slice and a page.

    What the exports of `known` know and Kili does not list comes last: it is asked for too.
    """

    objects: ObjectStore
    kili: KiliListing
    project_id: str
    most: int
    known: Sequence[Manifest] = ()

    def read(self, run_id: str, *, base: str | None, time_left: TimeLeft | None) -> Listing | None:
        """Everything that Kili has, None when the time is up.

        `base` is the ETag of the project's session as it is now. Raises Unavailable when the
        listing cannot be relied on, ConflictError when another run has continued it.
        """
        progress = self._load(run_id, base)
        for page in self._pages(progress.position):
            self._add(progress, page)
            if not page.is_last and time_left is not None and time_left.is_up():
                self._store(progress)
                return None
        return self._finish(progress)

    def _pages(self, position: ListingPosition) -> Iterator[ListedPage]:
        try:
            yield from self.kili.list_pages(self.project_id, position)
        except ConflictError as error:
            self._forget()
            raise Unavailable(f"the listing of the assets starts again: {error}") from error

    def _add(self, progress: _Progress, page: ListedPage) -> None:
        progress.rest += [(asset.asset_id, asset.order_key) for asset in page.assets]
        progress.position = page.position
        if self._write_full(progress):
            self._store(progress)

    def _write_full(self, progress: _Progress) -> bool:
        """Stores what fills slices. The last slice is not: what fits in one is never stored."""
        full = len(progress.rest) > self.most
        while len(progress.rest) > self.most:
            self._write(progress, self.most)
        return full

    def _write(self, progress: _Progress, count: int) -> None:
        if not progress.slices:
            # What runs left that died before they opened their session.
            self._slices.delete_all()
            progress.etag = None
        taken, progress.rest = progress.rest[:count], progress.rest[count:]
        self._slices.write(progress.session_id, progress.slices, taken)
        progress.slices += 1

    def _finish(self, progress: _Progress) -> Listing:
        count = progress.position.seen
        listed = self._listed(progress.session_id, progress.slices, tuple(progress.rest))
        for asset_id in unlisted_assets(self.objects, self.known, listed):
            progress.rest.append((asset_id, None))
            self._write_full(progress)
        if progress.slices:
            # Not counted in: should this run die, the last slice is written again.
            slices = progress.slices
            self._slices.write(progress.session_id, slices, progress.rest)
            return Listing(progress.session_id, count, slices + 1)
        if progress.etag is not None:
            self._forget()
        return Listing(progress.session_id, count, 1, tuple(progress.rest))

    def _listed(self, session_id: str, slices: int, rest: Sequence[ListedLine]) -> Iterator[str]:
        """The ids of everything that Kili lists."""
        for number in range(slices):
            for asset_id, _ in self._slices.read(session_id, number):
                yield asset_id
        yield from (asset_id for asset_id, _ in rest)

    @property
    def _slices(self) -> ListingSlices:
        return ListingSlices(self.objects, self.project_id)

    def _load(self, run_id: str, base: str | None) -> _Progress:
        """The listing that is under way, or a new one.

        One that cannot be read, or that has led to a session, is none.
        """
        found = self.objects.get(listing_key(self.project_id))
        if found is None:
            return _Progress(run_id, base)
        etag = found[1].etag
        try:
            pending = PendingListing.from_bytes(found[0])
        except (ValidationError, ValueError):
            return _Progress(run_id, base, etag=etag)
        if pending.base != base:
            return _Progress(run_id, base, etag=etag)
        return _Progress(
            session_id=pending.session_id,
            base=base,
            slices=pending.slices,
            rest=list(pending.rest),
            position=ListingPosition(pending.offset, pending.seen, pending.recent),
            etag=etag,
        )

    def _store(self, progress: _Progress) -> None:
        position = progress.position
        pending = PendingListing(
            session_id=progress.session_id,
            base=progress.base,
            slices=progress.slices,
            rest=tuple(progress.rest),
            offset=position.offset,
            seen=position.seen,
            recent=position.recent,
        )
        key = listing_key(self.project_id)
        # Who is taken for dead and is not must not go on with what another run took over.
        stored = self.objects.put(
            key,
            pending.to_bytes(),
            if_match=progress.etag,
            if_none_match=progress.etag is None,
            content_type="application/json",
        )
        progress.etag = stored.etag

    def _forget(self) -> None:
        self.objects.delete([listing_key(self.project_id)])


class PendingListing(Document):
    """A listing of all assets that is under way.

    It was begun when the session's object had the ETag `base`, None for no object: a run that
    opened a session since has another. `slices` objects are stored under `session_id`; `rest` are
    the assets after them, each by its id and its order key. `offset`, `seen` and `recent` are where
    Kili's pages are continued (see ListingPosition).
    """

    schema_version: Literal[1] = 1
    session_id: str
    base: str | None = None
    slices: int = 0
    rest: tuple[tuple[str, str | None], ...] = ()
    offset: int = 0
    seen: int = 0
    recent: tuple[str, ...] = ()
