"""The files table beside what archive and deltas hold, after every kind of generation."""

import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kili_export.archives.compaction import CompactionPolicy
from kili_export.archives.digests import DigestCheck
from kili_export.archives.files_table import PublishedFiles, StoredFile, open_files, placed_files
from kili_export.core.errors import IntegrityError
from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import decode_payload, encode_entry
from tests.support.former_version import OPTIONS, SELDOM, bench_of_0_1, put, put_all
from tests.support.workbench import Workbench
from tests.unit.archives.test_published_by_former_version import published, pulled


def files_of(bench: Workbench, export: str) -> PublishedFiles:
    files = open_files(bench.objects, bench.manifest(export))
    assert files is not None
    return files


def contents(bench: Workbench, files: PublishedFiles) -> Iterator[tuple[str, bytes]]:
    """Every file as the table leads to it, and checked as it says."""
    for file in files.scan():
        record, source = file.record, files.source(file)
        payload = bench.objects.get_range(
            source.key, record.payload_start, record.compressed_size, if_match=source.etag
        )
        data = decode_payload(record.method, payload, record.crc32, record.size)
        check = DigestCheck(file.digest)
        check.update(data)
        assert check.matches(), file.path
        yield file.path, data


def assert_complete(bench: Workbench, export: str) -> None:
    files = files_of(bench, export)
    expected = bench.files_of(pulled(bench, export))
    assert dict(contents(bench, files)) == expected
    assert files.find([*expected, "none"]).keys() == expected.keys()


@pytest.mark.parametrize("export", OPTIONS)
@pytest.mark.parametrize("follows", [False, True])
def test_it_leads_to_every_file(export: str, follows: bool) -> None:
    """After a full export, edits, a deletion and a compaction, with deltas and without."""
    bench = bench_of_0_1(rewriting=SELDOM if follows else CompactionPolicy())
    put_all(bench)
    bench.rebuild()
    assert_complete(bench, export)
    bench.run([put(bench, 1, 0.8), put(bench, 2, 0.9)])
    assert_complete(bench, export)
    assert bool(bench.manifest(export).deltas) == follows
    del bench.kili.assets["as_003"]
    bench.run(["as_003"])
    assert_complete(bench, export)
    bench.run([], rewrite=True)
    assert not bench.manifest(export).deltas
    assert_complete(bench, export)


@pytest.mark.parametrize("export", OPTIONS)
@pytest.mark.parametrize("follows", [False, True])
def test_what_version_0_1_published_gets_one(export: str, follows: bool) -> None:
    bench = published(rewriting=SELDOM if follows else CompactionPolicy())
    assert open_files(bench.objects, bench.manifest(export)) is None
    bench.kili.fetches.clear()
    bench.run([put(bench, 0, 0.8)])
    assert bench.kili.fetches == [["as_000"]], "unchanged assets were converted again"
    assert_complete(bench, export)


def test_a_folder_is_listed() -> None:
    bench = bench_of_0_1()
    put_all(bench)
    bench.rebuild()
    listed = [one.path for one in files_of(bench, "yolo").scan("labels/")]
    assert listed == sorted(path for path in bench.files("yolo") if path.startswith("labels/"))


def test_it_tells_nothing_of_who_lost_a_name() -> None:
    bench = bench_of_0_1()
    key = put(bench, 1, 0.3)
    first = bench.kili.assets[key]
    bench.kili.assets["as_009"] = replace(
        first, asset_id="as_009", order_key="as_009", fields={**first.fields, "id": "as_009"}
    )
    bench.rebuild()
    assert {one.asset_id for one in files_of(bench, "yolo").scan()} == {"as_009", None}


def entry(path: str) -> tuple[Directory, StoredFile]:
    record = encode_entry(path, b"data").record(0)
    file = StoredFile(path, "00", None, record, 1)
    return Directory.from_records([record]), file


def test_an_archive_with_other_files_is_refused() -> None:
    directory, file = entry("a")
    _, other = entry("b")
    assert list(placed_files(directory, [file], 1)) == [file]
    for files in ([], [other], [file, other]):
        with pytest.raises(IntegrityError):
            list(placed_files(directory, files, 1))


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"sha256": null, "shards": 3}'])
def test_a_row_that_cannot_be_read_is_refused(value: bytes) -> None:
    with pytest.raises(IntegrityError):
        StoredFile.from_pair(b"a", value)


def test_a_pair_is_read_back() -> None:
    _, file = entry("é/日本.png")
    key, value = file.to_pair()
    assert value is not None
    assert StoredFile.from_pair(key, value) == file
    assert zlib.crc32(b"data") == file.record.crc32
