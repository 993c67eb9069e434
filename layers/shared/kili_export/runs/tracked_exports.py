"""Which exports of a project change marks are answered for."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from kili_export.core.bucket_layout import followed_key
from kili_export.core.document import Document
from kili_export.core.errors import IntegrityError
from kili_export.storage.object_store import ObjectStore


class FollowedExports(Document):
    """Which exports change marks are answered for, and why the others are left out.

    An export that is not followed missed changes: it is made again before it is followed again.
    """

    schema_version: Literal[1] = 1
    names: frozenset[str] = frozenset()
    left_out: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FollowedStore:
    """Reads and writes the list. Only the holder of the project's lease writes it."""

    objects: ObjectStore

    def read(self, project_id: str) -> FollowedExports:
        """The list; empty when there is none, so that every export is made again."""
        found = self.objects.get(followed_key(project_id))
        if found is None:
            return FollowedExports()
        try:
            return FollowedExports.from_bytes(found[0])
        except (ValidationError, ValueError) as error:
            raise IntegrityError(f"{followed_key(project_id)} cannot be read") from error

    def leave_out(self, project_id: str, followed: FollowedExports) -> None:
        """Stores a list that was shortened: before any mark is cleared without those exports."""
        if followed != self.read(project_id):
            self._write(project_id, followed)

    def follow(self, project_id: str, published: frozenset[str], stopped: frozenset[str]) -> None:
        """Adds exports that were published in full, and takes out those that were not."""
        before = self.read(project_id)
        left_out = {name: why for name, why in before.left_out.items() if name not in published}
        after = FollowedExports(names=(before.names | published) - stopped, left_out=left_out)
        if after != before:
            self._write(project_id, after)

    def _write(self, project_id: str, followed: FollowedExports) -> None:
        self.objects.put(
            followed_key(project_id), followed.to_bytes(), content_type="application/json"
        )
