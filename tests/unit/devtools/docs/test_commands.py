"""The reference of commands shows every argument of a parser."""

from argparse import SUPPRESS, ArgumentParser

from devtools.docs.commands import commands, exit_statuses
from devtools.docs.sources import ExitCode


def sample() -> ArgumentParser:
    top = ArgumentParser(prog="tool")
    inner = top.add_subparsers()
    get = inner.add_parser("get", help="fetch one thing")
    get.add_argument("thing", metavar="THING", help="what to fetch")
    get.add_argument("more", metavar="MORE", nargs="*")
    get.add_argument("--depth", type=int, default=3, metavar="N", help="how deep (%(default)s)")
    get.add_argument("--out", required=True, metavar="FILE")
    get.add_argument("--secret", help=SUPPRESS)
    how = get.add_argument_group("filters", "Those marked * may be repeated.")
    how.add_argument("--by", metavar="NAME", help="by this person *")
    where = get.add_mutually_exclusive_group()
    where.add_argument("--here", action="store_true", help="in this place")
    where.add_argument("--there", choices=("a", "b"), help="in that place")
    nested = inner.add_parser("set", help="not shown").add_subparsers()
    nested.add_parser("all", help="set all *", description="Sets all.")
    return top


SECTIONS = commands(sample())


def test_a_command_has_a_section_and_a_group_of_commands_none() -> None:
    titles = [line for line in SECTIONS.splitlines() if line.startswith("## ")]
    assert titles == ["## get", "## set all"]


def test_the_usage_names_positional_arguments_and_required_options() -> None:
    assert "tool get THING [MORE ...] --out FILE [options]" in SECTIONS
    assert "tool set all [options]" in SECTIONS


def test_a_description_takes_the_place_of_the_summary() -> None:
    assert "Fetch one thing." in SECTIONS
    assert "Sets all." in SECTIONS


def test_arguments_show_their_values_their_defaults_and_what_they_exclude() -> None:
    assert "| `THING` | what to fetch |" in SECTIONS
    assert "| `--depth N` | how deep (3) |" in SECTIONS
    assert "| `--out FILE` |  |" in SECTIONS
    assert "| `--here` | in this place; not with `--there` |" in SECTIONS
    assert "| `--there {a,b}` | in that place; not with `--here` |" in SECTIONS


def test_a_group_of_its_own_is_introduced() -> None:
    _, _, rest = SECTIONS.partition("Filters: Those marked \\* may be repeated.\n\n")
    assert rest.startswith(
        "| option | meaning |\n| --- | --- |\n| `--by NAME` | by this person \\* |"
    )


def test_hidden_and_help_options_are_left_out() -> None:
    assert "secret" not in SECTIONS
    assert "help" not in SECTIONS


def test_exit_statuses_are_a_table() -> None:
    assert exit_statuses({ExitCode.OK: "done", ExitCode.HELD: "held"}).splitlines()[2:] == [
        "| `0` | done |",
        "| `4` | held |",
    ]
