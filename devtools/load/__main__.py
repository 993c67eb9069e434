"""`python -m devtools.load`: events of a minute from several senders, during full exports.

The project of the events is exported in full to begin with, and another one again and again.

Everything shares this machine: the senders, the stand-in of Kili, S3, the database, the workers and
the workflow. Where the senders' minute is too short for that, they send as fast as they are
answered. An answer is measured as a sender sees it, from its request on, and as the handler's
process does, from the invocation to its result: between the two lie the waiting for one of the
few processes and the senders' own turn at the processors.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devtools.bench.against_sdk.stack import StackProcess
from devtools.load.senders import Senders, Sent
from kili_export.cli.commands.runs import wait_until_settled
from kili_export.cli.executions import Executions
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.services import StackServices
from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from kili_export.local.stack.cli_connection import connection_to
from kili_export.maintenance.reconciliation.project_status import ProjectStatus
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports

_KEY = "load-key"
_PATIENCE_SECONDS = 1800.0
_REST_SECONDS = 10.0
_OTHER_ASSETS = 300
_EXPORTS = {"raw": "kili", "yolo": "yolo_v8"}


@dataclass(slots=True)
class Freshness:
    """Seconds from a generation's first event to its publishing, by export and generation."""

    seconds: dict[tuple[str, int], float] = field(default_factory=dict)

    @contextmanager
    def watched(self, services: StackServices, project_id: str) -> Iterator[None]:
        """Looks once a second at what is published, while the block runs."""
        with _every(1.0, lambda: self.note(services.status.read(project_id))):
            yield

    def note(self, status: ProjectStatus) -> None:
        """Takes in what is published now."""
        for export in status.exports:
            manifest = export.manifest
            if manifest is not None and manifest.first_event_at is not None:
                took = manifest.published_at - manifest.first_event_at
                self.seconds[export.name, manifest.generation] = took.total_seconds()


@dataclass(slots=True)
class FullExports:
    """Exports another project in full, again and again.

    With a rest: all functions share the senders' processors here, unlike where they are deployed.
    """

    executions: Executions
    project_id: str
    rests_until: float = 0.0

    @contextmanager
    def repeated(self, services: StackServices) -> Iterator[None]:
        """Begins one soon after the one before has ended, while the block runs."""
        with _every(0.5, lambda: self._look(services)):
            yield

    def _look(self, services: StackServices) -> None:
        if self.executions.is_any_running(self.project_id):
            self.rests_until = time.monotonic() + _REST_SECONDS
        elif time.monotonic() >= self.rests_until:
            services.request_run(self.project_id, full=True)

    def beside(self, sent: Sequence[Sent]) -> tuple[int, int]:
        """How many there were by the last event, and how many events were sent during one."""
        last = max(one.at for one in sent)
        known = self.executions.latest(self.project_id, sys.maxsize)
        spans = [(one.started, one.stopped or last) for one in known if one.started <= last]
        during = sum(any(start <= one.at <= end for start, end in spans) for one in sent)
        return len(spans), during


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Does something again and again in a thread of its own, while the block runs."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the load and prints what came of it. 1 when an event was lost or a 5xx answered."""
    options = _parser().parse_args(arguments)
    world = KiliWorld(api_key=_KEY)
    project = world.add_project(generate_project(7, options.assets))
    other = world.add_project(generate_project(8, min(options.assets, _OTHER_ASSETS)))
    with tempfile.TemporaryDirectory(prefix="kili-export-load-") as folder:
        tuning = {"KILI_REQUESTS_PER_MINUTE": "100000"}
        with (
            start_standin(world) as standin,
            StackProcess(
                Path(folder) / "state",
                endpoint=standin.endpoint,
                api_key=_KEY,
                tuning=tuning,
                window=options.window,
            ) as stack,
        ):
            connection = connection_to(stack.running, stack.state)
            services = StackServices.of(connection)
            for one in (project, other):
                _register(services, one.id)
            senders = Senders(
                world,
                project.id,
                connection.webhook_url,
                services.webhook_secret(),
                options.events,
                options.seconds,
                options.senders,
            )
            freshness, full = Freshness(), FullExports(Executions(connection), other.id)
            with (
                full.repeated(StackServices.of(connection)),
                freshness.watched(services, project.id),
                _every(10.0, lambda: _tell_progress(senders.sent, options.events)),
            ):
                took = senders.run()
            outcome = wait_until_settled(
                connection, services, project.id, _PATIENCE_SECONDS, freshness.note
            )
            repaired = services.reconcile(project.id)
            handled = handler_seconds(stack.state.logs, "webhook")
            runs, beside = full.beside(senders.sent)
    waiting = os.getloadavg()[1]
    print(f"{os.cpu_count()} processors for everything, {waiting:.0f} processes wanted them")
    print(f"sending took        {took:.1f} s, to {options.assets} assets")
    print(f"full exports        {runs} runs of another project, beside {beside} of the events")
    _tell_answers(senders.sent)
    _tell_times("handler alone", handled)
    print(f"outcome             {outcome.code.name.lower()}: {outcome.reason}")
    print(f"lost                {repaired.total} (assets that differ from Kili afterwards)")
    _tell_freshness(freshness)
    whole = all(one.status == 202 for one in senders.sent)
    if not beside:
        print("Proves too little: no event was sent during a full export")
    held = whole and outcome.code is ExitCode.OK and not repaired.total
    return 0 if held and beside else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--window", type=int, default=10, help="seconds; 60 where it is deployed")
    parser.add_argument("--assets", type=int, default=500)
    return parser


def _tell_progress(sent: Sequence[Sent], events: int) -> None:
    print(f"{len(sent)} of {events} events are answered", file=sys.stderr, flush=True)


def _register(services: StackServices, project_id: str) -> None:
    """Declares the exports and begins the full export that goes on meanwhile."""
    declared = [{"name": name, "format": kind} for name, kind in _EXPORTS.items()]
    registration = parse_registration({"project_id": project_id, "exports": declared})
    register_exports(services.objects, services.kili, services.random, registration)
    services.request_run(project_id, full=False)


def _tell_answers(sent: Sequence[Sent]) -> None:
    statuses = Counter(one.status for one in sent)
    print(f"sent                {len(sent)}")
    print(f"accepted            {statuses[202]}")
    print(f"5xx                 {sum(n for status, n in statuses.items() if status >= 500)}")
    print(f"without an answer   {statuses[0]}")
    _tell_times("answer to a sender", [one.seconds for one in sent])


def _tell_freshness(freshness: Freshness) -> None:
    seen = sorted(freshness.seconds.values())
    print(
        f"freshness           {seen[len(seen) // 2]:.1f} s in the middle, {seen[-1]:.1f} s at most"
    )
    print(f"generations         {len(seen)} were seen, of {len(_EXPORTS)} exports")


def _tell_times(what: str, seconds: Sequence[float]) -> None:
    times = sorted(seconds)
    print(f"{what:<19} {len(times)} times")
    for share in (0.5, 0.95, 0.99):
        print(f"  p{share * 100:<16.0f} {times[int(share * (len(times) - 1))] * 1000:.0f} ms")


def handler_seconds(logs: Path, function: str) -> list[float]:
    """How long each invocation of a function took, as its workers' logs tell."""
    return [
        json.loads(line)["record"]["metrics"]["durationMs"] / 1000
        for log in sorted(logs.glob(f"{function}-*.log"))
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if '"platform.report"' in line
    ]


if __name__ == "__main__":
    sys.exit(main())
