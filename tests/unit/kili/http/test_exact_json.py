"""The fast parser gives what Python's own gives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.kili.http.exact_json import parse_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


def outcome(parse: Any, content: bytes) -> str:
    """What a parser makes of it; `repr` tells 1 from 1.0 and -0.0 from 0.0."""
    try:
        return repr(parse(content))
    except (ValueError, RecursionError) as error:
        return type(error).__name__


@given(VALUES, st.booleans())
def test_values_come_back(value: Any, escaped: bool) -> None:
    content = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert outcome(parse_json, content) == outcome(json.loads, content)


@given(st.text('0123456789.eE+-[]{},:" \\nu', max_size=40))
def test_whatever_is_sent_is_taken_or_refused_alike(text: str) -> None:
    assert outcome(parse_json, text.encode()) == outcome(json.loads, text.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"18446744073709551616",
        b"-9223372036854775809",
        b"0.000123456789012345678",
        b"1e400",
        b"[-0, -0.0, 1E2]",
        b"NaN",
        b'"\\ud800"',
        b"\xef\xbb\xbf1",
        "[1]".encode("utf-16"),
        b"\xff",
        b"",
        b"[" * 100_000,
        b"1" * 5000,
        b'{"a": 1, "a": 2}',
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_parsers_disagree_about_is_left_to_pythons(content: bytes) -> None:
    assert outcome(parse_json, content) == outcome(json.loads, content)
