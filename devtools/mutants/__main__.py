"""Changes the code in small ways and counts which changes no test notices.

    python -m devtools.mutants [GROUP or MODULE ...] [--share 2/10] [--slow SECONDS]

Prints the survivors and a table. The exit status is 1 when fewer than 90 of 100 are killed.
"""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from devtools.mutants.running import Outcome, Share, run
from devtools.mutants.targets import GROUPS, PACKAGE

_ENOUGH = 0.9


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m devtools.mutants", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(GROUPS)}, or names of modules")
    parser.add_argument("--share", type=_share, default=Share(), metavar="N/M")
    parser.add_argument("--slow", type=float, default=3, help="leaves out tests that take longer")
    options = parser.parse_args(arguments)
    chosen = list(_chosen({*options.targets}))
    if not chosen:
        parser.error("no such target")
    rows: dict[str, list[Outcome]] = {}
    for group, tests, paths in chosen:
        rows[group], problem = _apart(paths, tests, options.share, options.slow)
        if problem:
            sys.stderr.write(f"{group}: {problem}\n")
            return 2
    return _table(rows)


def _apart(
    paths: list[Path], tests: tuple[str, ...], share: Share, slow: float
) -> tuple[list[Outcome], str]:
    """Judges modules in a process of their own, where nothing is loaded yet."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(run, (paths, tests, share, slow))


def _chosen(targets: set[str]) -> Iterator[tuple[str, tuple[str, ...], list[Path]]]:
    """By group, its tests and those of its modules that are wanted."""
    for group, (modules, tests) in GROUPS.items():
        paths = [PACKAGE / one for one in modules]
        if targets and group not in targets:
            paths = [one for one in paths if one.stem in targets]
        if paths:
            yield group, tests, paths


def _table(rows: dict[str, list[Outcome]]) -> int:
    killed = sum(one.killed for some in rows.values() for one in some)
    total = sum(one.total for some in rows.values() for one in some)
    for group, some in rows.items():
        here = sum(one.killed for one in some), sum(one.total for one in some)
        sys.stdout.write(f"{group:10} {here[0]:5} of {here[1]:5} {_percent(*here)}\n")
    sys.stdout.write(f"{'together':10} {killed:5} of {total:5} {_percent(killed, total)}\n")
    return 0 if killed >= _ENOUGH * total else 1


def _percent(killed: int, total: int) -> str:
    return f"{100 * killed / total:5.1f} %" if total else "    -"


def _share(text: str) -> Share:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError("is N/M with N from 1 to M")
    return Share(int(number) - 1, int(count))


if __name__ == "__main__":
    sys.exit(main())
