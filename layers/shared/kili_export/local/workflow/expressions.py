"""JSONata as the Amazon States Language uses it: a string that is `{% ... %}` from end to end.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html

Evaluated by `jsonata-python`, which rounds integers above 2**53 when it computes with them. As in
every JSONata, a selection that matches one item is that item: `[...]` around it keeps the list.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

from kili_export.local.workflow.errors import StateFailed, UnsupportedField

_EXPRESSION = re.compile(r"\{%(.*)%\}", re.DOTALL)

# Without these an expression means the same whenever and wherever it is evaluated. `$eval` the
# service refuses; the rest are its own additions, or read a clock that the runner does not hold.
_REFUSED = frozenset(
    {"eval", "now", "millis", "random", "uuid", "hash", "partition", "range", "parse"}
)
_BUILT_IN = frozenset(Jsonata.static_frame.bindings)


def is_expression(value: Any) -> bool:
    """Whether a value of the definition is a JSONata expression."""
    return isinstance(value, str) and _EXPRESSION.fullmatch(value) is not None


def expressions_in(value: Any) -> Iterator[str]:
    """All the expressions at any depth of a value of the definition."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from expressions_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions_in(item)
    elif is_expression(value):
        yield value


def variables_of(expression: str) -> frozenset[str]:
    """The names of the workflow's variables that an expression reads, `states` among them.

    Raises UnsupportedField if it is no JSONata, or calls a function that is not implemented.
    """
    nodes = list(_nodes(_parse(expression).ast, set()))
    names = {str(node.value) for node in nodes if node.type == "variable"}
    refused = names & _REFUSED
    if refused:
        raise UnsupportedField(f"{expression}: ${min(refused)}() is not implemented")
    own = {str(node.lhs.value) for node in nodes if node.type == "bind"}
    parameters = {
        str(argument.value)
        for node in nodes
        if node.type == "lambda"
        for argument in node.arguments
    }
    return frozenset(names - _BUILT_IN - own - parameters - {"", "$"})


def _nodes(node: Any, seen: set[int]) -> Iterator[Any]:
    """Every node of a parsed expression, once."""
    if isinstance(node, list | tuple):
        for item in node:
            yield from _nodes(item, seen)
    elif hasattr(node, "type") and id(node) not in seen:
        seen.add(id(node))
        yield node
        for item in vars(node).values():
            yield from _nodes(item, seen)


def evaluate(value: Any, names: Mapping[str, Any]) -> Any:
    """A value of the definition with all its expressions replaced by what they yield.

    `names` are the variables, without their dollar. Raises StateFailed
    `States.QueryEvaluationError` if an expression fails or yields nothing.
    """
    if isinstance(value, Mapping):
        return {key: evaluate(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, names) for item in value]
    if is_expression(value):
        return _evaluate_expression(value, names)
    return value


def _evaluate_expression(expression: str, names: Mapping[str, Any]) -> Any:
    parsed = _parse(expression)
    frame = parsed.create_frame()
    for name, value in names.items():
        frame.bind(name, Utils.NULL_VALUE if value is None else value)
    try:
        answer = parsed.evaluate(None, frame)
        return _plain(answer["value"])
    except KeyError:
        cause = f"The expression {expression} yielded nothing."
    except Exception as error:  # noqa: BLE001 the evaluator raises whatever its parts raise
        cause = f"The expression {expression} failed: {error}"
    raise StateFailed("States.QueryEvaluationError", cause)


@lru_cache(maxsize=512)
def _parse(expression: str) -> Jsonata:
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise UnsupportedField(f"{expression} is not an expression")
    try:
        # As a member of an object, nothing (left out) is distinguished from null (kept).
        return Jsonata('{"value": (' + found.group(1) + ")}")
    except Exception as error:  # noqa: BLE001 the parser raises whatever its parts raise
        raise UnsupportedField(f"{expression} is not JSONata: {error}") from None


def _plain(value: Any) -> Any:
    """Only what JSON can hold, sharing nothing with what the evaluator was given."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or value is Utils.NULL_VALUE:
        return None
    if isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is not JSON")
