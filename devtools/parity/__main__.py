"""Compares our exports with those of Kili's own SDK.

    python -m devtools.parity [--quick | --part N/M] [--project NAME] [--seed N] [--json]

Builds projects in a stand-in of Kili, exports each with every fitting format and option on both
sides, ours through the whole local loop and in one process, and prints a line for each combination.
The exit status is 0 when nothing differs but what the table of differences explains, 1 otherwise,
2 when the arguments make no sense.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devtools.parity.combinations import Combination
from devtools.parity.corrected import CORRECTED_ROWS
from devtools.parity.differences import DIFFERENCES
from devtools.parity.loop import Loop
from devtools.parity.one_shot_side import OneShotSide
from devtools.parity.projects import ParityProject, parity_projects
from devtools.parity.report import document, table
from devtools.parity.results import Result, rows_shown
from devtools.parity.run import Parity
from devtools.parity.sdk_side import SdkSide
from kili_export.local.kili_standin import KiliWorld, start_standin
from kili_export.local.stack.cli_connection import connection_to
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.local.stack.supervisor import LocalStack, StackOptions

_API_KEY = "parity-key"
# Small batches, so that even small projects are converted in several.
_BATCH = 7
_TUNING = {"KILI_REQUESTS_PER_MINUTE": "100000", "BATCH_SIZE": str(_BATCH)}
_A_DAY = 86_400.0
Selected = list[tuple[ParityProject, list[Combination]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compares, and answers the exit status."""
    options = _parser().parse_args(arguments)
    # The SDK's and AWS's libraries tell of requests that this tool makes fail on purpose.
    logging.disable(logging.WARNING)
    began = time.monotonic()
    try:
        selected = _selected(options)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    results = compare(selected, options.seed, lambda line: _tell(line, began))
    seconds = time.monotonic() - began
    sys.stdout.write(f"{document(results, seconds) if options.json else table(results)}\n")
    missed = _rows_not_shown(results) if _is_everything(options) else []
    if missed:
        sys.stderr.write(f"Rows that nothing shows any more: {', '.join(missed)}\n")
    return 1 if missed or any(result.different for result in results) else 0


def compare(selected: Selected, seed: int, tell: Callable[[str], None]) -> list[Result]:
    """The results of every selected combination."""
    results: list[Result] = []
    with _parity(seed, tell) as parity:
        for project, combinations in selected:
            results += parity.compare(project, combinations)
    return results


@contextmanager
def _parity(seed: int, tell: Callable[[str], None]) -> Iterator[Parity]:
    """Kili, our stack and the SDK, all started."""
    folder = Path(tempfile.mkdtemp(prefix="kili-export-parity-"))
    world = KiliWorld(api_key=_API_KEY, seed=seed)
    with ExitStack() as started:
        started.callback(shutil.rmtree, folder, ignore_errors=True)
        kili = started.enter_context(start_standin(world))
        options = StackOptions(
            state=folder / "state",
            kili_api_endpoint=kili.endpoint,
            kili_api_key=_API_KEY,
            port=0,
            window=1,
            settle=0,
            reconcile_every=_A_DAY,
            tuning=_TUNING,
        )
        running = started.enter_context(LocalStack(options, tell))
        loop = Loop(connection_to(running, StateDirectory(options.state)), folder)
        sdk = started.enter_context(SdkSide(kili.endpoint, _API_KEY, folder / "sdk"))
        one_shot = OneShotSide(kili.endpoint, _API_KEY, folder / "one-shot", _BATCH)
        yield Parity(world, loop, sdk, one_shot, seed, tell)


def _selected(options: argparse.Namespace) -> Selected:
    """The projects and combinations of the arguments. Raises ValueError."""
    part, parts = _part(options.part)
    known = {one.name: one for one in parity_projects()}
    if unknown := [name for name in options.project if name not in known]:
        raise ValueError(f"no project {unknown[0]!r}; known are {', '.join(known)}")
    if "real pictures" not in known:
        _tell("Without real pictures: their sample is not beside the checkout.")
    selected: Selected = []
    for name, one in known.items():
        if options.project and name not in options.project:
            continue
        combinations = list(one.plan(one.make(options.seed)))
        if options.quick:
            combinations = [combination for combination in combinations if combination.quick]
        combinations = combinations[part - 1 :: parts]
        if combinations:
            selected.append((one, combinations))
    return selected


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise ValueError(f"--part {text!r}: give N/M, such as 1/4")
    return int(part), int(parts)


def _is_everything(options: argparse.Namespace) -> bool:
    return not options.quick and not options.project and options.part == "1/1"


def _rows_not_shown(results: Sequence[Result]) -> list[str]:
    shown = rows_shown(results)
    expected = [row for row, one in DIFFERENCES.items() if not one.by_chance]
    return [row for row in (*expected, *CORRECTED_ROWS) if not shown[row]]


def _tell(line: str, began: float | None = None) -> None:
    moment = "" if began is None else f"{time.monotonic() - began:6.1f} s  "
    sys.stderr.write(f"{moment}{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devtools.parity",
        description="Compares our exports with those of Kili's SDK.",
    )
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--quick", action="store_true", help="a part of a few minutes")
    some.add_argument("--part", default="1/1", metavar="N/M", help="every M-th combination")
    parser.add_argument("--project", action="append", default=[], help="this one alone (repeat)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
