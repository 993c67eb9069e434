"""Nothing that is stored changes a byte unnoticed: what fixed inputs give is as it is pinned.

A change on purpose is pinned by `python -m tests.pins --write SECTION`, in a commit that says why.
"""

import zlib
from typing import Any

import pytest

from tests.pins.comparison import SECTIONS, ZLIB, differences, is_comparable, pinned, report
from tests.pins.names import unknown_errors
from tests.pins.plain_deflate import PlainDeflate


@pytest.mark.parametrize("name", [*SECTIONS, ZLIB])
def test_what_is_stored_is_as_pinned(name: str) -> None:
    stored = pinned()
    if not is_comparable(name, stored):
        pytest.skip(f"pinned with zlib {stored[name]['version']}, which compresses otherwise")
    assert not (found := report(name, stored)), f"\n{found}"


def test_the_workflow_matches_errors_that_are_raised() -> None:
    assert unknown_errors() == set()


@pytest.mark.parametrize(
    ("stored", "now", "places"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a > b: 1 is now 2"]),
        ({"a": 1}, {"b": 1}, ["a: 1 is now nothing", "b: nothing is now 1"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [": the order of names changed"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a [1]: 2 is now 3"]),
        ({"a": [1]}, {"a": [1, 3]}, ["a: [1] is now [1, 3]"]),
        ({"a": 1}, {"a": 1.0}, ["a: 1 is now 1.0"]),
        ({"a": 1}, {"a": True}, ["a: 1 is now true"]),
    ],
)
def test_a_difference_is_named(stored: Any, now: Any, places: list[str]) -> None:
    assert list(differences(stored, now)) == places


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"a", b"abc" * 1000, bytes(range(256)) * 3, b"\0" * 70_000),
        b"x" * 40_000 + bytes(range(256)) + b"x" * 40_000 + bytes(range(256)),
    ],
)
def test_the_plain_compressor_gives_deflate(data: bytes) -> None:
    compressor = PlainDeflate(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    pieces = [compressor.compress(data[:100]), compressor.compress(data[100:])]
    pieces.append(compressor.flush(zlib.Z_FULL_FLUSH))
    compressor.compress(data)
    assert zlib.decompress(b"".join([*pieces, compressor.flush()]), -zlib.MAX_WBITS) == data + data
