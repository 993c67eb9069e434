"""The reference of the command line, from the argument parser itself.

argparse has no public way to list the arguments of a parser, and the text of its help differs
between versions of Python. So the private lists are read here, and nowhere else.
"""

import argparse
from argparse import Action, ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Final

from devtools.docs.markdown import table
from devtools.docs.sources import ExitCode

_PLAIN_TITLES: Final[Mapping[str | None, str]] = {
    "positional arguments": "argument",
    "options": "option",
}
"""The groups of arguments that argparse makes by itself, and the heads of their tables."""


def commands(parser: ArgumentParser) -> str:
    """A section for each command: what it does, how it is called, its arguments."""
    return "\n\n".join(_section(*each) for each in _leaves(parser, ""))


def exit_statuses(meanings: Mapping[ExitCode, str]) -> str:
    """The exit statuses."""
    return table(
        ("status", "meaning"), ((f"`{int(code)}`", text) for code, text in meanings.items())
    )


def _leaves(parser: ArgumentParser, summary: str) -> Iterator[tuple[ArgumentParser, str]]:
    """Every command that has no commands of its own, with its one-line summary."""
    found = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    if not found:
        yield parser, summary
    for action in found:
        summaries = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001
        for name, command in action.choices.items():
            yield from _leaves(command, summaries.get(name, ""))


def _section(command: ArgumentParser, summary: str) -> str:
    name = command.prog.partition(" ")[2]
    what = command.description or f"{summary[:1].upper()}{summary[1:]}."
    parts = [f"## {name}", what, f"```text\n{_usage(command)}\n```"]
    for group in command._action_groups:  # noqa: SLF001
        shown = [one for one in group._group_actions if one.help != argparse.SUPPRESS]  # noqa: SLF001
        rows = [(_spelling(one), _meaning(one, command)) for one in shown if not _is_help(one)]
        rows = [(name, text) for name, text in rows if text or name.startswith("`-")]
        if not rows:
            continue
        if group.title not in _PLAIN_TITLES:
            parts.append(_introduction(group.title or "", group.description or ""))
        parts.append(table((_PLAIN_TITLES.get(group.title or "", "option"), "meaning"), rows))
    return "\n\n".join(parts)


def _introduction(title: str, description: str) -> str:
    return f"{title[:1].upper()}{title[1:]}: {description}".rstrip(" ").replace("*", r"\*")


def _usage(command: ArgumentParser) -> str:
    optional = [one for one in command._actions if one.option_strings]  # noqa: SLF001
    words = [command.prog]
    words += [_placeholder(one) for one in command._actions if not one.option_strings]  # noqa: SLF001
    words += [one.option_strings[-1] + _value(one) for one in optional if one.required]
    return " ".join([*words, "[options]"])


def _placeholder(argument: Action) -> str:
    name = str(argument.metavar or argument.dest)
    return {"?": f"[{name}]", "*": f"[{name} ...]"}.get(str(argument.nargs), name)


def _spelling(argument: Action) -> str:
    if not argument.option_strings:
        return f"`{argument.metavar or argument.dest}`"
    return ", ".join(f"`{name}{_value(argument)}`" for name in argument.option_strings)


def _value(option: Action) -> str:
    if option.nargs == 0:
        return ""
    if option.choices is not None:
        return f" {{{','.join(map(str, option.choices))}}}"
    return f" {option.metavar or option.dest.upper()}"


def _meaning(argument: Action, command: ArgumentParser) -> str:
    text = (argument.help or "").replace("*", r"\*") % vars(argument)
    for group in command._mutually_exclusive_groups:  # noqa: SLF001
        if argument in group._group_actions:  # noqa: SLF001
            others = [one for one in group._group_actions if one is not argument]  # noqa: SLF001
            named = ", ".join(f"`{one.option_strings[-1]}`" for one in others)
            text = f"{text}; {'this or' if group.required else 'not with'} {named}".lstrip("; ")
    return text


def _is_help(argument: Action) -> bool:
    return isinstance(argument, argparse._HelpAction)  # noqa: SLF001
