"""Deletes archives, deltas and ledgers that nobody needs any more."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import chain, takewhile

from pydantic import ValidationError

from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.snapshots import iter_snapshots, pinned_keys
from kili_export.core.bucket_layout import (
    export_prefix,
    history_key,
    ledgers_prefix,
    tree_state_key,
)
from kili_export.core.clock import Clock
from kili_export.core.errors import ConflictError, ExportError
from kili_export.maintenance.retention.history import History, PastManifest, oldest_delta
from kili_export.maintenance.retention.retention_rules import (
    Named,
    Retained,
    RetentionRules,
    WrittenObject,
    expired,
    needed,
)
from kili_export.storage.object_store import ObjectStore

_TRIES = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApplyRetention:
    """Keeps what is needed of one bucket's exports.

    A manifest is remembered before it is replaced: then a crash at any point leaves nothing that
    was current unknown. What is unknown and old was never current.

    With `known`, a store of the same bucket that may answer from memory, what is remembered is
    added to the history as that knows it: it is written on condition that it is still so.
    """

    objects: ObjectStore
    clock: Clock
    rules: RetentionRules
    known: ObjectStore | None = None

    def remember(self, manifest: Manifest | None) -> None:
        """Notes that this manifest is current until now. Raises ConflictError, TransientError."""
        if manifest is None:
            return
        for _ in range(_TRIES):
            history, etag = self._history(
                self.known or self.objects, manifest.project_id, manifest.export_name
            )
            try:
                self._write(manifest, history.with_past(manifest, self.clock.now()), etag)
            except ConflictError:
                continue
            return
        raise ConflictError(f"the history of {manifest.export_name} keeps being replaced")

    def names_any_of(self, project_id: str, export: str, keys: Collection[str]) -> bool:
        """Whether a manifest that is or was current names one of these archives and ledgers."""
        manifest, _ = load_manifest(self.objects, project_id, export)
        # After the manifest: one that was replaced since was remembered before.
        history, _ = self._history(self.objects, project_id, export)
        named = frozenset[str]().union(*(past.keys for past in history.past))
        return not named.union(pinned_keys(manifest) if manifest else ()).isdisjoint(keys)

    def delete_expired(self, project_id: str, export: str) -> list[str]:
        """Deletes what nobody needs. Answers the keys; never fails: its caller has published."""
        try:
            return self._delete(project_id, export)
        except ExportError:
            _log.warning("nothing that expired was deleted this time", exc_info=True)
            return []

    def _delete(self, project_id: str, export: str) -> list[str]:
        # What is written after the listing is not looked at. What became current since it is in
        # the manifest, read after it; what was pinned since it is in the snapshots, read last.
        written = list(self._written(project_id, export))
        manifest, _ = load_manifest(self.objects, project_id, export)
        if manifest is None:
            return []
        now = self.clock.now()
        history, etag = self._history(self.objects, project_id, export)
        named = tuple(map(_named, history.past))
        past = needed(named, manifest.generation, self.rules, now)
        retained = Retained(
            current=_named_by(manifest),
            chain={delta.generation: delta.key for delta in manifest.recent_deltas},
            past=past,
            pinned=frozenset(),
        )
        if history.since >= now - self.rules.recent:
            return []
        keys = expired(written, retained, self.rules, now)
        if keys:
            pinned = (
                pinned_keys(one) for _, one in iter_snapshots(self.objects, project_id, export)
            )
            retained = replace(retained, pinned=frozenset[str]().union(*pinned))
            keys = expired(written, retained, self.rules, now)
        if keys:
            self.objects.delete(keys)
            _log.info("deleted %d objects that nobody needs any more", len(keys))
        self._forget(manifest, history, etag, frozenset(past))
        return keys

    def _forget(
        self, manifest: Manifest, history: History, etag: str | None, past: frozenset[Named]
    ) -> None:
        """Shortens the history to what is needed, once what it named is deleted."""
        if len(past) == len(history.past):
            return
        kept = tuple(one for one in history.past if _named(one) in past)
        try:
            self._write(manifest, history.model_copy(update={"past": kept}), etag)
        except ConflictError:
            _log.info("the history was written by another run; it is shortened next time")

    def _history(
        self, objects: ObjectStore, project_id: str, export: str
    ) -> tuple[History, str | None]:
        found = objects.get(history_key(project_id, export))
        if found is None:
            return History(since=self.clock.now()), None
        try:
            return History.from_bytes(found[0]), found[1].etag
        except (ValidationError, ValueError):
            # Begun again: until it is old enough to tell, nothing is deleted.
            _log.warning("the history of %s cannot be read and starts again", export)
            return History(since=self.clock.now()), found[1].etag

    def _write(self, manifest: Manifest, history: History, etag: str | None) -> None:
        (self.known or self.objects).put(
            history_key(manifest.project_id, manifest.export_name),
            history.to_bytes(),
            if_match=etag,
            if_none_match=etag is None,
            content_type="application/json",
        )

    def _written(self, project_id: str, export: str) -> Iterator[WrittenObject]:
        own = self.objects.list(export_prefix(project_id, export))
        # The tree comes last, has as many objects as files, and none that retention knows.
        tree = tree_state_key(project_id, export).removesuffix(".json")
        before_tree = takewhile(lambda stored: not stored.key.startswith(tree), own)
        for stored in chain(before_tree, self.objects.list(ledgers_prefix(project_id, export))):
            if stored.modified is not None:
                yield WrittenObject(stored.key, stored.modified)


def _named(past: PastManifest) -> Named:
    return Named(past.generation, past.keys, past.chain_from, past.until)


def _named_by(manifest: Manifest) -> Named:
    return Named(
        manifest.generation,
        pinned_keys(manifest) | {delta.key for delta in manifest.recent_deltas},
        oldest_delta(manifest),
        manifest.published_at,
    )
