"""Erases what is still kept of an asset that was deleted in Kili."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from kili_export.archives.delta_document import DELTA_LIST, Delta
from kili_export.archives.known_exports import no_such_export
from kili_export.archives.latest_copy import LatestCopy
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.loss_report.report_writer import LossReports
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.purged_export import has_data
from kili_export.archives.snapshots import iter_snapshots, pinned_keys
from kili_export.archives.stored_archive import StoredArchive
from kili_export.archives.tables import with_one_table_each
from kili_export.archives.tree_state import load_tree_state
from kili_export.core.bucket_layout import (
    all_comparisons_prefix,
    export_prefix,
    exports_prefix,
    latest_key,
    listings_prefix,
    manifest_key,
    runs_prefix,
    snapshot_key,
    state_prefix,
    tree_prefix,
    tree_state_key,
)
from kili_export.core.errors import ConflictError, IntegrityError, InvalidConfiguration
from kili_export.maintenance.retention.asset_tables import TablesOfAsset
from kili_export.maintenance.retention.asset_traces import Trace, owns_entries, tainted
from kili_export.maintenance.retention.eraser import Erased, Eraser
from kili_export.registration.stored_registrations import load_registration
from kili_export.runs.tracked_exports import stored_list
from kili_export.splicing.part_limits import PartLimits
from kili_export.splicing.upload_parts import Source
from kili_export.storage.large_objects import LargeObjects
from kili_export.storage.object_store import ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class CopiesOfAsset:
    """What of one export holds an asset; `manifest` is what is current, and does not."""

    manifest: Manifest
    etag: str
    keys: tuple[str, ...]

    @property
    def renews_tables(self) -> bool:
        """Whether tables of what is current go: newer ones tell that the asset left these."""
        return not {table.key for table in self.manifest.tables}.isdisjoint(self.keys)

    @property
    def chain(self) -> Manifest:
        """The manifest with those deltas alone that follow the last one to be erased."""
        chain = self.manifest.recent_deltas
        last = max((n for n, delta in enumerate(chain) if delta.key in self.keys), default=-1)
        return self.manifest.model_copy(update={"recent_deltas": chain[last + 1 :]})


@dataclass(frozen=True, slots=True)
class PurgeAsset:
    """The use case. What is not known to be free of the asset is erased as well."""

    eraser: Eraser

    @property
    def objects(self) -> ObjectStore:
        """The bucket."""
        return self.eraser.objects

    def find(self, project_id: str, export: str | None, asset_id: str) -> list[CopiesOfAsset]:
        """What holds the asset, export by export.

        Raises InvalidConfiguration when one of the exports has the asset now: it would come back.
        """
        names = [export] if export is not None else list(self._exports(project_id))
        if not names:
            raise InvalidConfiguration(f"Nothing of project {project_id} is published here.")
        return [self._traces(project_id, name, asset_id) for name in names]

    def __call__(self, project_id: str, export: str | None, asset_id: str) -> Erased:
        """Erases archives, deltas, ledgers and snapshots that hold the asset, and all of `runs/`.

        So are lists of a project's assets that are kept meanwhile: what goes by them begins again.
        The chain of deltas is shortened first, so that no reader is sent to what is gone. Former
        versions of all objects go too. Raises InvalidConfiguration while a run publishes the
        project or when the asset is still exported, ConflictError when a run published meanwhile.
        """
        with self.eraser.alone(project_id) as fence:
            return self._purge(project_id, self.find(project_id, export, asset_id), fence)

    def _purge(self, project_id: str, found: list[CopiesOfAsset], fence: int) -> Erased:
        current = [self._shorten_chain(traces, fence) for traces in found]
        erased = self.eraser.erase(
            [
                runs_prefix(project_id),
                listings_prefix(project_id),
                all_comparisons_prefix(project_id),
            ]
        )
        keys, versions = list(erased.keys), erased.versions
        for traces, manifest in zip(found, current, strict=True):
            self.objects.delete(traces.keys)
            keys += traces.keys
            self._renew_latest(manifest)
            # Out of the tables that are named now: those of before may be gone.
            LossReports(self.objects).renew(manifest)
            for prefix in _prefixes(manifest):
                versions += self.objects.delete_versions(prefix, current=False)
        return Erased(tuple(keys), versions)

    def _exports(self, project_id: str) -> Iterator[str]:
        for name in self.objects.folders(exports_prefix(project_id)):
            is_known = self.objects.head(manifest_key(project_id, name)) is not None
            if is_known and has_data(self.objects, export_prefix(project_id, name)):
                yield name

    def _traces(self, project_id: str, export: str, asset_id: str) -> CopiesOfAsset:
        manifest, etag = load_manifest(self.objects, project_id, export)
        if manifest is None or etag is None:
            raise no_such_export(self.objects, project_id, export)
        self._require_gone(manifest, asset_id)
        self._require_tree(manifest)
        snapshots = dict(iter_snapshots(self.objects, project_id, export))
        tables = TablesOfAsset(self.objects, asset_id, manifest)
        by_name = tables.by_name()
        vouched = {
            snapshot.archive.key: tables.hold(snapshot)
            for snapshot in snapshots.values()
            # With deltas after it the archive may hold what the ledger does not know any more.
            if not snapshot.deltas
        }
        traces = [*self._archives(manifest, asset_id), *self._deltas(manifest, asset_id)]
        keys = {*tainted(traces, by_name, vouched)} - {manifest.archive.key}
        gone = {
            name: snapshot
            for name, snapshot in snapshots.items()
            if pinned_keys(snapshot) & keys or tables.hold(snapshot)
        }
        clean = [one for name, one in snapshots.items() if name not in gone]
        keys.update(tables.to_erase(by_name, clean))
        keys.update(snapshot_key(project_id, export, name) for name in gone)
        return CopiesOfAsset(manifest, etag, tuple(sorted(keys)))

    def _require_gone(self, manifest: Manifest, asset_id: str) -> None:
        project_id = manifest.project_id
        known = open_ledger(self.objects, manifest).names([asset_id])
        listed = any(one.asset_id == asset_id for one in manifest.quarantined)
        if not (known or listed or manifest.deltas):
            return
        self._require_followed(manifest)
        if manifest.deltas:
            raise InvalidConfiguration(
                f"The archive of export {manifest.export_name!r} is older than its last changes. "
                f"Write both into one archive, then purge: kili-export run {project_id} --wait"
            )
        raise InvalidConfiguration(
            f"Asset {asset_id} is in the current generation of export "
            f"{manifest.export_name!r}. Delete it in Kili first; then "
            f"`kili-export reconcile {project_id}` and `kili-export wait {project_id}` bring "
            "the exports up to date, and it can be purged."
        )

    def _require_tree(self, manifest: Manifest) -> None:
        """Raises InvalidConfiguration when the tree may hold what left the export."""
        project_id, name = manifest.project_id, manifest.export_name
        state, _ = load_tree_state(self.objects, project_id, name)
        if state is None:
            self._require_no_tree(project_id, name)
            return
        if state.holds(manifest):
            return
        way_out = f"Wait until it is up to date: kili-export run {project_id} --wait"
        if state.ended_at is not None:
            way_out = (
                f"It ended: remove everything below {tree_prefix(project_id, name)}, then "
                f"{tree_state_key(project_id, name)}."
            )
        raise InvalidConfiguration(
            f"The tree of export {name!r} may hold the asset yet: it has generation "
            f"{state.generation}, and {manifest.generation} is current. {way_out}"
        )

    def _require_no_tree(self, project_id: str, export: str) -> None:
        """Raises InvalidConfiguration when there are files of a tree of which nothing is known."""
        prefix = tree_prefix(project_id, export)
        if any(True for _ in self.objects.list(prefix)):
            raise InvalidConfiguration(
                f"What is below {prefix} may hold the asset, because nothing says which generation "
                f"it has. Compare it: kili-export run {project_id} --wait; or, where export "
                f"{export!r} has no tree any more, remove it."
            )

    def _require_followed(self, manifest: Manifest) -> None:
        """Raises InvalidConfiguration unless a run can still change the export."""
        project_id, name = manifest.project_id, manifest.export_name
        registration = load_registration(self.objects, project_id)
        declared = {one.name for one in registration.exports} if registration else set()
        whole = f"Erase it as a whole: kili-export purge {project_id} {name}"
        if name not in declared:
            raise InvalidConfiguration(
                f"Export {name!r} of project {project_id} has ended: no run takes the asset out of "
                f"it any more. {whole}; or declare the export again, which updates it."
            )
        reason = stored_list(self.objects, project_id).left_out.get(name)
        if reason is not None:
            raise InvalidConfiguration(
                f"No run can change export {name!r} of project {project_id} now: {reason}. {whole}"
                "; or remove that cause first."
            )

    def _archives(self, manifest: Manifest, asset_id: str) -> Iterator[Trace]:
        prefix = export_prefix(manifest.project_id, manifest.export_name)
        for stored in self.objects.list(f"{prefix}archives/"):
            try:
                directory = self._open(stored).directory
            except IntegrityError:
                yield Trace(stored.key, names_asset=True, has_shared=True)
                continue
            # Every archive has files of all assets: at least its README tells how many.
            yield Trace(stored.key, owns_entries(directory, asset_id), has_shared=True)

    def _deltas(self, manifest: Manifest, asset_id: str) -> Iterator[Trace]:
        prefix = export_prefix(manifest.project_id, manifest.export_name)
        for stored in self.objects.list(f"{prefix}deltas/"):
            try:
                delta, shared = self._delta(stored)
            except (IntegrityError, ValidationError, ValueError):
                yield Trace(stored.key, names_asset=True, has_shared=True)
                continue
            yield Trace(stored.key, _names(delta, asset_id), has_shared=shared)

    def _delta(self, stored: StoredObject) -> tuple[Delta, bool]:
        archive = self._open(stored)
        record = archive.directory.find(DELTA_LIST)
        if record is None:
            raise IntegrityError(f"{stored.key} has no list")
        delta = Delta.from_bytes(archive.read(record))
        return delta, any(member.asset_id is None for member in (*delta.added, *delta.changed))

    def _open(self, stored: StoredObject) -> StoredArchive:
        return StoredArchive.open(self.objects, Source(stored.key, stored.etag, stored.size))

    def _shorten_chain(self, traces: CopiesOfAsset, fence: int) -> Manifest:
        """Leaves no table behind that has what others removed, either. Answers what is current.

        Also shuts out a run that seemed dead: what it would publish may name the asset.
        """
        fence = max(fence, traces.manifest.fence)
        shortened = _without_held_copy(traces.chain).model_copy(update={"fence": fence})
        if traces.renews_tables:
            name = self.eraser.random.token()
            large = LargeObjects(self.objects, PartLimits(), runs_prefix(shortened.project_id))
            shortened = with_one_table_each(self.objects, large.compose, shortened, name)
        if shortened == traces.manifest:
            return shortened
        key = manifest_key(shortened.project_id, shortened.export_name)
        try:
            self.objects.put(
                key,
                shortened.to_bytes(),
                if_match=traces.etag,
                content_type="application/json",
            )
        except ConflictError:
            raise ConflictError(
                f"Export {shortened.export_name!r} was published meanwhile; purge again."
            ) from None
        return shortened

    def _renew_latest(self, manifest: Manifest) -> None:
        """The copy at the fixed key may be of a former generation, if a run crashed before it.

        One that is too large by now for such a copy is removed, and so is one that is held back.
        """
        if manifest.is_latest_held:
            self.objects.delete([latest_key(manifest.project_id, manifest.export_name)])
            return
        LatestCopy(self.objects, PartLimits(), manifest.archive.size).refresh(manifest)


def _without_held_copy(manifest: Manifest) -> Manifest:
    """The copy that is held back may have the asset: there is none until it is let out."""
    if manifest.latest is None or not manifest.latest.held:
        return manifest
    latest = manifest.latest.model_copy(update={"generation": None})
    return manifest.model_copy(update={"latest": latest, "latest_key": None})


def _prefixes(manifest: Manifest) -> tuple[str, str]:
    project_id, export = manifest.project_id, manifest.export_name
    return export_prefix(project_id, export), state_prefix(project_id, export)


def _names(delta: Delta, asset_id: str) -> bool:
    assets = delta.assets
    owners = {member.asset_id for member in (*delta.added, *delta.changed)}
    owners |= {member.asset_id for member in delta.removed}
    return asset_id in owners | {*assets.added, *assets.changed, *assets.removed}
