"""The reference of settings shows names, meanings, defaults and limits."""

from typing import Any

import pytest
from pydantic import BaseModel

from devtools.docs.configuration import options, parameters, variables
from devtools.docs.sources import Variable


def rows(table: str) -> list[str]:
    return table.splitlines()[2:]


def test_variables_show_defaults_with_their_unit() -> None:
    known = [
        Variable("A", "One", "seconds", "5"),
        Variable("B", "Two", "name", None),
        Variable("C", "Three", "URL", "https://x"),
    ]
    assert rows(variables(known)) == [
        "| `A` | One | `5` seconds |",
        "| `B` | Two | required |",
        "| `C` | Three | `https://x` |",
    ]


def test_parameters_show_what_they_take() -> None:
    known: dict[str, dict[str, Any]] = {
        "Few": {"Description": "F", "Default": "no", "AllowedValues": ["yes", "no"]},
        "Many": {"Description": "M", "Default": 3, "MinValue": 1, "MaxValue": 9},
        "Text": {"Description": "T", "Default": "", "ConstraintDescription": "a text"},
    }
    assert rows(parameters(known)) == [
        "| `Few` | F | `no` | `yes`, `no` |",
        "| `Many` | M | `3` | 1 to 9 |",
        "| `Text` | T | empty | a text |",
    ]


class Sample(BaseModel):
    name: str
    kind: str
    size: tuple[int, ...] = (1, 2)


def test_options_show_their_defaults_as_json() -> None:
    meanings = {"name": "N", "kind": "K", "size": "S"}
    assert rows(options(Sample, meanings, {"name": "the kind"})) == [
        "| `name` | N | the kind |",
        "| `kind` | K | required |",
        "| `size` | S | `[1, 2]` |",
    ]


@pytest.mark.parametrize(
    "meanings", [{"name": "N", "kind": "K"}, {"name": "N", "kind": "K", "size": "S", "more": "M"}]
)
def test_an_option_without_a_meaning_or_a_meaning_without_an_option_is_an_error(
    meanings: dict[str, str],
) -> None:
    with pytest.raises(ValueError, match="differ"):
        options(Sample, meanings, {})
