"""The listing that a full export works from, in slices that are stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from kili_export.core.bucket_layout import listings_prefix, slice_key
from kili_export.core.errors import IntegrityError
from kili_export.storage.object_store import ObjectStore, delete_prefix

ListedLine = tuple[str, str | None]
"""An asset's id and, where Kili listed it, its order key."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What Kili has. `items` are there only if they are one slice, and nothing is stored then."""

    session_id: str
    count: int
    slices: int
    items: tuple[ListedLine, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class ListingSlices:
    """The stored slices of one project's listings."""

    objects: ObjectStore
    project_id: str

    def read(self, session_id: str, number: int) -> Iterator[ListedLine]:
        """The assets of one slice. Raises IntegrityError when it cannot be read."""
        key = slice_key(self.project_id, session_id, number)
        found = self.objects.get(key)
        if found is None:
            raise IntegrityError(f"{key} does not exist")
        try:
            for line in found[0].splitlines():
                listed = orjson.loads(line)
                yield listed["asset_id"], listed["order_key"]
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(f"{key} cannot be read") from error

    def is_readable(self, session_id: str, number: int) -> bool:
        """Whether one slice is there, and whole as far as can be seen."""
        try:
            return len(list(self.read(session_id, number))) > 0
        except IntegrityError:
            return False

    def write(self, session_id: str, number: int, assets: Iterable[ListedLine]) -> None:
        """Stores one slice: assets by their ids and, where they are known, order keys."""
        lines = b"".join(
            orjson.dumps({"asset_id": asset_id, "order_key": order_key}) + b"\n"
            for asset_id, order_key in assets
        )
        key = slice_key(self.project_id, session_id, number)
        self.objects.put(key, lines, content_type="application/x-ndjson")

    def delete_all(self) -> None:
        """Deletes the listings of all sessions."""
        delete_prefix(self.objects, listings_prefix(self.project_id))
