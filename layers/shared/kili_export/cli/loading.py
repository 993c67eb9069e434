"""Imports what a command runs, when it is run: no command needs what all of them do."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from kili_export.core.errors import InvalidConfiguration

_OF_THE_EXTRA: Final = "kili_export.local."


def command_of(place: str) -> Callable[..., Any]:
    """The function that `module:function` names.

    Raises InvalidConfiguration where the package was installed without what the module needs.
    """
    module, _, name = place.partition(":")
    try:
        command: Callable[..., Any] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if not module.startswith(_OF_THE_EXTRA):
            raise
        raise InvalidConfiguration(
            f"This needs the module {error.name}, which is not installed: "
            "pip install 'kili-continuous-export[local]'"
        ) from error
    return command
