"""Keeps dataset archives in S3 equal to what a Kili project holds.

`Export` opens what is published, for programs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kili_export.api import Export

__all__ = ["Export"]


def __getattr__(name: str) -> Any:
    """Imports what is asked for: functions import this package for its parts alone."""
    if name in __all__:
        return getattr(import_module("kili_export.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
