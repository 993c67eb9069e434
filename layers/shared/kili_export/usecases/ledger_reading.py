"""What the exports of a project know of its assets, for whoever compares it with Kili."""

from collections.abc import Iterator

from kili_export.contracts.manifest import Manifest
from kili_export.domain.archive.parts import Source
from kili_export.ports import ObjectStore
from kili_export.usecases.aggregation.ledger import LedgerReader
from kili_export.usecases.aggregation.stored_archive import StoredArchive


def open_ledger(objects: ObjectStore, manifest: Manifest | None) -> LedgerReader:
    """The ledger that a manifest names; an empty one for a new export."""
    if manifest is None:
        return LedgerReader(None)
    ledger = manifest.ledger
    return LedgerReader(StoredArchive.open(objects, Source(ledger.key, ledger.etag, ledger.size)))


def iter_known_assets(objects: ObjectStore, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The id and the fingerprint of every asset that the export knows, in server order."""
    for record in open_ledger(objects, manifest).all():
        yield record.asset_id, record.fingerprint
