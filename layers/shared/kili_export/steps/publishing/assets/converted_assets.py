"""All that batches converted for one export, however much: kept in files, not in memory."""

import struct
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

import orjson

from kili_export.core.errors import IntegrityError, Unavailable
from kili_export.runs.messages import BatchResult, ByteRange, ExportSegment
from kili_export.runs.segment_records import ConvertedAsset, ConvertedMember
from kili_export.splicing.regions import Region
from kili_export.splicing.upload_parts import Source
from kili_export.steps.publishing.assets.held_entries import HeldEntries
from kili_export.storage.external_sort import ExternalSorter, grouped
from kili_export.storage.json_lines import iter_lines
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.spool import Spool

_READERS: Final = 16
_AHEAD: Final = 24 << 20
"""Bytes that are read before they are needed."""
_OPEN: Final = 16 << 20
"""Bytes of records that are kept unpacked, and one batch at least."""
_END: Final = b"\0"
_EXPORTED: Final = 2
"""Where a record tells this, behind its id and order key."""
_ENDING: Final = struct.Struct(">IBIII")
"""Behind an asset's id and order key: round, kind, batch, offset and length of its record."""


class ResultKind(IntEnum):
    """What became of an asset."""

    CONVERTED = 0
    FAILED = 1
    MISSING = 2
    EMPTY = 3
    """Converted to nothing: it has no label to be exported, or a filter does not let it through."""


class AssetResult(NamedTuple):
    """The last that was found out about an asset."""

    kind: ResultKind
    order_key: str
    """Of a failed asset: the reason."""
    place: bytes
    """Where the record of a converted asset is, for `Conversions.read`."""

    @property
    def is_converted(self) -> bool:
        """Whether there is a record of it."""
        return self.kind in {ResultKind.CONVERTED, ResultKind.EMPTY}


@dataclass(slots=True)
class _Batch:
    source: Source
    start: int
    media: tuple[Source, ...]
    spooled: tuple[int, int]


@dataclass(frozen=True, slots=True)
class LocatedAsset:
    """A converted asset; its entries' offsets count from byte `start` of `source`.

    `media` are the media objects of its batch.
    """

    asset: ConvertedAsset
    source: Source
    start: int
    media: tuple[Source, ...] = ()


@dataclass(slots=True)
class ConvertedAssets:
    """The assets' records, as they were written, and what became of each asset.

    Memory holds a few hundred bytes for each batch and a few MiB besides.
    """

    objects: ObjectStore
    export: str
    entries: HeldEntries = field(default_factory=HeldEntries)
    _batches: list[_Batch] = field(default_factory=list)
    _records: Spool = field(default_factory=Spool)
    _found: ExternalSorter = field(default_factory=ExternalSorter)
    _rounds: int = 0
    _open: "OrderedDict[int, bytes]" = field(default_factory=OrderedDict)

    def take(self, results: Iterable[BatchResult]) -> None:
        """Takes in what the batches of a run say. Of each asset the latest run alone counts."""
        with ThreadPoolExecutor(_READERS) as pool:
            ahead: deque[tuple[Source, ExportSegment, Future[bytes]]] = deque()
            waiting = 0
            for batch in results:
                self._take_failures(batch)
                segment = batch.exports.get(self.export)
                if segment is None or batch.key is None or batch.etag is None:
                    continue
                source = Source(batch.key, batch.etag, batch.size)
                read = _wanted(segment, with_entries=self.entries.reserve(segment))
                ahead.append((source, segment, pool.submit(self._fetch, source, read)))
                waiting += read.length
                while waiting > _AHEAD:
                    waiting -= self._take_segment(*ahead.popleft())
            while ahead:
                self._take_segment(*ahead.popleft())
        self._rounds += 1

    def by_id(self) -> Iterator[tuple[bytes, AssetResult]]:
        """Every asset of which there is a result, by id, which comes as UTF-8 before it."""
        for events in grouped(self._found, lambda item: item.partition(_END)[0]):
            asset_id, _, rest = events[-1].partition(_END)
            _, kind, *_ = _ENDING.unpack_from(rest, 0)
            yield (
                asset_id,
                AssetResult(
                    ResultKind(kind),
                    rest[_ENDING.size :].decode(),
                    rest[: _ENDING.size],
                ),
            )

    def read(self, place: bytes) -> LocatedAsset:
        """A converted asset. Cheap for neighbours of a batch, one after another."""
        _, _, number, offset, length = _ENDING.unpack(place)
        batch = self._batches[number]
        line = self._lines(number)[offset : offset + length]
        return LocatedAsset(ConvertedAsset.from_line(line), batch.source, batch.start, batch.media)

    def settle(self) -> None:
        """Gives memory back: everything was taken in."""
        self._found.settle()

    def _fetch(self, source: Source, wanted: ByteRange) -> bytes:
        return self.objects.get_range(source.key, wanted.start, wanted.length, if_match=source.etag)

    def _take_segment(
        self, source: Source, segment: ExportSegment, fetched: "Future[bytes]"
    ) -> int:
        """Takes in what was read of a batch. Answers how many bytes these were."""
        read = fetched.result()
        entries = len(read) - segment.records.length
        if entries:
            self.entries.hold(source, segment.entries.start, read[:entries])
        data = read[entries:]
        number, at = len(self._batches), 0
        for line in data.splitlines(keepends=True):
            asset_id, order_key, kind = _beginning(line)
            self._note(asset_id, kind, order_key, number, at, len(line))
            at += len(line)
        packed = zlib.compress(data, 1)
        start = len(self._records)
        self._records.write(packed)
        media = tuple(Source(one.key, one.etag, one.size) for one in segment.media)
        self._batches.append(
            _Batch(source, segment.entries.start, media, (start, start + len(packed)))
        )
        return len(read)

    def _take_failures(self, batch: BatchResult) -> None:
        for asset_id in batch.missing:
            self._note(asset_id, ResultKind.MISSING, "", 0, 0, 0)
        for failed in batch.failed:
            if failed.export in {None, self.export}:
                self._note(failed.asset_id, ResultKind.FAILED, failed.error, 0, 0, 0)

    def _note(
        self, asset_id: str, kind: ResultKind, text: str, batch: int, offset: int, length: int
    ) -> None:
        if "\0" in asset_id:
            raise IntegrityError("an asset's id has a NUL in it")
        ending = _ENDING.pack(self._rounds, kind, batch, offset, length)
        self._found.add(b"".join((asset_id.encode(), _END, ending, text.encode())))

    def _lines(self, number: int) -> bytes:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        start, end = self._batches[number].spooled
        lines = zlib.decompress(self._records[start:end])
        while self._open and sum(map(len, self._open.values())) + len(lines) > _OPEN:
            self._open.popitem(last=False)
        self._open[number] = lines
        return lines


def _wanted(segment: ExportSegment, *, with_entries: bool) -> ByteRange:
    """A segment's records, or all of it: they stand behind its entries."""
    if not with_entries:
        return segment.records
    length = segment.entries.length + segment.records.length
    return ByteRange(start=segment.entries.start, length=length)


def _beginning(line: bytes) -> tuple[str, str, ResultKind]:
    try:
        asset_id, order_key, *rest = orjson.loads(line)
        kind = ResultKind.CONVERTED if rest[_EXPORTED] else ResultKind.EMPTY
    except (ValueError, TypeError, IndexError) as error:
        raise IntegrityError("a conversion's record cannot be read") from error
    return str(asset_id), str(order_key), kind


_OUTCOME_READERS = 16


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


def listed_ids(
    objects: ObjectStore, keys: Iterable[str], *, changed_only: bool = False
) -> ExternalSorter:
    """The ids of the assets of some work lists. Raises Unavailable when one is not there.

    Raises IntegrityError when one cannot be read.

    With `changed_only` without those that only a full export of another export needs.
    """
    ids = ExternalSorter()
    for key in keys:
        lines = iter_lines(objects, key)
        if lines is None:
            raise Unavailable(f"the list {key} does not exist; the run must be tried again")
        try:
            for line in lines:
                item = orjson.loads(line)
                if item.get("marked", True) or not changed_only:
                    ids.add(item["asset_id"].encode())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise IntegrityError(f"the list {key} cannot be read") from error
    ids.settle()
    return ids
