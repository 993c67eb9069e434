"""The `search` filter of labels: `JOB.CATEGORY.count > 0`, joined by AND and OR, in parentheses.

AND binds closer than OR. A category is counted once per annotation (or classification answer)
that carries it, nested answers included under their own job's name.
"""

import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

Counts = Mapping[tuple[str, str], int]
Predicate = Callable[[Counts], bool]
_TOKEN = re.compile(
    r"\s*(\(|\)|AND\b|OR\b|>=|<=|==|>|<|\d+|[A-Za-z][\w*-]*\.[A-Za-z][\w*-]*\.count)"
)
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


class InvalidSearch(ValueError):
    """The expression cannot be read."""


def compile_search(expression: str) -> Predicate:
    """Reads an expression into a test of category counts; raises InvalidSearch."""
    parser = _Parser(_tokens(expression))
    predicate = parser.alternatives()
    if parser.peek() is not None:
        raise InvalidSearch(f"Invalid search: unexpected {parser.peek()!r} in {expression!r}")
    return predicate


def count_categories(json_response: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """How often each (job, category) occurs in a label's answer."""
    counts: Counter[tuple[str, str]] = Counter()
    for job, answer in json_response.items():
        if isinstance(answer, Mapping):
            _count_answer(job, answer, counts)
    return counts


def _count_answer(job: str, answer: Mapping[str, Any], counts: Counter[tuple[str, str]]) -> None:
    for category in answer.get("categories") or []:
        counts[job, category.get("name", "")] += 1
        _count_children(category, counts)
    for annotation in answer.get("annotations") or []:
        _count_answer(job, annotation, counts)
        _count_children(annotation, counts)


def _count_children(parent: Mapping[str, Any], counts: Counter[tuple[str, str]]) -> None:
    for job, answer in (parent.get("children") or {}).items():
        _count_answer(job, answer, counts)


def _tokens(expression: str) -> list[str]:
    tokens, at = [], 0
    text = expression.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidSearch(f"Invalid search: cannot read {text[at:]!r}")
        tokens.append(match.group(1))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self.peek()
        if token is None:
            raise InvalidSearch("Invalid search: it ends too early")
        self._at += 1
        return token

    def alternatives(self) -> Predicate:
        parts = [self._conjunction()]
        while self.peek() == "OR":
            self._take()
            parts.append(self._conjunction())
        return lambda counts: any(part(counts) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._condition()]
        while self.peek() == "AND":
            self._take()
            parts.append(self._condition())
        return lambda counts: all(part(counts) for part in parts)

    def _condition(self) -> Predicate:
        token = self._take()
        if token == "(":  # noqa: S105 - a parenthesis, not a password
            inner = self.alternatives()
            if self._take() != ")":
                raise InvalidSearch("Invalid search: a parenthesis is not closed")
            return inner
        if not token.endswith(".count"):
            raise InvalidSearch(f"Invalid search: {token!r} is not JOB.CATEGORY.count")
        job, category, _ = token.split(".")
        compare = _COMPARISONS.get(self._take())
        number = self._take()
        if compare is None or not number.isdigit():
            raise InvalidSearch(f"Invalid search: {token} must be compared with a number")
        return lambda counts: compare(counts.get((job, category), 0), int(number))
