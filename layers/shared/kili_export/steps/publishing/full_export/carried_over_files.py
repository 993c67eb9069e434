"""The files of an asset that could not be exported this time, out of what stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kili_export.archives.ledger.asset_ledger import AssetRecord, FileRecord, PathClaim
from kili_export.archives.ledger.ledger_reader import LedgerReader
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import IntegrityError
from kili_export.runs.segment_records import ConvertedMember
from kili_export.splicing.regions import Region
from kili_export.steps.publishing.assets.converted_assets import LocatedMember


class KeptFile(NamedTuple):
    """A file that lost its name to another asset's: the ledger keeps it with the claim."""

    path: str
    claim: PathClaim


@dataclass(frozen=True, slots=True)
class FormerState:
    """The archive and the ledger that an export made again replaces."""

    open_archive: Callable[[], StoredArchive | None]
    ledger: LedgerReader

    def files(self, record: AssetRecord) -> Iterator[LocatedMember | KeptFile]:
        """All files that an asset claimed. Raises IntegrityError where one is nowhere."""
        labels = {member.path for member in record.members}
        for member in record.members:
            yield self._find(record, member, Region.LABELS)
        for medium in record.media:
            if medium.path not in labels:
                yield self._find(record, medium, Region.MEDIA)

    def _kept(self, path: str, asset_id: str) -> KeptFile:
        claimed = self.ledger.claimed(path)
        for claim in claimed.claims if claimed else ():
            if claim.asset_id == asset_id and claim.payload is not None:
                return KeptFile(path, claim)
        raise IntegrityError(f"neither archive nor ledger has {path!r} of {asset_id}")

    def _find(
        self, record: AssetRecord, file: FileRecord, region: Region
    ) -> LocatedMember | KeptFile:
        archive = self.open_archive()
        entry = archive.directory.find(file.path) if archive is not None else None
        if archive is None or entry is None or entry.owner != record.asset_id:
            return self._kept(file.path, record.asset_id)
        source, start = archive.locate(entry)
        return LocatedMember(
            ConvertedMember(entry, file.sha256, file.identity),
            source,
            start,
            (record.order_key, record.asset_id, entry.offset),
            region,
        )
