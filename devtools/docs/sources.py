"""What the reference pages are generated from. Only this module knows where it is defined."""

from argparse import ArgumentParser
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kili_export.changes.events.change_events import Action, Row
from kili_export.changes.events.event_catalogue import CATALOGUE
from kili_export.cli.exit_codes import MEANINGS, ExitCode
from kili_export.core.asset_filters import FILTERS
from kili_export.formats.registry import FORMATS
from kili_export.local.main import parser
from kili_export.registration.declaration import ExportDeclaration
from kili_export.wiring.settings import VARIABLES, Variable

__all__ = [
    "CATALOGUE",
    "FILTERS",
    "FORMATS",
    "MEANINGS",
    "ROOT",
    "VARIABLES",
    "Action",
    "ExitCode",
    "ExportDeclaration",
    "Row",
    "Variable",
    "command_line",
    "template_parameters",
]

ROOT = Path(__file__).resolve().parents[2]
"""The root of the repository."""


def command_line() -> ArgumentParser:
    """The parser of `kili-export`."""
    return parser()


class _Loader(yaml.SafeLoader):
    """YAML in which CloudFormation's short tags mean nothing: no parameter has one."""


_Loader.add_multi_constructor("!", lambda *_: None)


@cache
def template_parameters() -> Mapping[str, Mapping[str, Any]]:
    """The parameters of template.yaml, by name, in its order."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    parameters: Mapping[str, Mapping[str, Any]] = yaml.load(text, _Loader)["Parameters"]  # noqa: S506
    return parameters
