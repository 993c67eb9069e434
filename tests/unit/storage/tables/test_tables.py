"""Sorted tables beside a dict, in the bucket and damaged."""

import zlib
from collections.abc import Iterable, Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.splicing.upload_parts import Source
from kili_export.storage.tables.table_layout import (
    FOOTER_SIZE,
    MOST_BLOCK_BYTES,
    Footer,
    Place,
    encode_block,
    encode_pair,
)
from kili_export.storage.tables.table_reader import WHOLE_BYTES, TableReader
from kili_export.storage.tables.table_set import TableSet, merged
from kili_export.storage.tables.table_writer import TableWriter, write_table
from tests.support.fakes import InMemoryObjects

KEYS = st.binary(max_size=6)
PAIRS = st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=40)), max_size=60)


def stored(objects: InMemoryObjects, data: bytes, *, index: int = 1 << 16) -> TableReader:
    key = f"table-{len(objects.stored)}"
    written = objects.put(key, data)
    return TableReader(objects, Source(key, written.etag, written.size), index)


def table(pairs: Mapping[bytes, bytes | None], block_bytes: int = 32) -> TableReader:
    made = write_table(sorted(pairs.items()), block_bytes)
    return stored(InMemoryObjects(), made.data[:], index=made.index)


def numbered(numbers: Iterable[int]) -> dict[bytes, bytes | None]:
    random = Random(7)
    return {f"{number:07d}".encode(): random.randbytes(90) for number in numbers}


@given(pairs=PAIRS, wanted=st.sets(KEYS, max_size=20), low=KEYS, high=st.none() | KEYS)
def test_a_table_is_what_was_written(
    pairs: dict[bytes, bytes | None], wanted: set[bytes], low: bytes, high: bytes | None
) -> None:
    found = table(pairs)
    asked = wanted | set(list(pairs)[::2])
    assert found.find(asked) == {key: pairs[key] for key in asked if key in pairs}
    inside = [one for one in sorted(pairs.items()) if low <= one[0] and (not high or one[0] < high)]
    if high == b"":
        inside = []
    assert list(found.scan(low, high)) == inside
    assert list(found.scan(low, high, at_once=True)) == inside
    assert found.count == len(pairs)


@given(layers=st.lists(PAIRS, min_size=1, max_size=4), wanted=st.sets(KEYS, max_size=20))
def test_of_several_tables_the_newest_counts(
    layers: list[dict[bytes, bytes | None]], wanted: set[bytes]
) -> None:
    together: dict[bytes, bytes | None] = {}
    for layer in layers:
        together.update(layer)
    left = {key: value for key, value in together.items() if value is not None}
    tables = TableSet([table(layer) for layer in layers])
    asked = wanted | set(list(together)[::2])
    assert tables.find(asked) == {key: left[key] for key in asked if key in left}
    assert dict(tables.scan()) == left
    assert list(merged([sorted(layer.items()) for layer in layers])) == sorted(together.items())


def test_a_look_up_reads_the_index_and_one_block() -> None:
    pairs = numbered(range(20_000))
    made = write_table(sorted(pairs.items()))
    objects = InMemoryObjects()
    found = stored(objects, made.data[:], index=made.index)
    assert len(made.data) > 4 * WHOLE_BYTES
    objects.requests.clear()
    objects.bytes_down = 0
    key = b"0012345"
    assert found.find([key]) == {key: pairs[key]}
    assert len(objects.requests) == 2
    assert objects.bytes_down < 100_000
    assert found.find([key, key + b"x"]) == {key: pairs[key]}
    assert len(objects.requests) == 2, "what was read is read again"


def test_a_small_table_is_read_at_once() -> None:
    found = table(numbered(range(100)), block_bytes=1_000)
    objects = found.objects
    assert isinstance(objects, InMemoryObjects)
    objects.requests.clear()
    assert len(found.find(numbered(range(0, 100, 7)))) == 15
    assert len(list(found.scan())) == 100
    assert len(objects.requests) == 1


def test_a_scan_reads_the_more_at_once_the_longer_it_goes_on() -> None:
    pairs = numbered(range(20_000))
    made = write_table(sorted(pairs.items()), 8 << 10)
    objects = InMemoryObjects()
    found = stored(objects, made.data[:], index=made.index)
    for _ in range(3):
        between = [key for key, _ in found.scan(b"0012000", b"0013000", at_once=True)]
        assert between == [f"{number:07d}".encode() for number in range(12_000, 13_000)]
    assert len(objects.requests) == 3, "the end with the root, a block of places, and all between"
    objects.requests.clear()
    assert sum(1 for _ in found.scan()) == 20_000
    assert len(objects.requests) < 15
    objects.requests.clear()
    objects.bytes_down = 0
    assert [key for key, _ in found.scan(b"0012345", b"0012348")] == [
        b"0012345", b"0012346", b"0012347",
    ]  # fmt: skip
    assert objects.bytes_down < 50_000


def test_keys_must_come_in_order() -> None:
    writer = TableWriter()
    writer.add(b"b", b"1")
    for key in (b"a", b"b"):
        with pytest.raises(IntegrityError, match="out of order"):
            writer.add(key, b"2")
    with pytest.raises(IntegrityError, match="too long"):
        writer.add(b"c" * 70_000, b"")


def test_another_object_in_its_place_is_noticed() -> None:
    found = table(numbered(range(20)))
    found.objects.put(found.source.key, b"another")
    with pytest.raises(ConflictError):
        found.find([b"0000001"])


def test_every_changed_byte_is_noticed_or_does_not_matter() -> None:
    pairs = numbered(range(40))
    data = write_table(sorted(pairs.items()), 1_000).data[:]
    for at in range(len(data)):
        broken = data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :]
        found = stored(InMemoryObjects(), broken)
        try:
            read = dict(found.scan())
        except IntegrityError:
            continue
        assert read == pairs, f"byte {at}"


@pytest.mark.parametrize("length", [0, 10, FOOTER_SIZE - 1, FOOTER_SIZE])
def test_what_is_no_table_is_refused(length: int) -> None:
    with pytest.raises(IntegrityError, match="cannot be read"):
        stored(InMemoryObjects(), b"x" * length).find([b"a"])


def footed(blocks: bytes, root: Place, height: int = 0, count: int = 1) -> TableReader:
    return stored(InMemoryObjects(), blocks + Footer(root, height, count).to_bytes())


def test_a_bomb_is_not_unpacked() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflate.compress(bytes(50_000_000)) + deflate.flush()
    small = Place(0, len(bomb), 100, zlib.crc32(bomb))
    with pytest.raises(IntegrityError, match="another length"):
        footed(bomb, small).find([b"a"])
    large = small._replace(raw_length=MOST_BLOCK_BYTES + 1)
    with pytest.raises(IntegrityError, match="too large"):
        footed(bomb, large).find([b"a"])


def test_blocks_that_name_each_other_end() -> None:
    """A level that names one block again and again is not followed for ever."""
    leaf, place = encode_block(encode_pair(b"a", b"1"), 0)
    pairs = b"".join(encode_pair(f"{n:05d}".encode(), place.to_bytes()) for n in range(1_000))
    inner, above = encode_block(pairs, len(leaf))
    with pytest.raises(IntegrityError, match="not in order"):
        list(footed(leaf + inner, above, 1).scan())
    with pytest.raises(IntegrityError, match="levels"):
        footed(leaf + inner, above, 17).find([b"a"])
    with pytest.raises(IntegrityError, match="behind its end"):
        footed(leaf, place._replace(start=10_000)).find([b"a"])


def test_places_and_blocks_that_cannot_be_read_are_refused() -> None:
    inner, above = encode_block(encode_pair(b"a", b"short"), 0)
    with pytest.raises(IntegrityError, match="index"):
        footed(inner, above, 1).find([b"b"])
    cut, place = encode_block(encode_pair(b"a", b"1")[:-1], 0)
    with pytest.raises(IntegrityError, match="cut off"):
        footed(cut, place).find([b"a"])
    twice, place = encode_block(2 * encode_pair(b"a", b"1"), 0)
    with pytest.raises(IntegrityError, match="not in order"):
        footed(twice, place).find([b"a"])
