"""Reads template.yaml as data, for the tests about it."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]

Resource = Mapping[str, Any]


@cache
def template() -> Mapping[str, Any]:
    """The whole template, its short tags in their long form."""
    document: Mapping[str, Any] = cfn_yaml.load(str(ROOT / "template.yaml"))
    return document


def resources_of(kind: str) -> dict[str, Resource]:
    """The resources of one type, by logical id."""
    return {
        name: resource
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def functions() -> dict[str, Resource]:
    """The properties of each function, by the name of its folder."""
    return {
        Path(function["Properties"]["CodeUri"]).name: function["Properties"]
        for function in resources_of("AWS::Serverless::Function").values()
    }


def statements(properties: Resource, *, with_kms_key: bool = True) -> Iterator[Mapping[str, Any]]:
    """What a function or state machine is allowed."""
    for statement in _all_statements(properties, with_kms_key=with_kms_key):
        if statement["Effect"] == "Allow":
            yield statement


def denials(properties: Resource) -> dict[str, Mapping[str, Any]]:
    """What a function is denied, whatever else allows it, by the statements' names."""
    return {
        statement["Sid"]: statement
        for statement in _all_statements(properties, with_kms_key=True)
        if statement["Effect"] == "Deny"
    }


def _all_statements(properties: Resource, *, with_kms_key: bool) -> Iterator[Mapping[str, Any]]:
    for policy in properties["Policies"]:
        for statement in policy["Statement"]:
            if "Fn::If" not in statement:
                yield statement
            elif with_kms_key:
                yield statement["Fn::If"][1]


def listed(value: Any) -> list[Any]:
    """One or several, as a list."""
    return list(value) if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """A reference as one text: `${Bucket.Arn}/runs/*`, `${Table.Arn}`, `${WebhookSecret}`."""
    match value:
        case str():
            return str(value)
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": str(path)}:
            return f"${{{path}}}"
        case {"Fn::GetAtt": [*path]}:
            return f"${{{'.'.join(path)}}}"
        case {"Fn::Sub": str(pattern)}:
            return str(pattern)
    raise AssertionError(f"not a text: {value}")
