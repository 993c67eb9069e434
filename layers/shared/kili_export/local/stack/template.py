"""Reads from the deployment's template what one machine needs of it: nothing is said twice.

Functions with their handlers, limits and environment, the table, and the workflow's substitutions.
Of CloudFormation's functions these values use `Ref`, `Fn::GetAtt … Arn` and `Fn::Sub`; any other
one is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kili_export.core.errors import InvalidConfiguration

_PACKAGED = Path(__file__).resolve().parents[1] / "application"
APPLICATION = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).resolve().parents[5]
"""The folder of the template: in the wheel beside this module, else the checkout."""
ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK_NAME = "kili-export"
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, each read as its long form."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """A function of the template: `name` is its folder, `timeout` in seconds, `memory` in MB."""

    name: str
    arn: str
    handler: str
    timeout: float
    memory: int
    environment: Mapping[str, str]


class Template:
    """The template with values for its parameters and names for its resources."""

    def __init__(self, parameters: Mapping[str, str], names: Mapping[str, str]) -> None:
        """`parameters` by name; `names` gives what `Ref` yields for a resource, by logical id."""
        self._document = _read()
        self._values = {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::StackName": STACK_NAME,
            **{
                name: str(parameter["Default"])
                for name, parameter in self._document["Parameters"].items()
                if "Default" in parameter
            },
            **parameters,
            **names,
        }

    def functions(self) -> list[TemplateFunction]:
        """The functions that one machine runs, in the template's order.

        Those that a queue calls are not among them: there is no queue.
        """
        resources = self._document["Resources"]
        queued = {
            resource["Properties"]["FunctionName"]["Ref"]
            for resource in resources.values()
            if resource["Type"] == "AWS::Lambda::EventSourceMapping"
        }
        return [
            self._function(resource["Properties"])
            for name, resource in resources.items()
            if resource["Type"] == "AWS::Serverless::Function" and name not in queued
        ]

    def table(self) -> Mapping[str, Any]:
        """The properties of the one table."""
        properties: Mapping[str, Any] = self._document["Resources"]["Table"]["Properties"]
        return properties

    def parameter(self, name: str) -> str:
        """The value of a parameter."""
        return self._value(name)

    def state_machine_arn(self) -> str:
        """The ARN that the workflow would have."""
        name = self.text(self._machine()["Name"])
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"

    def definition(self) -> Path:
        """The file that defines the workflow."""
        return APPLICATION / str(self._machine()["DefinitionUri"])

    def substitutions(self) -> dict[str, str]:
        """What is filled into the workflow's definition."""
        return {
            name: self.text(value)
            for name, value in self._machine()["DefinitionSubstitutions"].items()
        }

    def text(self, value: Any) -> str:
        """A value of the template as text. Raises InvalidConfiguration for other functions."""
        match value:
            case {"Ref": name}:
                return self._value(name)
            case {"Fn::GetAtt": str(path)} if path.endswith(".Arn"):
                return self._arn(path.removesuffix(".Arn"))
            case {"Fn::Sub": str(pattern)}:
                return _REFERENCE.sub(lambda found: self._value(found.group(1)), pattern)
            case str() | int() | float():
                return str(value)
        raise InvalidConfiguration(f"The template holds a value that does not run locally: {value}")

    def _machine(self) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self._document["Resources"]["ExportStateMachine"][
            "Properties"
        ]
        return properties

    def _function(self, properties: Mapping[str, Any]) -> TemplateFunction:
        shared = self._document["Globals"]["Function"]
        folder = str(properties["CodeUri"])
        own = properties.get("Environment", {}).get("Variables", {})
        variables = {**shared["Environment"]["Variables"], **own}
        return TemplateFunction(
            name=Path(folder).name,
            arn=_function_arn(folder),
            handler=f"{folder.replace('/', '.')}.{properties.get('Handler', shared['Handler'])}",
            timeout=float(properties["Timeout"]),
            memory=int(properties["MemorySize"]),
            environment={name: self.text(value) for name, value in variables.items()},
        )

    def _arn(self, logical_id: str) -> str:
        properties = self._document["Resources"][logical_id]["Properties"]
        if "CodeUri" in properties:
            return _function_arn(str(properties["CodeUri"]))
        raise InvalidConfiguration(f"The template's {logical_id} has no ARN on one machine")

    def _value(self, name: str) -> str:
        if name not in self._values:
            raise InvalidConfiguration(f"The template's {name} has no value on one machine")
        return self._values[name]


def _function_arn(folder: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK_NAME}-{Path(folder).name}"


def function_of_arn(arn: str) -> str:
    """The folder of the function that an ARN of this template, or its name, stands for."""
    return arn.rpartition(":")[2].removeprefix(f"{STACK_NAME}-")


@cache
def _read() -> dict[str, Any]:
    text = (APPLICATION / "template.yaml").read_bytes()
    document: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 derived from the safe loader
    return document
