"""`python -m devtools.crashes`: kills a stack, copies its files and backs it up, at random moments.

Events are sent all the time. What was accepted before such a moment must be pending or published
in the files that it left, and a stack must start on them. A copy is what a power cut leaves where
everything that was written had reached the disk; that a change is on disk before it is answered
is the database's part (`synchronous=FULL`). `kili-export backup` copies a stack that goes on; what
is judged is the state that `kili-export restore` makes of it.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

from devtools.crashes.accepted_events import Sender
from devtools.crashes.judgement import lost_events
from devtools.crashes.process_family import StackFamily
from kili_export.cli.commands.runs import wait_until_settled
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.services import StackServices
from kili_export.local.kili_standin import KiliWorld, generate_project, start_standin
from kili_export.local.stack.child import ServerDidNotStart
from kili_export.local.stack.cli_connection import connection_to
from kili_export.local.stack.environment import process_environment
from kili_export.local.stack.state_directory import RunningStack
from kili_export.registration.parse_registration import parse_registration
from kili_export.registration.register_exports import register_exports

_KEY = "crash-key"
_EXPORT = "raw"
_LONGEST_SECONDS = 3.0
_SETTLE_SECONDS = 300.0


@dataclass
class Crashes:
    """The stack under attack, and what was found. `folder` holds its state and the copies."""

    stack: StackFamily
    sender: Sender
    random: Random
    folder: Path
    environment: dict[str, str]
    project_id: str
    problems: list[str] = field(default_factory=list)

    def kill(self, name: str) -> None:
        """Kills it at a random moment, judges the files, and starts it again on them."""
        self._pass_time()
        accepted = self.sender.accepted()
        self.stack.kill()
        self.sender.url = None
        self._judge(name, self._copied(name), accepted)
        self.sender.url = self.stack.start().webhook_url

    def copy(self, name: str) -> None:
        """Copies its files at a random moment, judges them, and starts a stack on the copy."""
        self._pass_time()
        accepted = self.sender.accepted()
        with self.stack.halted():
            copy = self._copied(name)
        self._judge(name, copy, accepted)

    def back_up(self, name: str) -> None:
        """Backs it up at a random moment, restores that, judges it, and starts a stack on it."""
        self._pass_time()
        accepted = self.sender.accepted()
        backup, restored = self.folder / f"{name}.backup", self.folder / name
        _command("backup", str(backup), "--state", str(self.stack.state.path))
        _command("restore", "--backup", str(backup), "--state", str(restored))
        shutil.rmtree(backup)
        self._judge(name, restored, accepted)

    def _pass_time(self) -> None:
        time.sleep(self.random.uniform(0.0, _LONGEST_SECONDS))

    def _copied(self, name: str) -> Path:
        copy = self.folder / name
        # In another process: to close a file here drops the locks that SQLite has on it here.
        subprocess.run(("cp", "-a", str(self.stack.state.path), str(copy)), check=True)
        return copy

    def _judge(self, name: str, copy: Path, accepted: dict[str, datetime]) -> None:
        lost = lost_events(copy, self.project_id, _EXPORT, accepted)
        if lost:
            self.problems.append(f"{name}: accepted and lost: {', '.join(lost)}")
        restarted = StackFamily(copy, self.environment)
        try:
            restarted.start()
        except ServerDidNotStart as error:
            self.problems.append(f"{name}: {error}")
        restarted.kill()
        if not self.problems or not self.problems[-1].startswith(f"{name}:"):
            shutil.rmtree(copy)


def _command(*arguments: str) -> None:
    """Runs a command, which must succeed."""
    subprocess.run(
        (sys.executable, "-m", "kili_export.local.main", *arguments),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Attacks, and answers the exit status: 1 when anything was lost or did not start."""
    options = _parser().parse_args(arguments)
    world = KiliWorld(api_key=_KEY)
    project = world.add_project(generate_project(9, options.assets))
    folder = Path(tempfile.mkdtemp(prefix="kili-export-crashes-"))
    with start_standin(world) as standin:
        environment = {
            **process_environment(),
            "KILI_API_ENDPOINT": standin.endpoint,
            "KILI_API_KEY": _KEY,
            "KILI_REQUESTS_PER_MINUTE": "100000",
        }
        stack = StackFamily(folder / "state", environment)
        try:
            running = stack.start()
            services = _registered(stack, running, project.id)
            sender = Sender(world, project.id, services.webhook_secret(), running.webhook_url)
            crashes = Crashes(stack, sender, Random(options.seed), folder, environment, project.id)
            with sender:
                _attack(crashes, options.kills, options.copies, options.backups)
            settled = _settled(stack, project.id)
        finally:
            stack.kill()
    problems = [*crashes.problems, *settled]
    attacks = f"{options.kills} kills, {options.copies} copies, {options.backups} backups"
    print(f"{attacks}: {len(problems)} problems")
    print("\n".join(problems))
    if not problems:
        shutil.rmtree(folder)
    return int(bool(problems))


def _attack(crashes: Crashes, kills: int, copies: int, backups: int) -> None:
    """All of them, in a random order."""
    rounds = [crashes.kill] * kills + [crashes.copy] * copies + [crashes.back_up] * backups
    crashes.random.shuffle(rounds)
    for number, attack in enumerate(rounds, start=1):
        attack(f"{attack.__name__}-{number}")
        line = f"{number}/{len(rounds)}: {len(crashes.problems)} problems"
        print(line, file=sys.stderr, flush=True)


def _registered(stack: StackFamily, running: RunningStack, project_id: str) -> StackServices:
    """The stack's services, after its first full export."""
    connection = connection_to(running, stack.state)
    services = StackServices.of(connection)
    exports = [{"name": _EXPORT, "format": "kili"}, {"name": "yolo", "format": "yolo_v8"}]
    registration = parse_registration({"project_id": project_id, "exports": exports})
    register_exports(services.objects, services.kili, services.random, registration)
    services.request_run(project_id, full=False)
    wait_until_settled(connection, services, project_id, _SETTLE_SECONDS, lambda _: None)
    return services


def _settled(stack: StackFamily, project_id: str) -> list[str]:
    """What is wrong after everything was published: compared with Kili, nothing may differ."""
    connection = connection_to(stack.state.running(), stack.state)
    services = StackServices.of(connection)
    outcome = wait_until_settled(connection, services, project_id, _SETTLE_SECONDS, lambda _: None)
    if outcome.code is not ExitCode.OK:
        return [f"at the end: {outcome.reason}"]
    return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make crashes", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--backups", type=int, default=50)
    parser.add_argument("--assets", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
