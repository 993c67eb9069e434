"""How far a full export has come that is made in slices."""

from typing import Literal

from pydantic import Field

from kili_export.contracts.base import Document
from kili_export.contracts.workflow import ResultsLocation


class SessionExport(Document):
    """One export that is being made anew, frozen as it was when the session was opened."""

    name: str
    definition: str
    dated: str
    reason: str


class RebuildSession(Document):
    """A project's full export in slices. Closed, and to be forgotten, when it has no `exports`.

    `listed` assets lie in `slices` objects of `slice_assets` each, of which the first `position`
    were converted; what all runs converted is in `results`, the latest last. `rebuild_mark` and
    `compared_mark` are the versions of the marks that asked for it, and of the one that all
    other exports were compared with Kili for. `yielded`: the last run took changes alone, so that
    the next one takes a slice. `failures` counts how often publishing failed after all was
    converted.
    """

    schema_version: Literal[1] = 1
    session_id: str
    exports: tuple[SessionExport, ...] = ()
    listed: int = 0
    slices: int = 0
    slice_assets: int = 0
    position: int = 0
    results: tuple[ResultsLocation, ...] = ()
    rebuild_mark: str | None = None
    compared_mark: str | None = None
    yielded: bool = False
    failures: int = 0
    last_run: str = Field(default="", description="the run that wrote this, if one did")

    @property
    def done(self) -> int:
        """How many of the listed assets were converted."""
        if self.position == self.slices:
            return self.listed
        return min(self.listed, self.position * self.slice_assets)

    @property
    def names(self) -> frozenset[str]:
        """The exports that the session makes anew."""
        return frozenset(export.name for export in self.exports)


class PendingListing(Document):
    """A listing of all assets that is under way.

    It was begun when the session's object had the ETag `base`, None for no object: whoever opened
    a session since has another. `slices` objects are stored under `session_id`; `rest` are the
    assets after them, each by its id and its order key. `offset`, `seen` and `recent` are where
    Kili's pages are gone on with (see domain.fetching.ListingPosition).
    """

    schema_version: Literal[1] = 1
    session_id: str
    base: str | None = None
    slices: int = 0
    rest: tuple[tuple[str, str | None], ...] = ()
    offset: int = 0
    seen: int = 0
    recent: tuple[str, ...] = ()


class SessionStep(Document):
    """What one run does for a session: its plan's part of it.

    `etag` is that of the session which the plan was made from. `taken` is the slice that the
    run converts, None when it takes changes alone. `final`: all slices are converted when this
    one is, and the exports are published.
    """

    session_id: str
    etag: str
    slices: int
    taken: int | None = None
    final: bool = False
    compared_mark: str | None = None
