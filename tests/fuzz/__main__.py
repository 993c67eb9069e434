"""`python -m tests.fuzz TARGET`: feeds a target with bytes that reach new branches of it.

Needs atheris (see `make fuzz`). What breaks a target is written to `tests/fuzz/finds`, where the
test suite tries it for ever after.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

FINDS = Path(__file__).with_name("finds")

with atheris.instrument_imports(include=["kili_export"]):
    from tests.fuzz.targets import TARGETS, seeds


def main() -> None:
    """Fuzzes until the time is over, or something breaks: then the exit status is not 0."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds()[arguments.target]):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [
            f"-max_total_time={arguments.seconds}",
            f"-artifact_prefix={FINDS / arguments.target}-",
            "-max_len=4096",
            "-print_final_stats=1",
            corpus,
        ]
        atheris.Setup([sys.argv[0], *options], TARGETS[arguments.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
