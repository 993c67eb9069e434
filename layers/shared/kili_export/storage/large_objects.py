"""Writes one object out of any number of pieces: where they are too many, they are joined first."""

from collections.abc import Sequence
from dataclasses import dataclass

from kili_export.splicing.part_joins import plan_joins
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import CopyRange, Part, Piece, Source, pack, parts_digest
from kili_export.storage.object_store import LongUploads, ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class LargeObjects:
    """`joins` is where objects are joined, each under the digest of what it is made of.

    So any invocation finds what another one joined. They are deleted when they are not needed any
    more, or expire with the run.
    """

    objects: ObjectStore
    limits: PartLimits
    joins: str
    uploads: LongUploads | None = None

    def compose(self, key: str, pieces: Sequence[Piece]) -> StoredObject:
        """Writes an immutable object, unless an invocation of this run did so already.

        Raises OutOfTime when that takes longer than this invocation.
        """
        parts = pack(pieces, self.limits)
        plan = parts_digest(parts)
        if len(parts) <= self.limits.max_parts:
            return self._write(key, parts, plan)
        place = f"{self.joins}{plan}/"
        # What it was made of may be gone.
        stored = self.objects.composed(key, plan, uploads=self.uploads)
        if stored is None:
            stored = self._write(key, self._joined(parts, place), plan)
        self.objects.delete([joined.key for joined in self.objects.list(place)])
        return stored

    def _joined(self, parts: Sequence[Part], place: str) -> Sequence[Part]:
        """The parts of one upload that has the same bytes."""
        while groups := plan_joins(parts, self.limits):
            pieces = [self._join(group, place) for group in groups]
            parts = pack(pieces, self.limits)
        return parts

    def _join(self, parts: Sequence[Part], place: str) -> CopyRange:
        plan = parts_digest(parts)
        stored = self._write(place + plan, parts, plan)
        return CopyRange(Source(stored.key, stored.etag, stored.size), 0, stored.size)

    def _write(self, key: str, parts: Sequence[Part], plan: str) -> StoredObject:
        is_long = len(parts) >= self.limits.resumable_from
        return self.objects.compose(
            key,
            parts,
            if_none_match=True,
            plan=plan,
            uploads=self.uploads if is_long else None,
        )
