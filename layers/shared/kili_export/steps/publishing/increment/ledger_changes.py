"""What a run writes into the ledger."""

from collections.abc import Iterable, Mapping

from kili_export.archives.ledger.asset_ledger import (
    SHARED,
    AssetRecord,
    record_to_bytes,
    shared_to_bytes,
)
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.ledger.shard_index import index_entry_name
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.regions import Region
from kili_export.splicing.segment import SegmentBuilder
from kili_export.splicing.splice import SplicePlan, splice
from kili_export.steps.publishing.documents.spanning_documents import DatasetFileChanges
from kili_export.storage.spool import hold_in_spool


def ledger_changes(
    old: Mapping[str, AssetRecord],
    new: Mapping[str, AssetRecord],
    gone: Iterable[str],
    claims: Mapping[str, bytes | None],
    shared: DatasetFileChanges,
) -> dict[str, bytes | None]:
    """New contents by ledger entry, None where an entry goes."""
    changes: dict[str, bytes | None] = dict(claims)
    for asset_id, record in new.items():
        before = old.get(asset_id)
        if before == record:
            continue
        if before is not None and before.entry_name != record.entry_name:
            changes[before.entry_name] = None
        changes[record.entry_name] = record_to_bytes(record)
    for asset_id in gone:
        if asset_id in old:
            changes[old[asset_id].entry_name] = None
    if shared.digests or shared.removed:
        changes[SHARED] = shared_to_bytes(shared.members[path] for path in sorted(shared.members))
    for path in shared.forgotten:
        changes[index_entry_name(path)] = None
    changes.update(shared.index_entries())
    return changes


def splice_ledger(ledger: LedgerReader, changes: Mapping[str, bytes | None]) -> SplicePlan:
    """The ledger after the changes."""
    builder = SegmentBuilder()
    for name in sorted(changes):
        data = changes[name]
        if data is not None:
            builder.add(encode_entry(name, data))
    removals = [name for name, data in changes.items() if data is None and name in ledger.directory]
    base = ledger.archive.base() if ledger.archive is not None else None
    additions = [AddedEntries.inline(builder.finish(), Region.LABELS)] if len(builder) else []
    return splice(base, removals, additions, hold_in_spool)
