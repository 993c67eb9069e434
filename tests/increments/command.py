"""Follows random histories of projects by increments, and compares each state with full exports.

    python -m tests.increments [--histories N] [--kind KIND] [--seed N] [--workers N]

Prints a line for each format: histories (sequences of events), archives and files compared, and
failures. The exit status is 0 when there is none.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.increments.choices import legal_options
from tests.increments.followed import NotEqual, Tally, follow
from tests.increments.kinds import KINDS
from tests.increments.sequences import History, histories

_HISTORIES = 50
"""Of each kind of project. Every format fits four kinds at least."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one kind. `format` and `report` tell of a failure."""

    kind: str
    tally: Tally
    seconds: float
    format: str = ""
    report: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Follows, and answers the exit status."""
    options = _parser().parse_args(arguments)
    work = [(kind, options.histories, options.seed) for kind in options.kind or KINDS]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        outcomes = list(pool.imap_unordered(_told, work))
    sys.stdout.write(table(outcomes))
    for outcome in outcomes:
        if outcome.report:
            sys.stdout.write(f"\n{outcome.kind}: {outcome.report}\n")
    return 1 if any(outcome.report for outcome in outcomes) else 0


def table(outcomes: Sequence[Outcome]) -> str:
    """The sums by format."""
    rows: list[tuple[str, ...]] = [("format", "sequences", "archives", "files", "failures")]
    formats = {name for outcome in outcomes for name in legal_options(outcome.kind)}
    for name in sorted(formats):
        counts = [
            sum(getattr(outcome.tally, what)[name] for outcome in outcomes)
            for what in ("sequences", "archives", "members")
        ]
        failures = sum(outcome.format == name for outcome in outcomes)
        rows.append((name, *map(str, counts), str(failures)))
    return "".join(
        f"{row[0]:12}" + "".join(f"{cell:>12}" for cell in row[1:]) + "\n" for row in rows
    )


def _told(work: tuple[str, int, int]) -> Outcome:
    began = time.monotonic()
    outcome = _followed(*work, began)
    sequences = max(outcome.tally.sequences.values(), default=0)
    sys.stderr.write(
        f"{outcome.kind}: {sequences} histories in {outcome.seconds:.0f} s"
        f"{', a failure' if outcome.report else ''}\n"
    )
    return outcome


def _followed(kind: str, number: int, chosen: int, began: float) -> Outcome:
    tally = Tally()

    @seed(chosen)
    @settings(
        max_examples=number,
        derandomize=False,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(histories(kind))
    def increments_equal_full_exports(history: History) -> None:
        follow(KINDS[kind], history, tally)

    try:
        increments_equal_full_exports()
    # Whatever stops a run is a failure too, for a person to read.
    except Exception as failure:  # noqa: BLE001
        guilty = failure.export.format if isinstance(failure, NotEqual) else ""
        return Outcome(kind, tally, time.monotonic() - began, guilty, _report(failure))
    return Outcome(kind, tally, time.monotonic() - began)


def _report(failure: Exception) -> str:
    notes = getattr(failure, "__notes__", ())
    return "\n".join([f"{type(failure).__name__}: {failure}", *notes])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.increments",
        description="Compares increments with full exports over random histories.",
    )
    parser.add_argument("--histories", type=int, default=_HISTORIES, help="of each kind of project")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="this one alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    return parser
