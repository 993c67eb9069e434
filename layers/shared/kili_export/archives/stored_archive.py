"""Reads an archive of ours out of the bucket: its directory at once, its entries as needed.

A large directory is kept in a file.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from kili_export.splicing.archive_reader import FetchRange, read_archive
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import decode_local
from kili_export.splicing.entry_record import Record
from kili_export.splicing.regions import Regions
from kili_export.splicing.splice import Base, BaseArchive
from kili_export.splicing.upload_parts import Source
from kili_export.splicing.zip_headers import decode_record
from kili_export.storage.external_sort import ExternalSorter
from kili_export.storage.object_store import ObjectStore
from kili_export.storage.spool import hold_in_spool

_RUN_BYTES = 8 << 20
_GAP_BYTES = 32 << 10
_WHOLE_BYTES = 32 << 20
_BLOCK_BYTES = 1 << 20
_BLOCKS = 32
_OFFSET_BYTES = 8
_READERS = 16


@dataclass(frozen=True, slots=True)
class StoredArchive:
    """One immutable archive. Reads raise ConflictError when it was replaced all the same."""

    objects: ObjectStore
    source: Source
    directory: Directory
    regions: Regions
    _whole: list[bytes] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def open(
        cls,
        objects: ObjectStore,
        source: Source,
        regions: Regions | None = None,
        fetch: FetchRange | None = None,
    ) -> "StoredArchive":
        """Reads the directory, by `fetch` if some of its bytes are at hand.

        Without `regions` all entries belong to one. Raises IntegrityError when it is not an
        archive of ours.
        """

        def fetch_range(start: int, length: int) -> bytes:
            return objects.get_range(source.key, start, length, if_match=source.etag)

        index = read_archive(fetch or fetch_range, source.size, hold_in_spool)
        whole = Regions(0, index.entries_size, index.entries_size)
        return cls(objects, source, index.directory, regions or whole)

    def base(self) -> Base:
        """The archive as something to splice."""
        return BaseArchive(self.source, self.directory, self.regions)

    def locate(self, record: Record) -> tuple[Source, int]:
        """The object that an entry stands in, and where it begins there."""
        return self.source, record.offset

    def read(self, record: Record) -> bytes:
        """The contents of one entry."""
        return decode_local(record, self.bytes_at(record.offset, record.local_length))

    def payload(self, record: Record) -> bytes:
        """The contents of one entry as they are stored."""
        return self.bytes_at(record.payload_start, record.compressed_size)

    def preload(self) -> None:
        """Prepares for reading most entries: a small archive is then read at once."""
        if not self._whole and self.source.size <= _WHOLE_BYTES:
            self._whole.append(self.bytes_at(0, self.source.size))

    def read_many(self, records: Iterable[Record]) -> Iterator[tuple[Record, bytes]]:
        """The contents of entries, in the order given; neighbours share a request."""
        for run in _runs(records):
            yield from self._read_run(run)

    def read_at_once(self, records: Iterable[Record]) -> dict[str, bytes]:
        """The contents of entries by path, all of them held; scattered ones at the same time."""
        runs = list(_runs(sorted(records, key=lambda record: record.offset)))
        if len(runs) == 1 or self._whole:
            found = map(self._read_run, runs)
            return {record.path: data for run in found for record, data in run}
        with ThreadPoolExecutor(_READERS) as pool:
            together = pool.map(lambda run: list(self._read_run(run)), runs)
            return {record.path: data for run in together for record, data in run}

    def scan(self, prefix: str = "") -> Iterator[tuple[Record, bytes]]:
        """The contents of all entries whose names start so, in the order in which they stand."""
        placed = ExternalSorter()
        for _, raw in self.directory.raw_with_prefix(prefix):
            placed.add(decode_record(raw, 0).offset.to_bytes(_OFFSET_BYTES) + raw)
        self.preload()
        return self.read_many(decode_record(item, _OFFSET_BYTES) for item in placed)

    def dense_reader(self) -> Callable[[Record], bytes]:
        """Reads the contents of most entries, one after another, a MiB or so at a time.

        Where few entries were appended, the order of names jumps between few places: some of
        these are held.
        """
        blocks: OrderedDict[int, bytes] = OrderedDict()

        def block(number: int) -> bytes:
            if number in blocks:
                blocks.move_to_end(number)
                return blocks[number]
            start = number * _BLOCK_BYTES
            data = self.bytes_at(start, min(_BLOCK_BYTES, self.source.size - start))
            blocks[number] = data
            if len(blocks) > _BLOCKS:
                blocks.popitem(last=False)
            return data

        def read(record: Record) -> bytes:
            first, last = record.offset // _BLOCK_BYTES, (record.end - 1) // _BLOCK_BYTES
            data = b"".join(block(number) for number in range(first, last + 1))
            start = record.offset - first * _BLOCK_BYTES
            return decode_local(record, data[start : start + record.local_length])

        self.preload()
        return read

    def bytes_at(self, start: int, length: int) -> bytes:
        """Some of its bytes."""
        if not length:
            return b""
        if self._whole:
            return self._whole[0][start : start + length]
        return self.objects.get_range(self.source.key, start, length, if_match=self.source.etag)

    def _read_run(self, run: Sequence[Record]) -> Iterator[tuple[Record, bytes]]:
        """One after another: what is decompressed may be a thousand times larger."""
        start = run[0].offset
        data = self.bytes_at(start, run[-1].end - start)
        for one in run:
            yield one, decode_local(one, data[one.offset - start : one.end - start])


def _runs(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records that follow each other closely enough to be read at once."""
    run: list[Record] = []
    for record in records:
        if run and not (
            0 <= record.offset - run[-1].end <= _GAP_BYTES
            and record.end - run[0].offset <= _RUN_BYTES
        ):
            yield run
            run = []
        run.append(record)
    if run:
        yield run
