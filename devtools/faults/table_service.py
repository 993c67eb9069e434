"""The part of DynamoDB that this system asks for, in memory.

Expressions: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/
Expressions.OperatorsAndFunctions.html. Only their forms that are in use are understood; any other
is refused, as DynamoDB refuses what it does not understand.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

Value = Mapping[str, Any]
Item = Mapping[str, Value]
Items = dict[tuple[str, str], Item]
_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD)\b")
_IF_NOT_EXISTS = re.compile(r"if_not_exists\((\w+),\s*(:?\w+)\)")
_TERM = r"(:?\w+|if_not_exists\([^)]*\))"
_SUM = re.compile(rf"{_TERM}\s*([+-])\s*{_TERM}")
_COMPARISON = re.compile(r"(\w+|size\(\w+\))\s*(=|<=|>=|<)\s*(:\w+)")
_ABSENT = re.compile(r"attribute_not_exists\((\w+)\)")
_PRESENT = re.compile(r"attribute_exists\((\w+)\)")
_COMMAS = re.compile(r",\s*(?![^(]*\))")


class NotUnderstood(Exception):
    """An expression or an operation that this table does not know."""


class ConditionFailed(Exception):
    """The condition of a write did not hold. Its argument is the item, if that was asked for."""


@dataclass(slots=True)
class TableService:
    """One table with the keys `pk` and `sk`. Items are replaced, never changed."""

    items: Items = field(default_factory=dict)

    def answer(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an operation. Raises ConditionFailed, NotUnderstood."""
        if operation == "Query":
            return self._query(request)
        if operation not in _BY_KEY:
            raise NotUnderstood(operation)
        key = (request["Key"]["pk"]["S"], request["Key"]["sk"]["S"])
        item = self.items.get(key)
        if operation == "GetItem":
            return {} if item is None else {"Item": item}
        values = request.get("ExpressionAttributeValues", {})
        condition = request.get("ConditionExpression")
        if condition and not _holds(condition, item or {}, values):
            raise ConditionFailed(
                item if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None
            )
        if operation == "DeleteItem":
            self.items.pop(key, None)
        else:
            changed = _updated(request["UpdateExpression"], item or {}, values)
            self.items[key] = {**changed, **request["Key"]}
            if request.get("ReturnValues") == "ALL_NEW":
                return {"Attributes": self.items[key]}
        return {}

    def _query(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["KeyConditionExpression"] != "pk = :pk":
            raise NotUnderstood(request["KeyConditionExpression"])
        wanted = request["ExpressionAttributeValues"][":pk"]["S"]
        found = [item for (pk, _), item in sorted(self.items.items()) if pk == wanted]
        return {"Items": found, "Count": len(found)}


_ORDERS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">=": operator.ge,
}
_BY_KEY: Final = frozenset({"GetItem", "UpdateItem", "DeleteItem"})


def _holds(condition: str, item: Item, values: Mapping[str, Value]) -> bool:
    return any(
        all(_test(test.strip(), item, values) for test in branch.split(" AND "))
        for branch in condition.split(" OR ")
    )


def _test(test: str, item: Item, values: Mapping[str, Value]) -> bool:
    if found := _ABSENT.fullmatch(test):
        return found[1] not in item
    if found := _PRESENT.fullmatch(test):
        return found[1] in item
    found = _COMPARISON.fullmatch(test)
    if found is None:
        raise NotUnderstood(test)
    name, comparison, value = found.groups()
    if name.startswith("size("):
        sized = item.get(name[5:-1])
        left: Any = None if sized is None else {"N": str(len(next(iter(sized.values()))))}
    else:
        left = item.get(name)
    if left is None:
        return False
    if comparison == "=":
        return bool(left == values[value])
    return _ORDERS[comparison](_number(left), _number(values[value]))


def _updated(expression: str, item: Item, values: Mapping[str, Value]) -> Item:
    """The item after an update. Every value is worked out from the item as it was."""
    changed = dict(item)
    pieces = _CLAUSE.split(expression)
    if pieces[0].strip():
        raise NotUnderstood(expression)
    for clause, body in zip(pieces[1::2], pieces[2::2], strict=True):
        for action in _COMMAS.split(body.strip()):
            _apply(clause, action.strip(), item, changed, values)
    return changed


def _apply(
    clause: str, action: str, item: Item, changed: dict[str, Value], values: Mapping[str, Value]
) -> None:
    if clause == "REMOVE":
        changed.pop(action, None)
    elif clause == "ADD":
        name, value = action.split()
        changed[name] = _added(item.get(name), values[value])
    else:
        name, _, operand = (part.strip() for part in action.partition("="))
        changed[name] = _operand(operand, item, values)


def _operand(operand: str, item: Item, values: Mapping[str, Value]) -> Value:
    """A value, an attribute, one or the other, or a sum or difference of two of these."""
    if found := _SUM.fullmatch(operand):
        left, right = (_number(_operand(found[n], item, values)) for n in (1, 3))
        return {"N": str(left + right if found[2] == "+" else left - right)}
    if found := _IF_NOT_EXISTS.fullmatch(operand):
        return item[found[1]] if found[1] in item else _operand(found[2], item, values)
    if operand in values:
        return values[operand]
    if operand not in item:
        raise NotUnderstood(operand)
    return item[operand]


def _number(value: Value) -> Decimal:
    return Decimal(str(value["N"]))


def _added(before: Value | None, value: Value) -> Value:
    if before is None:
        return value
    if "N" in value:
        return {"N": str(_number(before) + _number(value))}
    return {"SS": sorted({*before["SS"], *value["SS"]})}
