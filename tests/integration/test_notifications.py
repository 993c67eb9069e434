"""Receivers written with the library of Standard Webhooks verify what one machine delivers."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kili_export.core.clock import SystemClock
from kili_export.kili.http.addresses import parse_networks
from kili_export.kili.http.notification_sender import NotificationSender
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.stack.notification_worker import NotificationWorker
from kili_export.machine.deliveries import SqliteDeliveries
from kili_export.machine.state_files import StateFiles
from kili_export.notifications.deliveries import NO_RESULT, Delivery
from kili_export.notifications.notifier import Notifier
from tests.support.fakes import InMemoryObjects
from tests.support.local_stack import StackProcess
from tests.support.markdown_blocks import fenced
from tests.support.notified import PUBLISHED, declare, endpoint
from tests.support.receivers import CUT_OFF, SECRET, receiving

pytestmark = pytest.mark.slow

HOW_TO = Path(__file__).parents[2] / "docs/how-to/subscribe.md"
SECONDS = 120


class Impatient(SqliteDeliveries):
    """Everything that is to be tried again is due at once."""

    def due(self, now: datetime, most: int) -> Sequence[Delivery]:
        return super().due(now + timedelta(days=1), most)


def worker(folder: Path, objects: InMemoryObjects) -> NotificationWorker:
    clock = SystemClock()
    files = StateFiles(folder, clock)
    store = Impatient(files.database)
    store.begin()
    sender = NotificationSender(clock, parse_networks("127.0.0.0/8"))
    notifier = Notifier(objects, store, sender, lambda _: SECRET, clock, lambda: 1.0)
    return NotificationWorker(files.announcements, store, notifier, pytest.fail)


def test_every_delivery_is_verified_through_errors_and_crashes(tmp_path: Path) -> None:
    objects = InMemoryObjects()
    made = worker(tmp_path, objects)
    with receiving() as receiver:
        declare(objects, endpoint(url=receiver.url))
        receiver.script = [500, CUT_OFF, 302, 503, 204, 429]
        for generation in range(5):
            made.announcements.publish("Export Published", {**PUBLISHED, "generation": generation})
        port = receiver.port
        for _ in range(20):
            made.look()
            made.settle()
    # Each was verified when it came; those that failed came again as they were.
    assert receiver.port == port
    first: dict[str, bytes] = {}
    for delivery_id, body in zip(receiver.ids, receiver.bodies, strict=True):
        assert first.setdefault(delivery_id, body) == body
    generations = [json.loads(body)["data"]["generation"] for body in first.values()]
    assert sorted(generations) == [0, 1, 2, 3, 4]
    assert len(receiver.ids) == 5 + 5
    assert {one.state for one in made.deliveries.of_project("project1")} == {"delivered"}
    made.deliveries.database.close()


@contextmanager
def documented_receiver(port: int = 0) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The receiver of the how-to, in a process of its own. Answers its port too."""
    [code] = fenced(HOW_TO.read_text(encoding="utf-8"), "python")
    process = subprocess.Popen(
        (sys.executable, "-c", code),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "NOTIFY_SECRET": SECRET, "PORT": str(port)},
    )
    assert process.stdout is not None
    try:
        [found] = re.findall(r"Listening on port (\d+)", process.stdout.readline())
        yield process, int(found)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def registered(stack: StackProcess, project_id: str, port: int) -> None:
    declared = {
        "project_id": project_id,
        "exports": [{"name": "raw", "format": "kili"}],
        "notify": [endpoint(url=f"http://127.0.0.1:{port}/")],
    }
    path = stack.state.parent / "exports.json"
    path.write_text(json.dumps(declared))
    stack.answer("register", project_id, "--file", str(path))


def until_listed(stack: StackProcess, project_id: str, state: str) -> dict[str, Any]:
    """The one delivery, when it is in that state and its last attempt has a result."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = stack.answer("deliveries", project_id)["deliveries"]
        settled = [one for one in found if one["attempts"] and one["error"] != NO_RESULT]
        if [one["state"] for one in settled] == [state]:
            one: dict[str, Any] = settled[0]
            return one
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_a_stack_that_is_killed_delivers_to_the_documented_receiver(tmp_path: Path) -> None:
    world = KiliWorld(api_key="notify-key")
    project = world.add_project(sample_project())
    secret = {"KILI_EXPORT_NOTIFY_SECRET_training": SECRET, "PRIVATE_NETWORKS": "127.0.0.0/8"}
    with start_standin(world) as kili:
        stack = StackProcess(tmp_path / "state", kili, world.api_key, variables=secret)
        try:
            stack.start()
            with documented_receiver() as (_, port):
                pass
            registered(stack, project.id, port)
            waiting = until_listed(stack, project.id, "pending")
            assert waiting["error"] == f"cannot connect to http://127.0.0.1:{port}"
            stack.end(signal.SIGKILL)
            with documented_receiver(port) as (receiver, _):
                stack.start()
                done = until_listed(stack, project.id, "delivered")
                assert receiver.stdout is not None
                assert receiver.stdout.readline() == "Export Published raw\n"
            assert done["id"] == waiting["id"]
            assert done["attempts"] > waiting["attempts"]
            assert stack.end() == 0
            printed = (tmp_path / "up.log").read_text()
            assert SECRET not in printed
        finally:
            stack.discard()
