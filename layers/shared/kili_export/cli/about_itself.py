"""Options by which `kili-export` describes itself: its version, and how shells complete it."""

from argparse import Action, ArgumentParser, Namespace
from importlib.metadata import version
from typing import Any, Final

_FILES: Final = frozenset({"FILE", "DIRECTORY", "STATE"})
"""What the values of arguments are called that shells complete with files."""


def own_version() -> str:
    """The version of the installed package."""
    return version("kili-continuous-export")


def add_about_itself(parser: ArgumentParser) -> None:
    """Adds the options, each of which prints something and ends."""
    parser.add_argument("--version", nargs=0, action=_PrintVersion, help="print the version")
    parser.add_argument(
        "--print-completion",
        choices=("bash", "zsh", "tcsh"),
        action=_PrintCompletion,
        help="print the script by which a shell completes commands and options",
    )


class _PrintVersion(Action):
    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        print(f"kili-export {own_version()}")
        parser.exit()


class _PrintCompletion(Action):
    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: Any, *_: object
    ) -> None:
        del namespace
        # No command needs it.
        import shtab  # noqa: PLC0415

        _complete_files(parser, shtab.FILE)
        print(shtab.complete(parser, shell=values))
        parser.exit()


def _complete_files(parser: ArgumentParser, how: Any) -> None:
    for action in parser._actions:  # noqa: SLF001 argparse shows them nowhere else
        if (action.metavar or action.dest.upper()) in _FILES:
            action.complete = how  # type: ignore[attr-defined]
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                _complete_files(command, how)
