"""`python -m devtools.freshness`: seconds from a submitted label to its publication, unannounced.

Kili's list of events brings the labels, with and without a subscription. No comparison with Kili
comes in between. The stand-in of Kili and this program share the machine with the stack.
"""

import argparse
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryFile

from devtools.crashes.judgement import PRECISION, newest_labels
from kili_export.archives.manifest_store import read_manifest
from kili_export.aws.client import forget_credentials
from kili_export.cli.commands.runs import wait_until_settled
from kili_export.cli.services import StackServices
from kili_export.local.kili_standin import KiliWorld, StandIn, generate_project, start_standin
from kili_export.local.kili_standin.state.model import Label
from kili_export.local.stack.cli_connection import connection_to
from kili_export.local.stack.state_directory import StateDirectory
from kili_export.local.stack.supervisor import LocalStack, StackOptions
from kili_export.reading.pull import pull_archive
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports

_KEY = "freshness-key"
_EXPORT = "raw"
_NEVER = 1e8
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 0.2
_HOUR = 3600.0
_RECONCILE_EVERY = 300.0
TARGETS = {False: 15.0, True: 5.0}
"""Seconds, by whether Kili is subscribed to."""


@dataclass
class Watch:
    """What was submitted, and when each of it was published. `services` are of the stack."""

    services: StackServices
    project_id: str
    seconds: list[float] = field(default_factory=list)
    _waiting: dict[str, tuple[float, Label]] = field(default_factory=dict)
    _seen: object = None

    def submitted(self, asset_id: str, at: float, label: Label) -> None:
        """A label was submitted, at a time in seconds since 1970."""
        self._waiting[asset_id] = (at, label)

    @property
    def waits(self) -> bool:
        """Whether something is not published yet."""
        return bool(self._waiting)

    def look(self) -> None:
        """Takes in what was published since the last look."""
        manifest = read_manifest(self.services.objects, self.project_id, _EXPORT)
        if self._seen == (manifest.version, manifest.published_at):
            return
        with TemporaryFile() as file:
            manifest = pull_archive(self.services.objects, self.project_id, _EXPORT, file)
            published = newest_labels(zipfile.ZipFile(file))
        self._seen = (manifest.version, manifest.published_at)
        for asset_id, (at, label) in tuple(self._waiting.items()):
            # An asset without a label is in no archive yet.
            if asset_id in published and published[asset_id] >= label.created_at - PRECISION:
                self.seconds.append(manifest.published_at.timestamp() - at)
                del self._waiting[asset_id]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures both ways. 1 when a label was later than its way promises."""
    options = _parser().parse_args(arguments)
    late = 0
    for subscribe in (False, True):
        # Of the stack before: each one has its own.
        forget_credentials()
        world = KiliWorld(api_key=_KEY)
        with start_standin(world) as standin, tempfile.TemporaryDirectory() as folder:
            seconds, calls = _measure(world, standin, Path(folder), options, subscribe=subscribe)
        name = "by the subscription" if subscribe else "by the list of events"
        late += _print(name, seconds, TARGETS[subscribe], calls)
        late += options.submits - len(seconds)
    print(f"{os.cpu_count()} processors, {os.getloadavg()[1]:.0f} processes wanted them")
    return int(bool(late))


def _measure(
    world: KiliWorld,
    standin: StandIn,
    folder: Path,
    options: argparse.Namespace,
    *,
    subscribe: bool,
) -> tuple[list[float], float]:
    """Seconds of each label, and calls of Kili in an hour in which nothing happens."""
    project = world.add_project(generate_project(7, options.submits))
    stack = StackOptions(
        state=folder / "state",
        kili_api_endpoint=standin.endpoint,
        kili_api_key=_KEY,
        port=0,
        window=options.window,
        settle=options.settle,
        reconcile_every=_NEVER,
        follow_every=options.follow_every,
        subscribe=subscribe,
    )
    with LocalStack(stack, lambda line: print(line, file=sys.stderr)) as running:
        connection = connection_to(running, StateDirectory(stack.state))
        services = StackServices.of(connection)
        declared = {
            "project_id": project.id,
            "exports": [{"name": _EXPORT, "format": "kili", "single_file": False}],
        }
        register_exports(
            services.objects, services.kili, services.random, parse_registration(declared)
        )
        services.request_run(project.id, full=False)
        wait_until_settled(connection, services, project.id, _PATIENCE_SECONDS)
        # The first round notes where the list begins; only the next ones bring labels.
        _await_asked(world, "events", *(("labelCreatedOrUpdated",) if subscribe else ()))
        watch = Watch(services, project.id)
        _submit(world, watch, list(project.assets), options)
        wait_until_settled(connection, services, project.id, _PATIENCE_SECONDS)
        return watch.seconds, _idle_calls(world, services, project.id, options.idle)


def _await_asked(world: KiliWorld, *operations: str) -> None:
    """Returns when each of them was asked of Kili."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not set(operations) <= world.counters.snapshot()["operations"].keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Kili was not asked for {' and '.join(operations)}")
        time.sleep(_LOOK_SECONDS)


def _submit(
    world: KiliWorld, watch: Watch, assets: Sequence[str], options: argparse.Namespace
) -> None:
    """One label for each asset, at random moments, until all are published."""
    random = Random(options.seed)
    next_at = time.monotonic()
    left = list(assets)
    deadline = time.monotonic() + 2 * options.rest * len(left) + _PATIENCE_SECONDS
    while (left or watch.waits) and time.monotonic() < deadline:
        if left and time.monotonic() >= next_at:
            asset_id, at = left.pop(), time.time()
            watch.submitted(asset_id, at, world.submit_label(asset_id, project_id=watch.project_id))
            next_at += random.uniform(0.0, 2 * options.rest)
        watch.look()
        time.sleep(_LOOK_SECONDS)


def _idle_calls(
    world: KiliWorld, services: StackServices, project_id: str, seconds: float
) -> float:
    """What follows events asks for in an hour, and what `up` compares in it by default."""
    world.counters.reset()
    time.sleep(seconds)
    following = _calls(world) * _HOUR / seconds
    world.counters.reset()
    services.reconcile(project_id)
    return following + _calls(world) * _HOUR / _RECONCILE_EVERY


def _calls(world: KiliWorld) -> int:
    return int(sum(world.counters.snapshot()["requests"].values()))


def _print(name: str, seconds: Sequence[float], target: float, calls: float) -> int:
    """Prints the figures of one way. Answers how many labels were late."""
    times = sorted(seconds)
    late = sum(one > target for one in times)
    shares = "  ".join(
        f"p{share} {times[int(share / 100 * (len(times) - 1))]:.1f} s" for share in (50, 95, 99)
    )
    print(f"{name}: {len(times)} labels  {shares}  most {times[-1]:.1f} s")
    print(f"  later than {target:.0f} s: {late}; calls of Kili in an idle hour: {calls:.0f}")
    return late


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make freshness", description=__doc__)
    parser.add_argument("--submits", type=int, default=100)
    parser.add_argument("--rest", type=float, default=1.0, help="mean seconds between two labels")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds without any label")
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--settle", type=int, default=0)
    parser.add_argument("--follow-every", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
