"""`python -m local.faults`: breaks every call once in every way, and prints what held."""

import argparse
import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from local.faults.scenario import STAGES
from local.faults.trial import Result, Trial, chosen_trials, play_share

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
    results: list[Result] = []
    for result in _results(options):
        results.append(result)
        if sys.stderr.isatty():
            failed = sum(not one.held for one in results)
            print(f"\r{len(results)} trials, {failed} not held", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    failures = [one for one in results if not one.held]
    if options.json:
        _print_json(results, time.monotonic() - begun)
    else:
        _print_table(results, time.monotonic() - begun)
    return 1 if failures or not results else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m local.faults", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="play each N-th trial")
    parser.add_argument("--processes", type=int, default=2, help="how many work at once")
    parser.add_argument("--stage", choices=[stage.name for stage in STAGES], action="append")
    parser.add_argument("--trial", metavar="STAGE:POINT:KIND", help="repeat a single trial")
    return parser


def _results(options: argparse.Namespace) -> Iterator[Result]:
    if options.trial:
        wanted = Trial.parse(options.trial)
        yield from play_share([wanted.stage], lambda trial: trial == wanted)
        return
    stages = options.stage or [stage.name for stage in STAGES]
    shares = options.processes * 4
    with ProcessPoolExecutor(options.processes) as pool:
        running: list[Future[list[Result]]] = [
            pool.submit(_share, stages, options.every, share, shares) for share in range(shares)
        ]
        for done in as_completed(running):
            yield from done.result()


def _share(stages: list[str], every: int, share: int, shares: int) -> list[Result]:
    return list(play_share(stages, chosen_trials(every, share, shares)))


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
        print(f'  Repeat it: python -m local.faults --trial "{result.trial}"')


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
