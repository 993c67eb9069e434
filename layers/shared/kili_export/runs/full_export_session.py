"""How far a full export has come that is made in slices."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from kili_export.core.bucket_layout import listings_prefix, session_key
from kili_export.core.document import Document
from kili_export.core.errors import IntegrityError
from kili_export.runs.messages import ResultsLocation
from kili_export.storage.object_store import ObjectStore, delete_prefix


class SessionExport(Document):
    """One export that is being made again, frozen as it was when the session was opened."""

    name: str
    definition: str
    dated: str
    reason: str


class FullExportSession(Document):
    """A project's full export in slices. Closed, and to be forgotten, when it has no `exports`.

    `listed` assets lie in `slices` objects of `slice_assets` each, of which the first `position`
    were converted; what all runs converted is in `results`, the latest last. `rebuild_mark` and
    `compared_mark` are the versions of the marks that asked for it, and of the one that all
    other exports were compared with Kili for. `yielded`: the last run took changes alone, so that
    the next one takes a slice. `registration` is the incarnation of the registration that it was
    opened for. `failures` counts how often publishing failed after all was
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
    registration: str | None = None
    last_run: str = Field(default="", description="the run that wrote this, if one did")

    @property
    def done(self) -> int:
        """How many of the listed assets were converted."""
        if self.position == self.slices:
            return self.listed
        return min(self.listed, self.position * self.slice_assets)

    @property
    def names(self) -> frozenset[str]:
        """The exports that the session makes again."""
        return frozenset(export.name for export in self.exports)


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


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that is open, if one is, and the ETag of what is stored, if anything is."""

    session: FullExportSession | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class SessionStore:
    """Reads and writes the session of a project.

    Only the holder of the project's lease writes, and on condition that nobody wrote since it
    read: who is taken for dead and is not cannot go on with what another run took over.
    """

    objects: ObjectStore

    def read(self, project_id: str) -> StoredSession:
        """What is stored. A session that cannot be read is none: it is started again."""
        found = self.objects.get(session_key(project_id))
        if found is None:
            return StoredSession()
        data, stored = found
        try:
            session = FullExportSession.from_bytes(data)
        except (ValidationError, ValueError):
            return StoredSession(None, stored.etag)
        return StoredSession(session if session.exports else None, stored.etag)

    def last_run(self, project_id: str) -> FullExportSession | None:
        """The session as the last run left it, also if it was closed."""
        found = self.objects.get(session_key(project_id))
        if found is None:
            return None
        try:
            return FullExportSession.from_bytes(found[0])
        except (ValidationError, ValueError) as error:
            raise IntegrityError(f"{session_key(project_id)} cannot be read") from error

    def write(self, project_id: str, session: FullExportSession, *, etag: str | None) -> str:
        """Stores the session in place of what has `etag`. Answers its ETag.

        Raises ConflictError when somebody wrote since. The listing of a session that is closed
        is deleted.
        """
        stored = self.objects.put(
            session_key(project_id),
            session.to_bytes(),
            if_match=etag,
            if_none_match=etag is None,
            content_type="application/json",
        )
        if not session.exports:
            delete_prefix(self.objects, listings_prefix(project_id) + f"{session.session_id}/")
        return stored.etag

    def close(self, project_id: str, found: StoredSession) -> StoredSession:
        """Ends an open session, to be started again. Answers what is stored then."""
        if found.session is None:
            return found
        # It keeps its id: no two sessions, open or closed, have the same ETag.
        closed = FullExportSession(session_id=found.session.session_id, last_run="-")
        return StoredSession(None, self.write(project_id, closed, etag=found.etag))

    def is_usable(self, session: FullExportSession) -> bool:
        """Whether what runs converted for the session is still there: it expires."""
        return all(self.objects.head(location.key) for location in session.results[:1])
