"""What a run found out about the assets, as far as one export is concerned."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from kili_export.contracts.workflow import BatchResult, ExportSegment
from kili_export.domain.archive.layout import Region
from kili_export.domain.archive.parts import Source
from kili_export.domain.conversion import ConvertedAsset, ConvertedMember
from kili_export.ports import ObjectStore

_OUTCOME_READERS = 16


@dataclass(frozen=True, slots=True)
class LocatedAsset:
    """A converted asset; its entries' offsets count from byte `start` of `source`.

    `media` are the media objects of its batch.
    """

    asset: ConvertedAsset
    source: Source
    start: int
    media: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class LocatedMember:
    """A file that stands as a whole entry in a stored object, from byte `start` on.

    `position` is its place among all files: its asset's in the server's order, then its own.
    """

    member: ConvertedMember
    source: Source
    start: int
    position: tuple[str, str, int]
    region: Region = Region.LABELS


@dataclass(slots=True)
class Outcome:
    """Assets by what became of them: exactly one of the three for each.

    `failed` holds the error, `missing` those that Kili confirmed not to have any more.
    """

    converted: dict[str, LocatedAsset] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def override(self, later: "Outcome") -> None:
        """Takes over what a later run found out: of each asset the latest alone counts."""
        for asset_id in (*later.converted, *later.failed, *later.missing):
            self.converted.pop(asset_id, None)
            self.failed.pop(asset_id, None)
            self.missing.discard(asset_id)
        self.converted.update(later.converted)
        self.failed.update(later.failed)
        self.missing.update(later.missing)


def collect_outcome(objects: ObjectStore, batches: Iterable[BatchResult], export: str) -> Outcome:
    """Gathers what the batches say of one export's assets."""
    outcome = Outcome()
    segments: list[tuple[Source, ExportSegment]] = []
    for batch in batches:
        outcome.missing.update(batch.missing)
        for failed in batch.failed:
            if failed.export in {None, export}:
                outcome.failed[failed.asset_id] = failed.error
        segment = batch.exports.get(export)
        if segment is not None and batch.key is not None and batch.etag is not None:
            segments.append((Source(batch.key, batch.etag, batch.size), segment))
    with ThreadPoolExecutor(_OUTCOME_READERS) as pool:
        for read in pool.map(lambda item: _read_segment(objects, *item), segments):
            for located in read:
                outcome.converted[located.asset.asset_id] = located
    return outcome


def _read_segment(
    objects: ObjectStore, source: Source, segment: ExportSegment
) -> list[LocatedAsset]:
    data = objects.get_range(
        source.key, segment.records.start, segment.records.length, if_match=source.etag
    )
    start = segment.entries.start
    media = tuple(Source(one.key, one.etag, one.size) for one in segment.media)
    return [
        LocatedAsset(ConvertedAsset.from_line(line), source, start, media)
        for line in data.splitlines()
    ]
