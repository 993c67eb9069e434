"""The gates of an export, in a run: what its manifest says of them, and what follows of that."""

from dataclasses import dataclass
from datetime import datetime

from kili_export.archives.automatic_snapshots import remove_oldest, store_named
from kili_export.archives.gates import GateFacts, Gates, are_gates_due
from kili_export.archives.latest_copy import LatestCopy
from kili_export.archives.manifest import Manifest
from kili_export.core.publish_rules import PublishRules
from kili_export.steps.publishing.generation.new_generation import NewGeneration
from kili_export.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class ExportGates:
    """The gates of one export in the run `run_id`, whose plan was made at `now`.

    A call of the step that goes on with another one decides the same: it has the same plan.
    """

    objects: ObjectStore
    latest: LatestCopy
    rules: PublishRules | None
    now: datetime
    run_id: str

    def are_due(self, manifest: Manifest | None) -> bool:
        """Whether they decide otherwise by now, though nothing changed."""
        return manifest is not None and are_gates_due(self.rules, manifest, self.now)

    def latest_key(self, manifest: Manifest, size: int) -> str | None:
        """Where the copy of an archive of `size` bytes is; one that is held back stays."""
        if manifest.is_latest_held:
            return manifest.latest_key
        return self.latest.key_for(manifest.project_id, manifest.export_name, size)

    def applied_to(
        self, made: Manifest, before: Manifest | None, generation: NewGeneration
    ) -> Manifest:
        """The manifest with what the gates decide about it. It replaces `before`."""
        counts = self.rules is not None and self.rules.counts_reviewed
        facts = GateFacts(
            self.now,
            self.run_id,
            changed_assets=generation.changed_assets() if self._counts_changes else 0,
            review=generation.review() if counts else None,
        )
        former_key = None if before is None else self._copied_to(before)
        former = before and before.model_copy(update={"latest_key": former_key})
        gates = Gates.after(self.rules, former, made, facts)
        gated = made.model_copy(
            update={
                "latest": gates.latest,
                "review": gates.review,
                "snapshots": gates.snapshots,
                "latest_key": former_key,
            }
        )
        return gated.model_copy(update={"latest_key": self.latest_key(gated, made.archive.size)})

    def make_way(self, before: Manifest | None, made: Manifest) -> None:
        """Completes the current generation before it is replaced: that is not possible later.

        The copy that is held back from now on is that of `before`, and so is the snapshot.
        """
        if before is None:
            return
        if made.is_latest_held and not _stays_held(before):
            let_out = {"latest": None, "latest_key": self._copied_to(before)}
            self.latest.refresh(before.model_copy(update=let_out))
        if made.generation != before.generation:
            store_named(self.objects, before)

    def follow(self, manifest: Manifest, before: Manifest | None = None) -> None:
        """Brings copy and snapshots up to what is current. `before` is what it replaced."""
        self.latest.refresh(manifest, before)
        if not store_named(self.objects, manifest):
            return
        when = None if self.rules is None else self.rules.snapshot_when
        if when is not None:
            remove_oldest(self.objects, manifest, when.keep)

    @property
    def _counts_changes(self) -> bool:
        return self.rules is not None and self.rules.snapshot_when is not None

    def _copied_to(self, manifest: Manifest) -> str | None:
        """The key of the current copy after a release that was asked for."""
        if _stays_held(manifest) or not manifest.is_latest_held:
            return manifest.latest_key
        size = manifest.archive.size
        return self.latest.key_for(manifest.project_id, manifest.export_name, size)


def _stays_held(manifest: Manifest) -> bool:
    """Whether the copy is held back and not released."""
    latest = manifest.latest
    return latest is not None and bool(latest.held) and not latest.released
