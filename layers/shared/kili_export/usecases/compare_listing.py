"""Compares what Kili has with what the exports know, asset by asset."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kili_export.domain.fetching import server_filters
from kili_export.ports import KiliApi, ObjectStore
from kili_export.usecases.ledger_reading import open_ledger
from kili_export.usecases.published_exports import DeclaredExport


@dataclass(slots=True)
class Differences:
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
    overdue: bool = False
    """An archive that deltas follow may be written anew."""

    def all(self) -> set[str]:
        """Every asset that is to be looked at again."""
        return self.changed | self.unknown | self.vanished | self.quarantined


@dataclass(slots=True)
class _Comparison:
    """One listing of the project, and which assets each distinct filter lets through."""

    objects: ObjectStore
    kili: KiliApi
    project_id: str
    thorough: bool
    listed: Mapping[str, str]
    matching: dict[str, frozenset[str]] = field(default_factory=dict)
    found: Differences = field(default_factory=Differences)

    def add(self, export: DeclaredExport) -> None:
        """Compares one export's ledger."""
        if export.manifest is None:
            return
        selected = self._selected(export)
        known: set[str] = set()
        for record in open_ledger(self.objects, export.manifest).all():
            known.add(record.asset_id)
            now = self.listed.get(record.asset_id)
            if now is None:
                self.found.vanished.add(record.asset_id)
            elif now != record.fingerprint:
                self.found.changed.add(record.asset_id)
            elif selected is not None:
                self._add_selection(record.asset_id, selected, exported=record.exported)
        quarantined = {one.asset_id for one in export.manifest.quarantined}
        self.found.quarantined |= quarantined
        self.found.unknown |= self.listed.keys() - known - quarantined

    def add_waiting(self, export: DeclaredExport) -> None:
        """Counts what is gone from an export that waits for a person's word."""
        if export.manifest is not None:
            ledger = open_ledger(self.objects, export.manifest)
            gone = sum(record.asset_id not in self.listed for record in ledger.all())
            self.found.waiting_vanished = max(self.found.waiting_vanished, gone)

    def _add_selection(self, asset_id: str, selected: frozenset[str], *, exported: bool) -> None:
        """An asset can enter or leave a server-side selection without any change of its own.

        One that is selected and has no files may just have no labels; telling these apart costs
        a fetch each, so that is left to thorough comparisons.
        """
        entered = self.thorough and not exported and asset_id in selected
        if entered or (exported and asset_id not in selected):
            self.found.changed.add(asset_id)

    def _selected(self, export: DeclaredExport) -> frozenset[str] | None:
        """The ids that the export's filters let through, None without any. One query a filter."""
        filters = server_filters(export.options)
        if not filters:
            return None
        key = json.dumps(filters, sort_keys=True)
        if key not in self.matching:
            answers = self.kili.list_asset_ids(self.project_id, filters)
            self.matching[key] = frozenset(asset.asset_id for asset in answers)
        return self.matching[key]


def compare_listing(
    objects: ObjectStore,
    kili: KiliApi,
    project_id: str,
    exports: Iterable[DeclaredExport],
    *,
    waiting: Iterable[DeclaredExport] = (),
    thorough: bool = False,
) -> Differences:
    """What is to be looked at again, over all exports that are published and up to date.

    `waiting` are those whose removals a person must confirm; nothing is fetched for them.

    To be called after the project query succeeded: a listing without access would look like a
    deletion of everything. Raises Unavailable when Kili's listing cannot be relied on.
    """
    listed = {asset.asset_id: asset.fingerprint for asset in kili.list_asset_ids(project_id)}
    comparison = _Comparison(objects, kili, project_id, thorough, listed)
    for export in exports:
        comparison.add(export)
    for export in waiting:
        comparison.add_waiting(export)
    comparison.found.listed = len(listed)
    return comparison.found
