"""The JSON of raw archives is what the standard library writes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.formats.common.indented_json import indented

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(), max_size=6), inner, max_size=4),
        st.dictionaries(st.integers(0, 30), inner, max_size=4),
    ),
    max_leaves=20,
)


@given(values)
def test_text_is_that_of_the_standard_library(value: object) -> None:
    assert indented(value) == json.dumps(value, indent=4, sort_keys=True)


@given(st.dictionaries(st.sampled_from("xyz"), st.one_of(st.floats(), st.integers(), st.none())))
def test_text_of_a_vertex_is_that_of_the_standard_library(value: object) -> None:
    assert indented([value]) == json.dumps([value], indent=4, sort_keys=True)


@given(st.lists(values, min_size=1, max_size=3))
def test_text_at_a_depth_is_what_stands_there_in_a_document(items: list[object]) -> None:
    inner = ",\n    ".join(indented(item, level=1) for item in items)
    assert f"[\n    {inner}\n]" == json.dumps(items, indent=4, sort_keys=True)


def test_frames_come_in_numeric_order_before_other_keys() -> None:
    assert list(json.loads(indented({"assetLevel": 1, 10: 2, 9: 3}))) == ["9", "10", "assetLevel"]


def test_values_without_a_form_in_json_are_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        indented({"a": b""})
