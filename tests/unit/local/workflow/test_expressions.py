import pytest

from kili_export.local.workflow.errors import StateFailed, UnsupportedField
from kili_export.local.workflow.expressions import (
    evaluate,
    expressions_in,
    is_expression,
    variables_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% 1 %}", True),
        ("{%1%}", True),
        ("{% $a\n& $b %}", True),
        (" {% 1 %}", False),
        ("a {% 1 %}", False),
        ("{% 1 %} ", False),
        ("{1}", False),
        (1, False),
    ],
)
def test_an_expression_fills_its_string_from_end_to_end(text: object, expected: bool) -> None:
    assert is_expression(text) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$x.n", 3),
        ("$x.list", [1]),
        ("[$x.items[id = 1]]", [{"id": 1}]),
        ("$x.items[id = 1]", {"id": 1}),
        ("[$x.items[id = 9]]", []),
        ("$x.nil", None),
        ("$nothing = null", True),
        ("6 / 2", 3),
        ("1 / 2", 0.5),
        ("$x.missing & ''", ""),
        ('{"kept": null, "left": $x.missing}', {"kept": None}),
        ("$exists($x.missing)", False),
        ("$states.context.Map.Item.Index + 1", 1),
        ("$x.big", 2**53 + 1),
    ],
)
def test_an_expression_yields_json(expression: str, expected: object) -> None:
    names = {
        "x": {"n": 3, "list": [1], "items": [{"id": 1}, {"id": 2}], "nil": None, "big": 2**53 + 1},
        "nothing": None,
        "states": {"context": {"Map": {"Item": {"Index": 0}}}},
    }
    assert evaluate("{% " + expression + " %}", names) == expected


def test_expressions_are_replaced_at_any_depth() -> None:
    value = {"a": [{"b": "{% $n %}"}, "plain"], "{% $n %}": 1}
    assert evaluate(value, {"n": 1}) == {"a": [{"b": 1}, "plain"], "{% $n %}": 1}


def test_what_an_expression_yields_is_a_copy() -> None:
    source = {"list": [1, 2]}
    answer = evaluate("{% $x %}", {"x": source})
    answer["list"].append(3)
    assert source == {"list": [1, 2]}


@pytest.mark.parametrize(
    "expression", ["$x.missing", "$unknown", "1 / 0", '"a" + 1', "$sum", "$f()"]
)
def test_an_expression_that_fails_or_yields_nothing_is_an_error(expression: str) -> None:
    with pytest.raises(StateFailed) as raised:
        evaluate("{% " + expression + " %}", {"x": {}})
    assert raised.value.error == "States.QueryEvaluationError"
    assert expression in raised.value.cause


def test_the_variables_of_an_expression_are_those_of_the_workflow() -> None:
    expression = "{% ($a := $plan.x; $map($states.input, function($v) { $v + $a + $sum($b) })) %}"
    assert variables_of(expression) == {"plan", "states", "b"}


@pytest.mark.parametrize("function", ["now", "millis", "random", "uuid", "eval", "parse", "hash"])
def test_functions_that_are_not_implemented_are_refused(function: str) -> None:
    with pytest.raises(UnsupportedField, match=function):
        variables_of("{% {'a': $" + function + "()} %}")


def test_what_is_not_jsonata_is_refused() -> None:
    with pytest.raises(UnsupportedField, match="not JSONata"):
        variables_of("{% (1 + %}")


def test_expressions_are_found_at_any_depth() -> None:
    assert list(expressions_in({"a": ["{% 1 %}", {"b": "{% 2 %}", "c": "x"}], "d": 1})) == [
        "{% 1 %}",
        "{% 2 %}",
    ]
