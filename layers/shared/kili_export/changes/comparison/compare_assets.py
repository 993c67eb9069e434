"""Compares what Kili has with what the exports know, asset by asset: sorted, side by side."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from kili_export.archives.damage import DAMAGED
from kili_export.archives.ledger.asset_ledger import AssetRecord, record_from_bytes
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.changes.comparison.comparison_listing import ListedAssets
from kili_export.changes.comparison.declared_exports import ExportState
from kili_export.changes.comparison.kili_listing import KiliListing
from kili_export.core.errors import ConflictError
from kili_export.core.export_options import server_filters
from kili_export.storage.external_sort import ExternalSorter, joined
from kili_export.storage.object_store import ObjectStore

_END: Final = b"\0"
_EXPORTED: Final = b"+"
_NOT_EXPORTED: Final = b"-"
_LEFT_OUT: Final = b"/"


@dataclass(slots=True)
class ListingDifferences:
    """Assets by how an export and Kili differ about them; each is to be looked at again."""

    changed: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    vanished: set[str] = field(default_factory=set)
    quarantined: set[str] = field(default_factory=set)
    listed: int = 0
    waiting_vanished: int = 0
    """How many assets are gone from the export, among those that wait, that lost the most."""
    returned: bool = False
    """Nothing waits any more: what had vanished is there again."""
    overdue: int = 0
    """How many archives that deltas follow are to be written again."""
    gates: int = 0
    """How many exports are to be published because a gate may let them pass now."""
    damaged: dict[str, str] = field(default_factory=dict)
    """Exports that could not be compared, because their ledger cannot be read, and why."""

    def all(self) -> set[str]:
        """Every asset that is to be looked at again."""
        return self.changed | self.unknown | self.vanished | self.quarantined


@dataclass(slots=True)
class _Comparison:
    """One listing of the project, and which assets each distinct filter lets through.

    All are kept in files, sorted by id, beside which each export's ledger is laid.
    """

    objects: ObjectStore
    kili: KiliListing
    project_id: str
    thorough: bool
    listed: ExternalSorter
    matching: dict[str, ExternalSorter] = field(default_factory=dict)
    found: ListingDifferences = field(default_factory=ListingDifferences)

    def attempt(self, add: Callable[[ExportState], None], export: ExportState) -> None:
        """Compares an export. A ledger that is damaged is reported, and stops no other export.

        Raises ConflictError when another run published meanwhile: the former ledger may be gone.
        """
        try:
            add(export)
        except DAMAGED as error:
            current, _ = load_manifest(self.objects, self.project_id, export.name)
            if current is None or export.manifest is None:
                raise
            if current.tables != export.manifest.tables:
                raise ConflictError(f"export {export.name} was published meanwhile") from error
            self.found.damaged[export.name] = str(error)

    def add(self, export: ExportState) -> None:
        """Compares one export's ledger."""
        if export.manifest is None:
            return
        selected = self._selected(export)
        quarantined = {one.asset_id for one in export.manifest.quarantined}
        self.found.quarantined |= quarantined
        for key, (listed, known, chosen) in joined(
            _by_id(self.listed),
            _by_id(self._known(export.manifest)),
            ((asset_id, b"") for asset_id in selected or ()),
        ):
            asset_id = key.decode()
            if known is None:
                if listed is not None and asset_id not in quarantined:
                    self.found.unknown.add(asset_id)
            elif listed is None:
                self.found.vanished.add(asset_id)
            elif listed != known[1:]:
                self.found.changed.add(asset_id)
            elif selected is not None:
                self._add_selection(asset_id, known[:1], selected=chosen is not None)

    def add_waiting(self, export: ExportState) -> None:
        """Counts what is gone from an export that waits for confirmation."""
        if export.manifest is not None:
            known = _by_id(self._known(export.manifest))
            gone = sum(
                was is not None and now is None
                for _, (now, was) in joined(_by_id(self.listed), known)
            )
            self.found.waiting_vanished = max(self.found.waiting_vanished, gone)

    def _add_selection(self, asset_id: str, known: bytes, *, selected: bool) -> None:
        """An asset can enter or leave a server-side selection without any change of its own.

        One that was selected and has no files has no labels. Looking whether it has some now costs
        a fetch each, so that is left to thorough comparisons.
        """
        entered = known == _LEFT_OUT or (self.thorough and known != _EXPORTED)
        if (entered and selected) or (known == _EXPORTED and not selected):
            self.found.changed.add(asset_id)

    def _known(self, manifest: Manifest) -> ExternalSorter:
        """What an export knows: ids, each with how it is exported, and its fingerprint."""
        known = ExternalSorter()
        for _, data in open_ledger(self.objects, manifest).scan():
            record = record_from_bytes(data)
            known.add(_line(record.asset_id, _how(record) + record.fingerprint.encode()))
        return known

    def _selected(self, export: ExportState) -> ExternalSorter | None:
        """The ids that the export's filters let through, None without any. One query a filter."""
        filters = server_filters(export.options)
        if not filters:
            return None
        key = json.dumps(filters, sort_keys=True)
        if key not in self.matching:
            self.matching[key] = ExternalSorter()
            for asset in self.kili.list_asset_ids(self.project_id, filters):
                self.matching[key].add(asset.asset_id.encode())
            self.matching[key].settle()
        return self.matching[key]


def compare_listing(
    objects: ObjectStore,
    kili: KiliListing,
    project_id: str,
    exports: Iterable[ExportState],
    *,
    listed: ListedAssets,
    waiting: Iterable[ExportState] = (),
    thorough: bool = False,
) -> ListingDifferences:
    """What is to be looked at again, over all exports that are published and up to date.

    `listed` is everything that Kili has; `waiting` are those whose removals a person must confirm,
    nothing is fetched for them.

    To be called after the project query succeeded: a listing without access would look like a
    deletion of everything. Raises Unavailable when Kili's listing cannot be relied on.
    """
    comparison = _Comparison(objects, kili, project_id, thorough, listed.lines)
    for add, some in ((comparison.add, exports), (comparison.add_waiting, waiting)):
        for export in some:
            comparison.attempt(add, export)
    comparison.found.listed = listed.count
    return comparison.found


def _how(record: AssetRecord) -> bytes:
    if record.exported:
        return _EXPORTED
    return _LEFT_OUT if record.left_out else _NOT_EXPORTED


def _line(asset_id: str, text: bytes) -> bytes:
    return b"".join((asset_id.encode(), _END, text))


def _by_id(lines: ExternalSorter) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        asset_id, _, text = line.partition(_END)
        yield asset_id, text
