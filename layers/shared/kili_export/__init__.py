"""Keeps dataset archives in S3 equal to what a Kili project holds, incrementally."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kili_export.cli.one_shot_export import export as export

__all__ = ("export",)


def __getattr__(name: str) -> Any:
    # A function that starts cold imports this package, and exports nothing by itself.
    if name in __all__:
        return getattr(import_module("kili_export.cli.one_shot_export"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
