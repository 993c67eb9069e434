"""The part of CloudWatch Logs Insights that the runbook uses, on lines of a log.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Line = Mapping[str, Any]
Test = Callable[[Line], bool]

_TOKEN: Final = re.compile(r'\s*("[^"]*"|\d+(?:\.\d+)?|[@A-Za-z_][\w.@]*|!=|>=|<=|[=<>()\[\],])')
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left is not None and left > right,
    "<": lambda left, right: left is not None and left < right,
}


def run_query(query: str, lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The rows of a query. Raises ValueError for what it does not know."""
    rows: list[dict[str, Any]] = [dict(line) for line in lines]
    shown: list[str] | None = None
    for command in query.strip().split("|"):
        name, _, rest = command.strip().partition(" ")
        match name:
            case "fields":
                shown = [one.strip() for one in rest.split(",")]
            case "filter":
                test = _Filter(rest).test()
                rows = [row for row in rows if test(row)]
            case "sort":
                key, order = rest.split()
                rows.sort(key=lambda row: str(row.get(key)), reverse=order == "desc")
            case "limit":
                rows = rows[: int(rest)]
            case "stats":
                rows, shown = _stats(rest, rows), None
            case _:
                raise ValueError(f"{name} is not a command of these queries")
    return rows if shown is None else [{key: row.get(key) for key in shown} for row in rows]


def fields_of(query: str) -> set[str]:
    """Every field that a query names, besides those of the service."""
    plain = re.sub(r'"[^"]*"', "", query)
    words = set(re.findall(r"@?[A-Za-z_][\w.]*", plain))
    return {word for word in words if not word.startswith("@")} - _WORDS


_WORDS: Final = {
    *("fields", "filter", "sort", "limit", "stats", "desc", "asc", "and", "or", "in"),
    *("ispresent", "count", "as", "by", "calls"),
}


def _stats(rest: str, rows: Sequence[Line]) -> list[dict[str, Any]]:
    found = re.fullmatch(r"count\(\*\) as (\w+) by (\w+)", rest.strip())
    if found is None:
        raise ValueError(f"stats {rest} is not known")
    counts = Counter(row.get(found[2]) for row in rows)
    return [{found[2]: value, found[1]: count} for value, count in counts.items()]


class _Filter:
    """A condition of comparisons, `in`, `ispresent`, `and`, `or` and parentheses."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r'\s+(?=(?:[^"]*"[^"]*")*[^"]*$)', "", text):
            raise ValueError(f"{text} cannot be read")

    def test(self) -> Test:
        made = self._any()
        if self._tokens:
            raise ValueError(f"left over: {self._tokens}")
        return made

    def _take(self) -> str:
        token: str = self._tokens.pop(0)
        return token

    def _any(self) -> Test:
        tests = [self._all()]
        while self._tokens[:1] == ["or"]:
            self._take()
            tests.append(self._all())
        return lambda line: any(test(line) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._tokens[:1] == ["and"]:
            self._take()
            tests.append(self._one())
        return lambda line: all(test(line) for test in tests)

    def _one(self) -> Test:
        token = self._take()
        if token == "(":
            inner = self._any()
            self._take()
            return inner
        if token == "ispresent":
            _, name, _ = self._take(), self._take(), self._take()
            return lambda line: line.get(name) is not None
        operator = self._take()
        if operator == "in":
            values = self._list()
            return lambda line: line.get(token) in values
        value, compare = _value(self._take()), _COMPARE[operator]
        return lambda line: compare(line.get(token), value)

    def _list(self) -> list[Any]:
        inside: list[str] = []
        while (token := self._take()) != "]":
            inside.append(token)
        return [_value(one) for one in inside if one not in {"[", ","}]


def _value(token: str) -> Any:
    return token.strip('"') if token.startswith('"') else float(token)
