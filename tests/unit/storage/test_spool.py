"""Bytes in a file are read as bytes in memory are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.splicing.central_directory import Directory
from kili_export.splicing.entries import encode_entry
from kili_export.splicing.held_bytes import cut_held
from kili_export.storage.spool import Spool


@given(
    st.lists(st.binary(max_size=40), max_size=12),
    st.integers(0, 30),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_a_slice_of_a_spool_is_that_of_its_bytes(
    chunks: list[bytes], in_memory: int, first: int, last: int
) -> None:
    spool = Spool(in_memory)
    for chunk in chunks:
        spool.write(chunk)
    whole = b"".join(chunks)
    assert len(spool) == len(whole)
    assert spool[first:last] == whole[first:last]
    start, end = sorted((min(first, len(whole)), min(last, len(whole))))
    cut = cut_held(cut_held(spool, start, len(whole)), 0, end - start)
    assert bytes(cut[:]) == whole[start:end]
    assert bytes(cut[1:-1]) == whole[start:end][1:-1]


@given(st.binary(min_size=1, max_size=60), st.integers(0, 60), st.data())
def test_what_is_overwritten_is_read_back_and_can_be_added_to(
    whole: bytes, in_memory: int, data: st.DataObject
) -> None:
    spool = Spool(in_memory)
    spool.write(whole)
    at = data.draw(st.integers(0, len(whole)))
    new = data.draw(st.binary(max_size=len(whole) - at))
    spool.overwrite(at, new)
    spool.write(b"more")
    assert spool[:] == whole[:at] + new + whole[at + len(new) :] + b"more"
    with pytest.raises(ValueError, match="only bytes that are there"):
        spool.overwrite(len(spool), b"x")


def test_a_directory_in_a_file_answers_as_one_in_memory() -> None:
    names = [f"labels/{'deep/' * (number % 5)}{number:05d}.txt" for number in range(6_000)]
    held = Directory.from_entries(
        encode_entry(name, b"x" * (number % 7), owner=f"asset{number}")
        for number, name in enumerate(names)
    )
    spool = Spool(1000)
    spool.write(bytes(held.raw[:]))
    filed = Directory.parse(spool, len(names))
    filed.verify()
    assert list(filed.records()) == list(held.records())
    assert list(filed.names()) == list(held.names())
    assert b"".join(filed.slices(0, len(spool))) == bytes(held.raw[:])
    under_deep = list(held.with_prefix("labels/deep/deep/"))
    assert under_deep
    assert list(filed.with_prefix("labels/deep/deep/")) == under_deep
    for name in (names[0], names[-1], "labels/00003.tx", "zzz", "labels/00003.txtx"):
        assert filed.find(name) == held.find(name), name
