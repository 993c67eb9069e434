"""Keeps dataset archives in S3 equal to what a Kili project holds.

`Export` opens what is published, for programs; `export` writes archives into files without a stack.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kili_export.api import Export as Export
    from kili_export.cli.one_shot_export import export as export

__all__ = ["Export", "export"]
_PLACES: Final = {"Export": "kili_export.api", "export": "kili_export.cli.one_shot_export"}


def __getattr__(name: str) -> Any:
    """Imports what is asked for: functions import this package for its parts alone."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
