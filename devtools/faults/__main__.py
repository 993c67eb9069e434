"""`python -m devtools.faults`: breaks every call once in every way, and prints what held."""

import argparse
import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devtools.faults.scenario import STAGES
from devtools.faults.trial import (
    Choice,
    Result,
    Trial,
    chosen_trials,
    each_operation,
    one_of_each,
    only,
    play_chosen,
    twice,
)

_SHOWN_FAILURES = 20


@dataclass(slots=True)
class Row:
    """One operation of one service, over all stages."""

    points: set[str] = field(default_factory=set)
    faults: int = 0
    failed: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Plays all trials, or those that were asked for. 0 if everything held."""
    options = _parser().parse_args(arguments)
    # What is broken on purpose is no news.
    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    progress = _Progress()
    _play(options, progress.note)
    results = progress.results
    progress.end()
    failures = [one for one in results if not one.held]
    if options.json:
        _print_json(results, time.monotonic() - begun)
    else:
        _print_table(results, time.monotonic() - begun)
    return 1 if failures or not results else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m devtools.faults", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="play each N-th trial")
    fewer = parser.add_mutually_exclusive_group()
    fewer.add_argument(
        "--one-of-each", action="store_true", help="one trial of each operation and kind"
    )
    fewer.add_argument(
        "--each-operation", action="store_true", help="one trial of each operation, kinds in turn"
    )
    parser.add_argument(
        "--twice", action="store_true", help="let another call fail while each trial recovers"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many work at once")
    parser.add_argument("--stage", choices=[stage.name for stage in STAGES], action="append")
    parser.add_argument("--trial", metavar="STAGE:POINT:KIND", help="repeat a single trial")
    return parser


@dataclass(slots=True)
class _Progress:
    """The results, and how they come in: on a terminal one by one, elsewhere stage by stage."""

    results: list[Result] = field(default_factory=list)
    failed: int = 0

    def note(self, result: Result) -> None:
        """Takes a result, and tells."""
        stage = self.results[-1].trial.stage if self.results else result.trial.stage
        if stage != result.trial.stage:
            self._tell(stage)
        self.results.append(result)
        self.failed += not result.held
        if not result.held:
            print(f"\nNot held: {result.trial}: {', '.join(result.problems)}", file=sys.stderr)
        if sys.stderr.isatty():
            print(f"\r{self._so_far()}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nothing comes any more."""
        if self.results:
            self._tell(self.results[-1].trial.stage)

    def _tell(self, stage: str) -> None:
        start = "\r" if sys.stderr.isatty() else ""
        print(f"{start}{self._so_far()}, {stage} is done", file=sys.stderr, flush=True)

    def _so_far(self) -> str:
        return f"{len(self.results)} trials, {self.failed} not held"


def _play(options: argparse.Namespace, tell: Callable[[Result], None]) -> None:
    if options.trial:
        wanted = Trial.parse(options.trial)
        play_chosen([wanted.stage], only(wanted), 1, tell)
        return
    stages = options.stage or [stage.name for stage in STAGES]
    choose = _choice(options)
    play_chosen(stages, twice(choose) if options.twice else choose, options.processes, tell)


def _choice(options: argparse.Namespace) -> Choice:
    if options.one_of_each:
        return one_of_each()
    return each_operation() if options.each_operation else chosen_trials(options.every)


def _rows(results: Sequence[Result]) -> dict[str, Row]:
    rows: dict[str, Row] = defaultdict(Row)
    for result in results:
        point = result.trial.point
        row = rows[f"{point.service}.{point.operation}"]
        row.points.add(f"{result.trial.stage}:{point}")
        row.faults += 1
        row.failed += not result.held
    return dict(sorted(rows.items()))


def _print_table(results: Sequence[Result], seconds: float) -> None:
    print(f"{'Operation':<40}{'Points':>8}{'Faults':>8}{'Held':>8}{'Not held':>10}")
    rows = _rows(results)
    for name, row in rows.items():
        held = row.faults - row.failed
        print(f"{name:<40}{len(row.points):>8}{row.faults:>8}{held:>8}{row.failed:>10}")
    points = sum(len(row.points) for row in rows.values())
    failed = sum(row.failed for row in rows.values())
    print(f"{'All':<40}{points:>8}{len(results):>8}{len(results) - failed:>8}{failed:>10}")
    print(f"{seconds:.0f} s")
    for result in [one for one in results if not one.held][:_SHOWN_FAILURES]:
        print(f"\nNot held: {result.trial}")
        for problem in result.problems:
            print(f"  {problem}")
        print(f'  Repeat it: python -m devtools.faults --trial "{result.trial}"')


def _print_json(results: Sequence[Result], seconds: float) -> None:
    document = {
        "trials": len(results),
        "held": sum(one.held for one in results),
        "seconds": round(seconds, 1),
        "operations": {
            name: {"points": len(row.points), "faults": row.faults, "not_held": row.failed}
            for name, row in _rows(results).items()
        },
        "not_held": [
            {"trial": str(one.trial), "problems": one.problems} for one in results if not one.held
        ],
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    sys.exit(main())
