"""YAML and JSON files that commands are given."""

import sys
from pathlib import Path
from typing import Any

import yaml

from kili_export.cli.files import STANDARD, using
from kili_export.core.errors import InvalidConfiguration


def read_yaml(name: str) -> Any:
    """What a YAML or JSON file holds, `-` for standard input.

    Raises InvalidConfiguration when it cannot be read or is not YAML, in one line.
    """
    try:
        return yaml.safe_load(_text(name))
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


def _text(name: str) -> str:
    if name != STANDARD:
        with using(name, "read"):
            return Path(name).read_text(encoding="utf-8")
    if sys.stdin is None:
        raise InvalidConfiguration("Standard input is closed; name a file.")
    with using("Standard input", "read"):
        return sys.stdin.read()
