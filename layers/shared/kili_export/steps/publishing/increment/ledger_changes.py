"""What a run writes into the ledger."""

from collections.abc import Iterable, Mapping

from kili_export.archives.ledger.asset_ledger import (
    SHARED,
    AssetRecord,
    id_entry_name,
    record_to_bytes,
    shared_to_bytes,
)
from kili_export.archives.ledger.shard_index import index_entry_name
from kili_export.steps.publishing.documents.spanning_documents import DatasetFileChanges


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
        if before is None or before.entry_name != record.entry_name:
            changes[id_entry_name(asset_id)] = record.entry_name.encode()
            if before is not None:
                changes[before.entry_name] = None
        changes[record.entry_name] = record_to_bytes(record)
    for asset_id in gone:
        if asset_id in old:
            changes[old[asset_id].entry_name] = None
            changes[id_entry_name(asset_id)] = None
    if shared.digests or shared.removed:
        changes[SHARED] = shared_to_bytes(shared.members[path] for path in sorted(shared.members))
    for path in shared.forgotten:
        changes[index_entry_name(path)] = None
    changes.update(shared.index_entries())
    return changes
