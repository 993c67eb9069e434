"""Documents in shards as entries of an archive: one deflated stream, composed of pieces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kili_export.archives.ledger.shard_index import Shard, ShardIndex
from kili_export.splicing.addition import AddedEntries
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entry_record import DEFLATED, Record
from kili_export.splicing.regions import Region
from kili_export.splicing.upload_parts import InlineBytes, Piece
from kili_export.splicing.zip_headers import local_header
from kili_export.steps.publishing.documents.shard_writing import WrittenShard
from kili_export.steps.publishing.documents.streamed_files import StreamedFile

_END: Final = b"\x03\x00"
"""An empty final block: what ends a deflated stream of flushed ones."""


@dataclass(frozen=True, slots=True)
class PlacedShard:
    """A shard and where its compressed bytes are."""

    shard: Shard
    pieces: Sequence[Piece]

    @classmethod
    def new(cls, written: WrittenShard) -> "PlacedShard":
        """A shard that was written in this run."""
        return cls(written.shard, (InlineBytes(written.data),))


def sharded_file(index: ShardIndex, placed: Sequence[PlacedShard]) -> StreamedFile:
    """The entry of a document, its shards in order."""
    path, crc32, size = index.path, index.crc32, index.size
    compressed = index.compressed + len(_END)
    modified = index.modified
    header = local_header(
        path,
        method=DEFLATED,
        crc32=crc32,
        size=size,
        compressed_size=compressed,
        modified=modified,
    )
    pieces = (
        InlineBytes(header),
        *(piece for one in placed for piece in one.pieces),
        InlineBytes(_END),
    )
    length = len(header) + compressed
    record = Record(path, "", crc32, size, compressed, DEFLATED, 0, length, modified)
    directory = Directory.from_records([record])
    addition = AddedEntries(directory, Region.DOCUMENTS, length, composed=pieces)
    return StreamedFile(path, size, addition)


def stored_shards(
    index: ShardIndex, record: Record | None, pieces: Callable[[int, int], Iterable[Piece]]
) -> Sequence[Sequence[PlacedShard]] | None:
    """The shards of a document where they are stored, section by section.

    `record` is its entry, `pieces` gives some bytes of what that stands in. None where the entry is
    not the one that the index describes.
    """
    expected = (DEFLATED, index.crc32, index.size, index.compressed + len(_END))
    if record is None or expected != (
        record.method, record.crc32, record.size, record.compressed_size,
    ):  # fmt: skip
        return None
    places = _placed(index, pieces, record.payload_start)
    return [[next(places) for _ in section] for section in index.sections]


def _placed(
    index: ShardIndex, pieces: Callable[[int, int], Iterable[Piece]], start: int
) -> Iterator[PlacedShard]:
    for shard in index.shards:
        yield PlacedShard(shard, tuple(pieces(start, shard.compressed)))
        start += shard.compressed
