"""What exports know and a listing of the project lacks."""

import logging
from collections.abc import Iterable, Iterator, Sequence

from kili_export.archives.damage import DAMAGED
from kili_export.archives.ledger.asset_ledger import record_from_bytes
from kili_export.archives.ledger.ledger_reader import open_ledger
from kili_export.archives.manifest import Manifest
from kili_export.storage.external_sort import ExternalSorter, joined
from kili_export.storage.object_store import ObjectStore

_NOTHING = b""
_log = logging.getLogger(__name__)


def unlisted_assets(
    objects: ObjectStore, manifests: Sequence[Manifest], listed: Iterable[str]
) -> Iterator[str]:
    """Ids of assets that one of the exports knows and that are not listed, ascending.

    A page may be short, or shift while others are deleted: that an asset is not listed does not
    say that it is gone, so each of these is to be asked for. Reads every ledger once, and keeps
    ids in files.
    """
    if not manifests:
        return
    known = (_known(objects, manifest) for manifest in manifests)
    for key, (is_listed, *_) in joined(_keys(_sorted(listed)), *map(_keys, known)):
        if is_listed is None:
            yield key.decode()


def _known(objects: ObjectStore, manifest: Manifest) -> ExternalSorter:
    """Nothing where the ledger is damaged: that export alone fails, when it is published."""
    try:
        records = (record_from_bytes(data) for _, data in open_ledger(objects, manifest).scan())
        return _sorted(record.asset_id for record in records)
    except DAMAGED:
        _log.warning("the ledger of export %s cannot be read", manifest.export_name)
        return _sorted(())


def _sorted(ids: Iterable[str]) -> ExternalSorter:
    found = ExternalSorter()
    for asset_id in ids:
        found.add(asset_id.encode())
    found.settle()
    return found


def _keys(ids: ExternalSorter) -> Iterator[tuple[bytes, bytes]]:
    return ((asset_id, _NOTHING) for asset_id in ids)
