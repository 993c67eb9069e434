"""The `where` of assets and labels, compiled into tests.

Every filter that the API declares is applied. A null is no filter; an empty list of wanted values
matches nothing, and an empty list of unwanted ones excludes nothing. Dates without a time are
midnight UTC. People are named by id or e-mail.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kili_export.local.kili_standin.state.identifiers import parse_date
from kili_export.local.kili_standin.state.label_rules import asset_status, position
from kili_export.local.kili_standin.state.label_search import compile_search, count_categories
from kili_export.local.kili_standin.state.model import Asset, Label, Project, User

Where = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An asset as filters see it: with its project and its visible labels."""

    project: Project
    asset: Asset
    labels: list[Label]


AssetTest = Callable[[Candidate], bool]
LabelTest = Callable[[Label], bool]


def asset_tests(where: Where) -> list[AssetTest]:
    """The tests that an asset must all pass. Raises ValueError for a value that can't be read."""
    tests = [
        test(value)
        for name, test in _ASSET_FILTERS.items()
        if (value := where.get(name)) is not None
    ]
    tests += _mark_tests(where, lambda candidate: candidate.asset)
    label_where = where.get("label") or {}
    if wanted := label_tests(label_where):
        tests.append(
            lambda candidate: any(all(test(label) for test in wanted) for label in candidate.labels)
        )
    return tests + _people_tests(label_where)


def label_tests(where: Where) -> list[LabelTest]:
    """The tests that one label must all pass. Raises ValueError for a value that can't be read.

    `labelerNotIn` and `reviewerNotIn` are about all labels of an asset and belong to
    `asset_tests`.
    """
    tests = [
        test(value)
        for name, test in _LABEL_FILTERS.items()
        if (value := where.get(name)) is not None
    ]
    return tests + _mark_tests(where, lambda label: label)


def _people_tests(label_where: Where) -> list[AssetTest]:
    tests: list[AssetTest] = []
    for name, label_type in (("labelerNotIn", "DEFAULT"), ("reviewerNotIn", "REVIEW")):
        if (people := label_where.get(name)) is not None:
            tests.append(_without_labels_by(frozenset(people), label_type))
    return tests


def _without_labels_by(people: frozenset[str], label_type: str) -> AssetTest:
    return lambda candidate: (
        not any(
            label.label_type == label_type and _is_one_of(label.author, people)
            for label in candidate.labels
        )
    )


def _is_one_of(user: User, people: frozenset[str]) -> bool:
    return user.id in people or user.email in people


def _mark_tests(where: Where, subject: Callable[[Any], Any]) -> list[Callable[[Any], bool]]:
    tests: list[Callable[[Any], bool]] = []
    for kind in ("consensus", "honeypot", "inference"):
        for suffix, sign in (("Gte", 1), ("Lte", -1)):
            if (bound := where.get(f"{kind}Mark{suffix}")) is not None:
                tests.append(_mark_test(subject, f"{kind}_mark", bound, sign))
    return tests


def _mark_test(
    subject: Callable[[Any], Any], attribute: str, bound: float, sign: int
) -> Callable[[Any], bool]:
    def test(one: Any) -> bool:
        mark = getattr(subject(one), attribute)
        return mark is not None and (mark - bound) * sign >= 0

    return test


def _date_test(attribute: str, sign: int) -> Callable[[str], AssetTest]:
    def compiled(text: str) -> AssetTest:
        bound = parse_date(text)
        if sign > 0:
            return lambda candidate: getattr(candidate.asset, attribute) >= bound
        return lambda candidate: getattr(candidate.asset, attribute) <= bound

    return compiled


def _value_in(read: Callable[[Candidate], Any], *, wanted: bool) -> Callable[[Any], AssetTest]:
    def compiled(values: Iterable[Any]) -> AssetTest:
        listed = frozenset(values)
        return lambda candidate: (read(candidate) in listed) is wanted

    return compiled


def _assignee(people: Iterable[str], *, wanted: bool) -> AssetTest:
    listed = frozenset(people)
    return lambda candidate: (
        any(_is_one_of(user, listed) for user in candidate.asset.assignees) is wanted
    )


def _step_id(candidate: Candidate) -> str | None:
    here = position(candidate.project, candidate.asset, candidate.labels)
    return here.step.id if here else None


def _step_status(candidate: Candidate) -> str | None:
    here = position(candidate.project, candidate.asset, candidate.labels)
    return here.status if here else None


def _step_and_status(pairs: Iterable[Mapping[str, str]], *, wanted: bool) -> AssetTest:
    listed = frozenset((pair["stepId"], pair["status"]) for pair in pairs)
    return lambda candidate: ((_step_id(candidate), _step_status(candidate)) in listed) is wanted


def _issue(where: Where) -> AssetTest:
    wanted = {name: where[name] for name in ("type", "status") if where.get(name) is not None}
    if not wanted:
        return lambda _: True
    return lambda candidate: any(
        all(getattr(issue, name) == value for name, value in wanted.items())
        for issue in candidate.asset.issues
    )


def _metadata(where: Where | str) -> AssetTest:
    wanted = orjson.loads(where) if isinstance(where, str) else where
    if not isinstance(wanted, Mapping):
        raise ValueError("metadata must be an object of keys and wanted values")  # noqa: TRY004
    return lambda candidate: all(
        _metadata_matches(candidate.asset.json_metadata.get(key), value)
        for key, value in wanted.items()
    )


def _metadata_matches(actual: Any, wanted: Any) -> bool:
    if not isinstance(wanted, list):
        return bool(actual == wanted)
    numbers = all(isinstance(one, int | float) for one in wanted)
    if len(wanted) == 2 and numbers:
        return isinstance(actual, int | float) and wanted[0] <= actual <= wanted[1]
    return actual in wanted


def _label_status(candidate: Candidate) -> str:
    return asset_status(candidate.asset, candidate.labels)


def _contains_any(parts: Iterable[str]) -> AssetTest:
    return lambda candidate: any(part in candidate.asset.external_id for part in parts)


_ASSET_FILTERS: dict[str, Callable[[Any], AssetTest]] = {
    "id": lambda wanted: lambda candidate: candidate.asset.id == wanted,
    "idIn": _value_in(lambda one: one.asset.id, wanted=True),
    "idNotIn": _value_in(lambda one: one.asset.id, wanted=False),
    "externalIdIn": _contains_any,
    "externalIdStrictlyIn": _value_in(lambda one: one.asset.external_id, wanted=True),
    "statusIn": _value_in(_label_status, wanted=True),
    "skipped": lambda wanted: lambda candidate: candidate.asset.skipped is wanted,
    "createdAtGte": _date_test("created_at", 1),
    "createdAtLte": _date_test("created_at", -1),
    "updatedAtGte": _date_test("updated_at", 1),
    "updatedAtLte": _date_test("updated_at", -1),
    "assigneeIn": lambda people: _assignee(people, wanted=True),
    "assigneeNotIn": lambda people: _assignee(people, wanted=False),
    "metadata": _metadata,
    "stepIdIn": _value_in(_step_id, wanted=True),
    "stepIdNotIn": _value_in(_step_id, wanted=False),
    "stepStatusIn": _value_in(_step_status, wanted=True),
    "stepStatusNotIn": _value_in(_step_status, wanted=False),
    "stepIdAndStatusIn": lambda pairs: _step_and_status(pairs, wanted=True),
    "stepIdAndStatusNotIn": lambda pairs: _step_and_status(pairs, wanted=False),
    "groupNameIn": _value_in(lambda one: one.asset.group_name, wanted=True),
    "groupNameNotIn": _value_in(lambda one: one.asset.group_name, wanted=False),
    "issue": _issue,
}


def _author_in(people: Iterable[str]) -> LabelTest:
    listed = frozenset(people)
    return lambda label: _is_one_of(label.author, listed)


def _written_as(label_type: str) -> Callable[[Iterable[str]], LabelTest]:
    def compiled(people: Iterable[str]) -> LabelTest:
        listed = frozenset(people)
        return lambda label: label.label_type == label_type and _is_one_of(label.author, listed)

    return compiled


def _type_in(types: Iterable[str]) -> LabelTest:
    listed = frozenset(types)
    return lambda label: label.label_type in listed


def _label_date(sign: int) -> Callable[[str], LabelTest]:
    def compiled(text: str) -> LabelTest:
        bound = parse_date(text)
        if sign == 0:
            return lambda label: label.created_at.date() == bound.date()
        if sign > 0:
            return lambda label: label.created_at >= bound
        return lambda label: label.created_at <= bound

    return compiled


def _search(expression: str) -> LabelTest:
    matches = compile_search(expression)
    return lambda label: matches(count_categories(orjson.loads(label.content.render())))


def _user(where: Where) -> LabelTest:
    named = {name: where[name] for name in ("id", "email") if where.get(name) is not None}
    ids = where.get("idIn")
    return lambda label: (
        all(getattr(label.author, name) == value for name, value in named.items())
        and (ids is None or label.author.id in ids)
    )


_LABEL_FILTERS: dict[str, Callable[[Any], LabelTest]] = {
    "id": lambda wanted: lambda label: label.id == wanted,
    "idIn": lambda ids: lambda label: label.id in ids,
    "typeIn": _type_in,
    "authorIn": _author_in,
    "labelerIn": _written_as("DEFAULT"),
    "reviewerIn": _written_as("REVIEW"),
    "createdAt": _label_date(0),
    "createdAtGte": _label_date(1),
    "createdAtLte": _label_date(-1),
    "search": _search,
    "user": _user,
}
