"""`python -m tests.chaos`: many sequences of anything in any order, and a summary of them."""

import argparse
import sys
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.machine import COUNTS, AnyOrder

WANTED = {
    "runs planned: run": 2.0,
    "runs beside another": 0.2,
    "a run dies": 0.1,
    "a run loses a batch": 0.1,
    "sequences judged without a comparison": 0.1,
}
"""How often it has to happen in a sequence, on average."""


def main() -> int:
    """Runs the sequences. The exit status is 1 when one of them did not hold."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--sequences", type=int, default=500)
    parser.add_argument("--steps", type=int, default=40, help="of one sequence, at most")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other sequences")
    arguments = parser.parse_args()
    started = time.monotonic()
    rules = settings(
        max_examples=arguments.sequences,
        stateful_step_count=arguments.steps,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    held = True
    try:
        run_state_machine_as_test(seed(arguments.seed)(AnyOrder), settings=rules)
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is told with the summary
        held = False
        print(f"{type(problem).__name__}: {problem}", *getattr(problem, "__notes__", ()), sep="\n")
    seldom = _too_seldom(arguments.sequences)
    _tell(time.monotonic() - started, held=held)
    for name, least in seldom.items():
        print(f"Proves too little: {COUNTS[name]} {name}, at least {least} were wanted")
    return 0 if held and not seldom else 1


def _too_seldom(sequences: int) -> dict[str, int]:
    """What has to happen in so many sequences for them to prove anything, and did not."""
    wanted = {name: int(share * sequences) for name, share in WANTED.items()}
    return {name: least for name, least in wanted.items() if COUNTS[name] < least}


def _tell(seconds: float, *, held: bool) -> None:
    for name, count in sorted(COUNTS.items()):
        print(f"{count:8d}  {name}")
    verdict = "Every sequence held" if held else "A sequence did not hold"
    print(f"{verdict}, seed as given, {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
