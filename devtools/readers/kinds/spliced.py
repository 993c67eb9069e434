"""Archives with a long life, of odd names, of many files, and with a document in shards."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from devtools.readers.kinds.edited import EditedArchive
from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import listing_of
from kili_export.archives.ledger.shard_index import ShardIndex, Share
from kili_export.splicing.addition import AddedEntries
from kili_export.steps.publishing.documents.shard_writing import ShardWriter, literal_shards
from kili_export.steps.publishing.documents.sharded_files import (
    PlacedShard,
    sharded_file,
    stored_shards,
)
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.storage.spool import Spool

MANY_FILES: Final = 70_000
_ROUNDS: Final = 40
_FRAGMENTS: Final = 400
_DOCUMENT: Final = "labels.json"

ODD_NAMES: Final = (
    "labels/été.txt",
    "labels/Ελληνικά.txt",
    "labels/русский.txt",
    "labels/עברית.txt",
    "labels/한국어/라벨.txt",
    "labels/日本語/写真.txt",
    "labels/\U0001f600.txt",
    "e\u0301-combining.txt",
    "with space/a b.txt",
    'quotes/it\'s "so".txt',
    "percent/%41+&=.txt",
    "brackets/[a-z]{1,2}*?.txt",
    "dollar/$HOME `id`;#.txt",
    "PK",
    "-dash",
    "~tilde",
    "labels/.hidden",
    "deep/" + "x/" * 30 + "leaf",
    "long/" + "n" * 200 + ".txt",
)


def long_life(folder: Path) -> SampleArchive:
    """Rounds of added, replaced, renamed and deleted files, one after another."""
    chance = random.Random(2024)
    archive = EditedArchive()
    archive.edit({f"first/{number}.txt": b"first %d\n" % number for number in range(10)})
    for turn in range(_ROUNDS):
        files = archive.files
        going = chance.sample(sorted(files), k=min(len(files), chance.randint(0, 4)))
        coming = {f"labels/{turn}-{i}.txt": chance.randbytes(i * 50) for i in range(4)}
        staying = sorted(files.keys() - set(going))
        coming |= {name: files[name] + b"!" for name in chance.sample(staying, k=2)}
        if going:
            coming[f"renamed/{turn}.txt"] = files[going[0]]
        archive.edit(coming, going)
    return _written(archive, folder)


def odd_names(folder: Path) -> SampleArchive:
    """Names of many scripts, and with what means something to shells and patterns."""
    archive = EditedArchive()
    archive.edit({name: name.encode() * 3 for name in ODD_NAMES[::2]})
    archive.edit({name: name.encode() * 3 for name in ODD_NAMES[1::2]})
    return _written(archive, folder)


def many_files(folder: Path) -> SampleArchive:
    """More files than a plain end record can count, a few of them replaced and one deleted."""
    archive = EditedArchive()
    archive.edit({_label(number): b"%d\n" % number for number in range(MANY_FILES + 1)})
    replaced = {_label(number): b"replaced\n" for number in range(0, MANY_FILES, 9_000)}
    archive.edit(replaced, [_label(1)])
    return _written(archive, folder)


def no_files(folder: Path) -> SampleArchive:
    """An archive without files."""
    archive = EditedArchive()
    archive.edit({})
    return _written(archive, folder)


def document_in_shards(folder: Path) -> SampleArchive:
    """A document whose shards are copied out of the former archive, except for one."""
    archive = EditedArchive()
    archive.edit({"a.txt": b"a" * 50})
    index = _add_document(archive, b"before", None)
    _add_document(archive, b"after!", index)
    return _written(archive, folder)


def _add_document(archive: EditedArchive, changing: bytes, former: ShardIndex | None) -> ShardIndex:
    """Hundreds of fragments, one of which changes, in shards of a few."""
    fragments = [b"%d-" % number * 300 for number in range(_FRAGMENTS)]
    fragments[_FRAGMENTS // 2] = changing * 300
    writer = ShardWriter(b",", ShardRules(threshold=0, target=20_000, overhead=0), Spool())
    for number, text in enumerate(fragments):
        writer.add(f"assets/{number:05d}", Share(text))
    sections = ((*literal_shards(b"["),), (*writer.finish(),), (*literal_shards(b"]"),))
    index = ShardIndex(_DOCUMENT, tuple(tuple(one.shard for one in part) for part in sections))
    written = [PlacedShard.new(one) for part in sections for one in part]
    archive.splice([_placed(archive, index, written, former)])
    archive.files[_DOCUMENT] = b"[" + b",".join(fragments) + b"]"
    return index


def _placed(
    archive: EditedArchive,
    index: ShardIndex,
    written: Sequence[PlacedShard],
    former: ShardIndex | None,
) -> AddedEntries:
    """The document: shards that the archive holds already are copied."""
    if former is None or archive.base is None:
        return sharded_file(index, written).addition
    base = archive.base
    stored = stored_shards(former, base.directory.find(former.path), base.pieces)
    if stored is None:
        raise RuntimeError("the archive does not hold the former document")
    known = {one.shard: one for part in stored for one in part}
    return sharded_file(index, [known.get(one.shard, one) for one in written]).addition


def _label(number: int) -> str:
    return f"labels/{number:05d}.txt"


def _written(archive: EditedArchive, folder: Path) -> SampleArchive:
    path = folder / "archive.zip"
    path.write_bytes(archive.data)
    return SampleArchive(path, listing_of(archive.files))
