"""Full exports that are made in slices: where they stand, and the listing that they work from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson
from pydantic import ValidationError

from kili_export.contracts.rebuild_session import RebuildSession
from kili_export.contracts.workflow import WorkItem
from kili_export.domain.errors import IntegrityError
from kili_export.domain.keys import listings_prefix, session_key, slice_key
from kili_export.ports import ObjectStore
from kili_export.usecases.known_media import ItemInOrder

ListedLine = tuple[str, str | None]
"""An asset's id and, where Kili listed it, its order key."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that is open, if one is, and the ETag of what is stored, if anything is."""

    session: RebuildSession | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What Kili has. `items` are there only if they are one slice, and nothing is stored then."""

    session_id: str
    count: int
    slices: int
    items: tuple[ItemInOrder, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class SessionStore:
    """Reads and writes the session of a project.

    Only the holder of the project's lease writes, and on condition that nobody wrote since it
    read: who is taken for dead and is not cannot go on with what another run took over.
    """

    objects: ObjectStore

    def read(self, project_id: str) -> StoredSession:
        """What is stored. A session that cannot be read is none: it is begun anew."""
        found = self.objects.get(session_key(project_id))
        if found is None:
            return StoredSession()
        data, stored = found
        try:
            session = RebuildSession.from_bytes(data)
        except (ValidationError, ValueError):
            return StoredSession(None, stored.etag)
        return StoredSession(session if session.exports else None, stored.etag)

    def last_run(self, project_id: str) -> RebuildSession | None:
        """The session as the last run left it, also if it was closed."""
        found = self.objects.get(session_key(project_id))
        if found is None:
            return None
        try:
            return RebuildSession.from_bytes(found[0])
        except (ValidationError, ValueError) as error:
            raise IntegrityError(f"{session_key(project_id)} cannot be read") from error

    def write(self, project_id: str, session: RebuildSession, *, etag: str | None) -> str:
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
            self.delete_listings(project_id, session.session_id)
        return stored.etag

    def close(self, project_id: str, found: StoredSession) -> StoredSession:
        """Ends an open session, to be begun anew. Answers what is stored then."""
        if found.session is None:
            return found
        # It keeps its id: no two sessions, open or closed, have the same ETag.
        closed = RebuildSession(session_id=found.session.session_id, last_run="-")
        return StoredSession(None, self.write(project_id, closed, etag=found.etag))

    def is_usable(self, project_id: str, session: RebuildSession) -> bool:
        """Whether what the session goes by is still there: what runs leave expires."""
        needed = [location.key for location in session.results[:1]]
        if session.position < session.slices:
            needed.append(slice_key(project_id, session.session_id, session.position))
        return all(self.objects.head(key) is not None for key in needed)

    def items(self, project_id: str, session_id: str, number: int) -> Iterator[ItemInOrder]:
        """The assets of one slice. Raises IntegrityError when it cannot be read."""
        key = slice_key(project_id, session_id, number)
        found = self.objects.get(key)
        if found is None:
            raise IntegrityError(f"{key} does not exist")
        for line in found[0].splitlines():
            listed = orjson.loads(line)
            yield WorkItem(asset_id=listed["asset_id"], marked=False), listed["order_key"]

    def write_slice(
        self, project_id: str, session_id: str, number: int, assets: Iterable[ListedLine]
    ) -> None:
        """Stores one slice: assets by their ids and, where they are known, order keys."""
        lines = b"".join(
            orjson.dumps({"asset_id": asset_id, "order_key": order_key}) + b"\n"
            for asset_id, order_key in assets
        )
        key = slice_key(project_id, session_id, number)
        self.objects.put(key, lines, content_type="application/x-ndjson")

    def delete_listings(self, project_id: str, session_id: str | None = None) -> None:
        """Deletes the listing of a session, or all that there are."""
        below = "" if session_id is None else f"{session_id}/"
        prefix = listings_prefix(project_id) + below
        self.objects.delete([found.key for found in self.objects.list(prefix)])
