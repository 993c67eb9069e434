"""What an export remembers of the manifests that are current no more."""

from datetime import datetime
from typing import Literal

from kili_export.archives.manifest import Manifest
from kili_export.core.document import Document


class PastManifest(Document):
    """What a manifest named, and until when at least it was current.

    `chain_from` is the generation of the oldest delta that it named, `tables` are tables besides
    the ledger. Version 0.1 knew none.
    """

    generation: int
    archive: str
    ledger: str
    chain_from: int
    until: datetime
    tables: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """All that it named besides deltas."""
        return frozenset({self.archive, self.ledger, *self.tables})

    @classmethod
    def of(cls, manifest: Manifest, until: datetime) -> "PastManifest":
        """What is to be remembered of a manifest that is about to be replaced."""
        return cls(
            generation=manifest.generation,
            archive=manifest.archive.key,
            ledger=manifest.ledger.key,
            chain_from=oldest_delta(manifest),
            until=until,
            tables=tuple(table.key for table in manifest.tables[1:]),
        )


class History(Document):
    """Former manifests, oldest first. Before `since` nothing was remembered."""

    schema_version: Literal[1] = 1
    since: datetime
    past: tuple[PastManifest, ...] = ()

    def with_past(self, manifest: Manifest, until: datetime) -> "History":
        """The history after this manifest; one that is the last already stays it, until later."""
        added = PastManifest.of(manifest, until)
        kept = self.past
        if kept and kept[-1].keys == added.keys:
            kept = kept[:-1]
        return self.model_copy(update={"past": (*kept, added)})


def oldest_delta(manifest: Manifest) -> int:
    """The generation of the oldest delta that a manifest names; the next one if there is none."""
    named = (*manifest.deltas, *manifest.recent_deltas)
    return min((delta.generation for delta in named), default=manifest.generation + 1)
