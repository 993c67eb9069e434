"""Lines of stored objects come whole, however they lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.storage.json_lines import iter_lines
from tests.support.fakes import InMemoryObjects


@given(
    lines=st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line), max_size=9),
    chunk=st.integers(1, 12),
    told=st.booleans(),
)
def test_lines_come_whole_whatever_is_read_at_once(
    lines: list[bytes], chunk: int, *, told: bool
) -> None:
    objects = InMemoryObjects()
    data = b"\n".join(lines)
    objects.put("key", data)
    found = iter_lines(objects, "key", size=len(data) if told else None, chunk=chunk)
    assert found is not None
    assert list(found) == [line for line in lines if line.strip()]


@pytest.mark.parametrize("size", [None, 1])
def test_an_object_that_is_not_there_has_none(size: int | None) -> None:
    assert iter_lines(InMemoryObjects(), "key", size=size) is None
