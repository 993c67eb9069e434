"""Numbers and vertices as text: the quick ways write what the slow ones do."""

import json
import math
from fractions import Fraction
from itertools import chain
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kili_export.formats.shapes.geometry import points_of
from kili_export.formats.shapes.numbers import (
    are_numbers,
    is_number,
    joined_numbers,
    nested_numbers,
)
from kili_export.formats.shapes.vertex_texts import spaced_vertices, vertices_between
from tests.support import hostile

coordinates = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-2, 2),
    st.floats(0, 1e-3),
    st.integers(),
    st.sampled_from(
        [0.0, -0.0, 1e-05, 9.9e-05, 0.0001, 10.00001, 1e15, 1e16, 2**63, 2**64, 10**30]
    ),
)


@given(st.lists(coordinates, min_size=1))
def test_numbers_are_written_as_python_does(numbers: list[int | float]) -> None:
    assert joined_numbers(numbers, " ") == " ".join(map(repr, numbers))
    assert nested_numbers([numbers, numbers]) == str([numbers, numbers])


LIMIT = int(1e100)
"""The float 1e100 is a little more than ten to the power of a hundred."""
numbers_to_compute_with = st.one_of(
    st.floats(-1e99, 1e99),
    st.floats(-2, 2),
    st.integers(-(10**99), 10**99),
    st.sampled_from(
        [
            sign * one
            for one in (8.9e99, 9e99, math.nextafter(1e100, 0), LIMIT - 1)
            for sign in (1, -1)
        ]
    ),
)
beyond = st.sampled_from(
    [1e100, -1e100, LIMIT, -LIMIT, math.nextafter(1e100, math.inf), 1e101, math.inf, -math.inf]
)
no_numbers: st.SearchStrategy[Any] = st.sampled_from(
    [math.nan, True, False, "1", None, [], {}, 1j, Fraction(1, 2)]
)


def can_be_computed_with(value: Any) -> bool:
    """What the numbers of labels must be, in other words than the code's."""
    if type(value) not in (int, float) or not (type(value) is int or math.isfinite(value)):
        return False
    return abs(Fraction(value)) < LIMIT


@given(st.one_of(coordinates, numbers_to_compute_with, beyond, no_numbers, hostile.numbers))
def test_a_number_is_finite_and_not_too_large(value: Any) -> None:
    assert is_number(value) == can_be_computed_with(value)


@given(st.lists(numbers_to_compute_with))
@example([9.9e99, 9.9e99])
@example([8.9e99] * 3)
def test_many_numbers_are_numbers(numbers: list[Any]) -> None:
    assert are_numbers(numbers)


@given(
    st.lists(numbers_to_compute_with, max_size=4),
    st.one_of(beyond, no_numbers),
    st.lists(st.one_of(coordinates, hostile.numbers), max_size=4),
)
@example([], 1e100, [])
@example([], math.nan, [math.inf])
@example([1.0], LIMIT, [1.0])
@example([1.0], 10**400, [1.0])
def test_many_numbers_are_none_with_one_that_is_no_number(
    before: list[Any], wrong: Any, after: list[Any]
) -> None:
    assert not are_numbers([*before, wrong, *after])


values = st.one_of(coordinates, hostile.numbers)
vertices = st.one_of(
    st.builds(lambda x, y: {"x": x, "y": y}, coordinates, coordinates),
    st.builds(lambda x, y: {"y": y, "x": x}, coordinates, coordinates),
    st.dictionaries(st.sampled_from(["x", "y", "z"]), values),
    st.dictionaries(st.sampled_from(["x", "y"]), st.dictionaries(st.sampled_from("xy"), values)),
    values,
)


@given(st.lists(vertices, max_size=4))
@example([{"x": {"x": 1, "y": 2}, "y": 3}, 5])
@example([{"x": 1}, {"x": 2, "y": 3}])
@example([{"x": 1, "y": '},{"x":2'}])
@example([{"x": 1, "y": 10**100}])
def test_what_vertices_are_taken_for_is_what_they_are(items: list[Any]) -> None:
    text = spaced_vertices(items)
    points = points_of(items, None)
    if text is not None:
        assert points is not None
        assert text == " ".join(map(repr, chain.from_iterable(points)))
        assert f"[[{vertices_between(items, ', ', '], [')}]]" == json.dumps(points)
    else:
        assert vertices_between(items, " ", " ") is None


@pytest.mark.parametrize("items", [None, [], "x", {"x": 1, "y": 2}, ({"x": 1, "y": 2},)])
def test_what_is_no_list_of_vertices_has_no_text(items: object) -> None:
    assert spaced_vertices(items) is None


def test_ordinary_vertices_have_one() -> None:
    assert spaced_vertices([{"x": 0.5, "y": 1}, {"x": -0.0, "y": 0.00001}]) == "0.5 1 -0.0 1e-05"
