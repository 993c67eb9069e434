"""Reads a state machine's definition and fills in its substitutions."""

import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from kili_export.local.workflow.errors import UnsupportedField

Definition = dict[str, Any]

_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9]+)\}")


class _Loader(yaml.SafeLoader):
    """YAML in which a key that occurs twice is an error, as a state could vanish by it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise UnsupportedField(f"{min(twice)} occurs twice{node.start_mark}")
        return super().construct_mapping(node, deep=deep)


def read_definition(path: Path) -> Definition:
    """The definition in a file of YAML or JSON, its substitutions still to be filled in.

    Raises UnsupportedField if it is no mapping or has a key twice.
    """
    definition = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 derived from the safe loader
    if not isinstance(definition, dict):
        raise UnsupportedField(f"{path.name} is not a mapping")
    return definition


def substitution_names(value: Any) -> frozenset[str]:
    """The names of all `${Name}` of a definition: what DefinitionSubstitutions must give."""
    return frozenset(name for text in _texts(value) for name in _SUBSTITUTION.findall(text))


def substitute(definition: Mapping[str, Any], values: Mapping[str, str]) -> Definition:
    """The definition with every `${Name}` replaced.

    Raises UnsupportedField if a name has no value, or a value no place.
    """
    names = substitution_names(definition)
    for name in sorted(names ^ values.keys()):
        problem = "has no value" if name in names else "occurs nowhere in the definition"
        raise UnsupportedField(f"The substitution {name} {problem}")
    filled = _fill(definition, values)
    assert isinstance(filled, dict)  # noqa: S101 a mapping is filled as one
    return filled


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _fill(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, values) for item in value]
    if isinstance(value, str):
        return _SUBSTITUTION.sub(lambda found: values[found.group(1)], value)
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
