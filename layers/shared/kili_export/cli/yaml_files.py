"""YAML and JSON files that commands are given."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError

from kili_export.cli.files import STANDARD, using
from kili_export.core.errors import InvalidConfiguration

_MOST: Final = 4 << 20
"""Values, of which each 64 characters of a text are one."""


def read_yaml(name: str) -> Any:
    """What a YAML or JSON file holds, `-` for standard input.

    Raises InvalidConfiguration when it cannot be read or is not YAML, in one line.
    """
    try:
        value = yaml.load(_text(name), _Loader)  # noqa: S506 derived from the safe loader
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{name} is not UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark
        place = f", line {at.line + 1}, column {at.column + 1}" if at else ""
        raise InvalidConfiguration(f"{name}{place} is not YAML: {error.problem}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A date such as 2026-13-01 is a ValueError.
        reason = " ".join(str(error).split())
        raise InvalidConfiguration(f"{name} is not YAML: {reason}.") from error
    if not _is_bounded(value):
        raise InvalidConfiguration(
            f"{name} is too large, perhaps by aliases (*) of lists that hold aliases again; "
            "write out what it needs."
        )
    return value


class _Loader(yaml.SafeLoader):
    """Two escaped halves of a surrogate pair are one character, as in JSON; one alone is none."""

    def construct_scalar(self, node: Any) -> Any:
        """What a scalar holds."""
        value: Any = super().construct_scalar(node)
        if not isinstance(value, str):
            return value
        try:
            return value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            problem = "half a surrogate pair is no character"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _is_bounded(value: Any) -> bool:
    """Whether a value has an end, and a size that memory holds once its aliases are written out."""
    left, room = [value], _MOST
    while left and room > 0:
        found = left.pop()
        room -= 1
        if isinstance(found, str | bytes):
            room -= len(found) // 64
        elif isinstance(found, Mapping):
            left += (*found.keys(), *found.values())
        elif isinstance(found, list | tuple | set):
            left += found
    return not left


def _text(name: str) -> str:
    if name != STANDARD:
        with using(name, "read"):
            return Path(name).read_text(encoding="utf-8")
    if sys.stdin is None:
        raise InvalidConfiguration("Standard input is closed; name a file.")
    with using("Standard input", "read"):
        return sys.stdin.read()
