"""Which exports of a project change marks are answered for."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, ValidationError

from kili_export.core.bucket_layout import followed_key
from kili_export.core.document import Document
from kili_export.core.errors import IntegrityError
from kili_export.storage.object_store import ObjectStore


class TrackedExports(Document):
    """Which exports change marks are answered for, and why the others are left out.

    An export that is not followed missed changes: it is made again before it is followed again.
    `registration` is the incarnation of the registration that this is about. One that comes later
    goes by none of it: nobody marked what changed in between.
    """

    schema_version: Literal[1] = 1
    names: frozenset[str] = frozenset()
    left_out: dict[str, str] = Field(default_factory=dict)
    registration: str | None = None


@dataclass(frozen=True, slots=True)
class TrackedExportsStore:
    """Reads and writes the list of one incarnation of a project's registration.

    Only the holder of the project's lease writes it.
    """

    objects: ObjectStore
    registration: str | None

    def read(self, project_id: str) -> TrackedExports:
        """The list; empty when there is none, so that every export is made again.

        So it is when another incarnation left it, which a run may do that ends late.
        """
        found = stored_list(self.objects, project_id)
        if found.registration != self.registration:
            return TrackedExports(registration=self.registration)
        return found

    def leave_out(self, project_id: str, followed: TrackedExports) -> None:
        """Stores a list that was shortened: before any mark is cleared without those exports."""
        if followed != self.read(project_id):
            self._write(project_id, followed)

    def follow(
        self,
        project_id: str,
        published: frozenset[str],
        stopped: frozenset[str],
        declared: Callable[[], Set[str]] = frozenset,
    ) -> None:
        """Adds exports that were published in full, and takes out those that were not.

        Only those are added that are `declared`, which is asked where some are to be.
        """
        before = self.read(project_id)
        if not published <= before.names or not published.isdisjoint(before.left_out):
            published &= declared()
        left_out = {name: why for name, why in before.left_out.items() if name not in published}
        after = TrackedExports(
            names=(before.names | published) - stopped,
            left_out=left_out,
            registration=self.registration,
        )
        if after != before:
            self._write(project_id, after)

    def _write(self, project_id: str, followed: TrackedExports) -> None:
        stamped = followed.model_copy(update={"registration": self.registration})
        self.objects.put(
            followed_key(project_id), stamped.to_bytes(), content_type="application/json"
        )


def stored_list(objects: ObjectStore, project_id: str) -> TrackedExports:
    """The list as it is stored, of whatever incarnation; empty when there is none."""
    found = objects.get(followed_key(project_id))
    if found is None:
        return TrackedExports()
    try:
        return TrackedExports.from_bytes(found[0])
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"{followed_key(project_id)} cannot be read") from error
