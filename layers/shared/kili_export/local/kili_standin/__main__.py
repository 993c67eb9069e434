"""Runs the stand-in as a process.

    python -m kili_export.local.kili_standin --port 8090 --api-key KEY --project sample

Prints one JSON line with `endpoint`, `control_url`, `api_key` and `project_ids` when it is ready,
and serves until SIGTERM or SIGINT.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import orjson

from kili_export.local.kili_standin import KiliWorld, read_project, sample_project, start_standin
from kili_export.local.kili_standin.state.model import Project


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until a signal ends it; the exit status."""
    options = _parser().parse_args(arguments)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    world = KiliWorld(api_key=options.api_key, seed=options.seed)
    project = world.add_project(_project(options.project, options.seed))
    with start_standin(world, options.host, options.port) as standin:
        ready = {
            "endpoint": standin.endpoint,
            "control_url": standin.control_url,
            "api_key": world.api_key,
            "project_ids": [project.id],
        }
        sys.stdout.write(orjson.dumps(ready).decode() + "\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def _project(source: str, seed: int) -> Project:
    if source == "sample":
        return sample_project(seed)
    return read_project(orjson.loads(Path(source).read_bytes()), seed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}",
        description="A stand-in of Kili on this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--api-key", default="stand-in-key")
    parser.add_argument("--project", default="sample", help="'sample' or a JSON file")
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
