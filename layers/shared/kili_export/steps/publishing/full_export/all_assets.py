"""Who is in an export that is made again: what was converted, beside what was known before."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from kili_export.archives.ledger.asset_ledger import AssetRecord, entry_name, record_from_bytes
from kili_export.archives.ledger.ledger_entries import asset_of
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.core.counted import counted
from kili_export.core.errors import Unavailable
from kili_export.steps.publishing.assets.converted_assets import (
    AssetResult,
    ConvertedAssets,
    LocatedAsset,
    ResultKind,
)
from kili_export.storage.external_sort import ExternalSorter, joined

_END: Final = b"\0"
_HEAD: Final = struct.Struct(">BB")


class AssetFate(IntEnum):
    """How an asset comes out of a full export."""

    CONVERTED = 0
    CARRIED = 1
    """It failed. Its numbers stay its own and, where nothing else changed, its contents too."""
    VANISHED = 2


@dataclass(frozen=True, slots=True)
class AssetInExport:
    """One asset. `stood` is what was known of it before, if anything."""

    standing: AssetFate
    located: LocatedAsset | None
    stood: AssetRecord | None

    @property
    def numbered(self) -> AssetRecord | None:
        """What is kept of before: numbers outlive a full export, contents do not."""
        if self.stood is None or self.standing is AssetFate.VANISHED:
            return None
        return replace(
            self.stood,
            members=(),
            fragments=(),
            fingerprint="",
            exported=False,
            media=(),
            known_media=None,
            moments=(),
        )


@dataclass(slots=True)
class AllAssets:
    """All assets of an export that is made again, in the ledger's order. Held in files."""

    conversions: ConvertedAssets
    known: LedgerReader
    failed: dict[str, str] = field(default_factory=dict)
    known_count: int = 0
    vanished_count: int = 0
    failed_count: int = 0
    """Of those that failed, the ones that the export has contents of."""
    left_count: int = 0
    """Of those that the export has contents of, the ones that it has none of any more."""
    lost_count: int = 0
    """Assets that are listed and of which there is no result."""
    _order: ExternalSorter = field(default_factory=ExternalSorter)

    @classmethod
    def build(
        cls, conversions: ConvertedAssets, known: LedgerReader, listed: ExternalSorter
    ) -> "AllAssets":
        """Brings together, by id, what was found, what was known, and what was to be found."""
        roster = cls(conversions, known)
        for key, (found, raw, expected) in joined(
            conversions.by_id(),
            _known_by_id(known),
            ((asset_id, b"") for asset_id in listed),
        ):
            roster._take(
                key.decode(),
                found if isinstance(found, AssetResult) else None,
                raw if isinstance(raw, bytes) else None,
                listed=expected is not None,
            )
        roster._order.settle()
        return roster

    def require_complete(self) -> None:
        """Raises Unavailable unless there is a result for every asset that was listed.

        An archive with assets left out would look like a deletion.
        """
        if self.lost_count:
            raise Unavailable(
                f"the run has no result for {counted(self.lost_count, 'asset')}; it must be tried "
                "again"
            )

    def subjects(self) -> Iterator[AssetInExport]:
        """Every asset that was converted or known."""
        for item in self._order:
            rest = item[item.index(_END) + 1 :]
            standing, placed = _HEAD.unpack_from(rest, 0)
            place = rest[_HEAD.size : _HEAD.size + placed]
            known = rest[_HEAD.size + placed :]
            located = self.conversions.read(place) if place else None
            stood = record_from_bytes(known) if known else None
            yield AssetInExport(AssetFate(standing), located, stood)

    def _take(
        self, asset_id: str, found: AssetResult | None, known: bytes | None, *, listed: bool
    ) -> None:
        self.lost_count += listed and found is None
        self.known_count += known is not None
        name, _, contents = (known or b"").partition(_END)
        if found is not None and found.is_converted:
            self.left_count += found.kind is ResultKind.EMPTY and _is_exported(known, contents)
            name = entry_name(found.order_key, asset_id).encode()
            self._put(name, AssetFate.CONVERTED, found.place, contents)
            return
        if found is not None and found.kind is ResultKind.FAILED:
            self.failed[asset_id] = found.order_key
            standing = AssetFate.CARRIED
            self.failed_count += _is_exported(known, contents)
        else:
            standing = AssetFate.VANISHED
            self.vanished_count += known is not None
        if known is not None:
            self._put(name, standing, b"", contents)

    def _put(self, name: bytes, standing: AssetFate, place: bytes, known: bytes) -> None:
        head = _HEAD.pack(standing, len(place))
        self._order.add(b"".join((name, _END, head, place, known)))


def _is_exported(known: bytes | None, contents: bytes) -> bool:
    return known is not None and record_from_bytes(contents).exported


def _known_by_id(known: LedgerReader) -> Iterator[tuple[bytes, bytes]]:
    """Every asset's entry, name, NUL and contents, by id. The ledger is read as it stands."""
    ids = ExternalSorter()
    for name, data in known.scan():
        ids.add(b"".join((asset_of(name).encode(), _END, name.encode(), _END, data)))
    for item in ids:
        key, _, entry = item.partition(_END)
        yield key, entry
