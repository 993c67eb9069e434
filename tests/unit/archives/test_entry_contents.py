"""Contents come in pieces of a few MiB, however large they become when they are decompressed."""

from typing import Any

import pytest

from kili_export.archives import stored_archive
from kili_export.archives.entry_contents import iter_contents
from kili_export.archives.stored_archive import StoredArchive
from kili_export.core.errors import IntegrityError
from kili_export.splicing.entries import decode_local, encode_entry, entry_from_raw
from kili_export.splicing.entry_record import DEFLATED, Record
from kili_export.splicing.upload_parts import Source
from tests.support.fakes import InMemoryObjects

MIB = 1 << 20
DIRECTORY: Any = None
"""Records are given here; nothing looks one up."""


def archive_of(*entries: Any) -> tuple[StoredArchive, list[Record]]:
    objects, records, data = InMemoryObjects(), [], b""
    for entry in entries:
        records.append(entry.record(len(data)))
        data += entry.local
    stored = objects.put("archive", data)
    return StoredArchive(
        objects, Source("archive", stored.etag, len(data)), DIRECTORY, DIRECTORY
    ), records


def test_a_little_that_becomes_much_comes_in_pieces() -> None:
    bomb = encode_entry("bomb.txt", bytes(64 * MIB))
    assert len(bomb.local) < MIB
    archive, records = archive_of(bomb)
    [(_, chunks)] = iter_contents(archive, records)
    sizes = [len(chunk) for chunk in chunks]
    assert sum(sizes) == 64 * MIB
    assert max(sizes) <= 4 * MIB


def test_of_many_neighbours_one_at_a_time_is_decompressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoded: list[str] = []

    def noted(record: Record, local: bytes) -> bytes:
        decoded.append(record.path)
        return decode_local(record, local)

    monkeypatch.setattr(stored_archive, "decode_local", noted)
    archive, records = archive_of(*(encode_entry(f"{n}.txt", bytes(MIB)) for n in range(50)))
    for count, (record, _) in enumerate(iter_contents(archive, records), start=1):
        assert decoded[-1] == record.path
        assert len(decoded) == count
    assert len(decoded) == 50


def test_more_than_the_directory_says_is_refused() -> None:
    entry = encode_entry("x.txt", bytes(64 * MIB))
    payload = entry.local[-entry.compressed_size :]
    lying = entry_from_raw("x.txt", payload, method=DEFLATED, crc32=entry.crc32, size=9 * MIB)
    archive, records = archive_of(lying)
    [(_, chunks)] = iter_contents(archive, records)
    with pytest.raises(IntegrityError, match="longer than its directory says"):
        list(chunks)
