"""Tells workers which media the archives hold already, so that nobody fetches them again."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from kili_export.archives.damage import DAMAGED
from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.archives.ledger.ledger_reader import LedgerReader, open_ledger
from kili_export.archives.manifest import Manifest
from kili_export.runs.messages import KnownFiles, WorkItem
from kili_export.storage.object_store import ObjectStore

_log = logging.getLogger(__name__)
_CHUNK: Final = 500
"""Assets whose records are read together: a work list may have a million."""
ItemInOrder = tuple[WorkItem, str | None]
"""A work item and, where it is known, its asset's order key."""


@dataclass(frozen=True, slots=True)
class MediaLedger:
    """What one export knows of media. `rebuilt`: its archive is made again from what is there."""

    export: str
    ledger: LedgerReader
    rebuilt: bool
    has_claims: bool

    @classmethod
    def open(
        cls, objects: ObjectStore, export: str, manifest: Manifest, *, rebuilt: bool
    ) -> "MediaLedger":
        """Reads the directory of the ledger that the manifest names; an empty one if damaged."""
        try:
            ledger = open_ledger(objects, manifest)
        except DAMAGED:
            _log.warning("the ledger of export %s cannot be read", export)
            ledger = open_ledger(objects, None)
        return cls(export, ledger, rebuilt, ledger.has_claims())

    def known(self, order_keys: Mapping[str, str | None]) -> dict[str, KnownFiles]:
        """By asset, what need not be fetched again.

        Nothing where the ledger is damaged: that export alone fails, when it is published.
        """
        try:
            return self._known(order_keys)
        except DAMAGED:
            _log.warning("the ledger of export %s cannot be read", self.export)
            return {}

    def _known(self, order_keys: Mapping[str, str | None]) -> dict[str, KnownFiles]:
        return {
            asset_id: KnownFiles(
                digest=record.known_media.digest,
                paths=record.known_media.paths,
                size=record.known_media.size,
                frames=record.known_media.frames,
            )
            for asset_id, record in self.ledger.find_if_listed(order_keys).items()
            if record.known_media is not None and not self._lost_a_name(record)
        }

    def _lost_a_name(self, record: AssetRecord) -> bool:
        """Whether a file of the asset is not in the archive, because another's has its name.

        An archive that is made again is made of entries that are there.
        """
        if not (self.rebuilt and self.has_claims):
            return False
        return any(
            claim.asset_id == record.asset_id and claim.payload is not None
            for medium in record.media
            if (claimed := self.ledger.claimed(medium.path)) is not None
            for claim in claimed.claims
        )


def with_known_media(
    items: Iterable[ItemInOrder], ledgers: Sequence[MediaLedger]
) -> Iterator[WorkItem]:
    """The items, each with the media that need not be fetched for it."""
    if not ledgers:
        yield from (item for item, _ in items)
        return
    remaining = iter(items)
    while chunk := list(islice(remaining, _CHUNK)):
        order_keys = {item.asset_id: order_key for item, order_key in chunk}
        known = {one.export: one.known(order_keys) for one in ledgers}
        for item, _ in chunk:
            files = {
                export: found[item.asset_id]
                for export, found in known.items()
                if item.asset_id in found
            }
            yield item.model_copy(update={"known_media": files}) if files else item
