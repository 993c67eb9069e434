"""Foreign readers on archives with a long life: all of them must find the same files."""

import random
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from kili_export.archives.ledger.shard_index import ShardIndex, Share
from kili_export.splicing.splice import BaseArchive, SplicePlan, splice
from kili_export.splicing.upload_parts import InlineBytes
from kili_export.steps.publishing.documents.shard_writing import ShardWriter, literal_shards
from kili_export.steps.publishing.documents.sharded_files import (
    PlacedShard,
    sharded_file,
    stored_shards,
)
from kili_export.steps.publishing.documents.sharding import ShardRules
from kili_export.storage.spool import Spool
from tests.support.archive_readers import (
    READERS,
    ReadersDisagree,
    check_with_every_reader,
    compare,
    is_for,
    missing_readers,
    read_with,
    sha256,
)
from tests.unit.splicing.simple_archives import additions_of, base_of, full_archive, render

pytestmark = pytest.mark.xdist_group("archive-readers")

ODD_NAMES = [
    "labels/été.txt",
    "labels/日本語/写真.txt",
    "labels/\U0001f600.txt",
    "with space/a b.txt",
    'quotes/it\'s "so".txt',
    "percent/%41+&=.txt",
    "PK",
    "-dash",
    "e\u0301-combining.txt",
    "deep/" + "x/" * 30 + "leaf",
]


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(data) for name, data in files.items()}


@pytest.fixture(scope="module")
def spliced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An archive after 40 rounds of added, replaced, renamed and deleted files."""
    chance = random.Random(2024)
    files: dict[str, bytes] = {name: name.encode() * 3 for name in ODD_NAMES}
    archive, plan = full_archive(files)
    for turn in range(40):
        base = base_of("base", archive, plan)
        going = chance.sample(sorted(files), k=min(len(files), chance.randint(0, 4)))
        coming = {f"labels/{turn}-{i}.txt": chance.randbytes(i * 50) for i in range(4)}
        coming |= {name: files[name] + b"!" for name in chance.sample(sorted(files), k=2)}
        if going:
            coming[f"renamed/{turn}.txt"] = files[going[0]]
        objects = {"base": archive}
        plan = splice(base, going, additions_of([coming], keep=objects))
        archive = render(plan.pieces, objects)
        for name in going:
            del files[name]
        files |= coming
    path = tmp_path_factory.mktemp("spliced") / "spliced.zip"
    path.write_bytes(archive)
    return path, files


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An archive of more files than a plain end record can count, a few of them replaced."""
    files = {f"labels/{number:05d}.txt": b"%d" % number for number in range(66_000)}
    archive, plan = full_archive(files)
    coming = {f"labels/{number:05d}.txt": b"new" for number in range(0, 66_000, 9000)}
    objects = {"base": archive}
    plan = splice(
        base_of("base", archive, plan), ["labels/00001.txt"], additions_of([coming], keep=objects)
    )
    del files["labels/00001.txt"]
    path = tmp_path_factory.mktemp("huge") / "huge.zip"
    path.write_bytes(render(plan.pieces, objects))
    return path, {**files, **coming}


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An archive whose document consists of shards, some of them copied from another archive."""
    before, plan, document = _with_shards(b"before", None)
    archive, plan, document = _with_shards(b"after!", base_of("base", before, plan), before)
    path = tmp_path_factory.mktemp("sharded") / "sharded.zip"
    path.write_bytes(archive)
    return path, {"a.txt": b"a" * 50, "labels.json": document}


def _with_shards(
    changing: bytes, base: BaseArchive | None, stored: bytes = b""
) -> tuple[bytes, SplicePlan, bytes]:
    """Its document has hundreds of fragments in shards of a few; one of them is `changing`."""
    writer = ShardWriter(b",", ShardRules(threshold=0, target=20_000, overhead=0), Spool())
    fragments = [b"%d-" % number * 300 for number in range(400)]
    fragments[200] = changing * 300
    for number, text in enumerate(fragments):
        writer.add(f"assets/{number:05d}", Share(text))
    sections = ((*literal_shards(b"["),), (*writer.finish(),), (*literal_shards(b"]"),))
    index = ShardIndex("labels.json", tuple(tuple(w.shard for w in part) for part in sections))
    placed = [PlacedShard.new(written) for part in sections for written in part]
    if base is not None:
        old = stored_shards(_INDEXES["before"], base)
        assert old is not None
        known = {one.shard: one for part in old for one in part}
        placed = [known.get(one.shard, one) for one in placed]
        assert 0 < sum(isinstance(one.pieces[0], InlineBytes) for one in placed) < 5
    _INDEXES["before"] = index
    files = {} if base else {"a.txt": b"a" * 50}
    objects = {"base": stored}
    additions = [*additions_of([files], keep=objects), sharded_file(index, placed).addition]
    made = splice(base, (), additions)
    return render(made.pieces, objects), made, b"[" + b",".join(fragments) + b"]"


_INDEXES: dict[str, ShardIndex] = {}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An archive without files."""
    path = tmp_path_factory.mktemp("empty") / "empty.zip"
    path.write_bytes(full_archive({})[0])
    return path, {}


@pytest.mark.parametrize("archive", ["spliced", "sharded", "huge", "empty"])
@pytest.mark.parametrize("reader", READERS)
def test_the_reader_finds_every_file_and_no_other(
    reader: str, archive: str, request: pytest.FixtureRequest
) -> None:
    if reader in missing_readers():
        pytest.skip(f"{reader} needs `{READERS[reader][0]}`; .ci/install-tools installs it")
    path, files = request.getfixturevalue(archive)
    if not is_for(reader, path):
        pytest.skip(f"{reader} is asked about archives without ZIP64 alone")
    compare(reader, read_with(reader, path), digests(files))


def test_a_broken_archive_is_not_waved_through(
    spliced: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    data = bytearray(spliced[0].read_bytes())
    data[len(data) // 2] ^= 0xFF
    broken = tmp_path / "broken.zip"
    broken.write_bytes(data)
    for reader in ("a forward reader", "unzip", "7z"):
        if reader not in missing_readers():
            with pytest.raises((ReadersDisagree, zlib.error, UnicodeDecodeError)):
                compare(reader, read_with(reader, broken), digests(spliced[1]))


def test_readers_that_disagree_are_named(empty: tuple[Path, dict[str, bytes]]) -> None:
    assert check_with_every_reader(empty[0]).contents == {}
    with pytest.raises(ReadersDisagree, match=r"unzip: missing \['a'\], extra \['b'\]"):
        compare("unzip", {"b": None}, {"a": sha256(b"")})
    with pytest.raises(ReadersDisagree, match=r"other bytes \['a'\]"):
        compare("unzip", {"a": sha256(b"x")}, {"a": sha256(b"")})
