"""What delivers events on one machine: its looks, its crashes, what people hear of failures."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kili_export.core.bucket_layout import registration_key
from kili_export.core.errors import Unavailable
from kili_export.local.stack import notification_worker
from kili_export.local.stack.notification_worker import NotificationWorker
from kili_export.machine.deliveries import SqliteDeliveries
from kili_export.machine.state_files import StateFiles
from kili_export.notifications import notifier
from kili_export.notifications.notifier import Notifier
from tests.support.fakes import InMemoryObjects, ManualClock
from tests.support.notified import FAILED, PROJECT, PUBLISHED, ScriptedSender, declare, endpoint
from tests.support.receivers import SECRET


class Machine:
    """The state of one machine, which outlives workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = InMemoryObjects()
        self.clock = ManualClock()
        self.sender = ScriptedSender()
        self.said: list[str] = []
        self.files = StateFiles(folder, self.clock)
        declare(self.objects, endpoint())

    def worker(self) -> NotificationWorker:
        """Another process's: nothing of memory is shared."""
        self.files.database.close()
        self.files = StateFiles(self.folder, self.clock)
        self.files.deliveries.begin()
        store = self.files.deliveries
        made = Notifier(self.objects, store, self.sender, lambda _: SECRET, self.clock, lambda: 1.0)
        return NotificationWorker(self.files.announcements, store, made, self.said.append)

    def announce(self, **changes: object) -> None:
        self.files.announcements.publish("Export Published", {**PUBLISHED, **changes})

    def states(self) -> list[str]:
        return sorted(one.state for one in self.files.deliveries.of_project(PROJECT))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.files.database.close()


def look(worker: NotificationWorker) -> None:
    worker.look()
    worker.settle()


def test_each_event_is_delivered_once(machine: Machine) -> None:
    worker = machine.worker()
    for generation in (1, 2):
        machine.announce(generation=generation)
    machine.announce(generation=2)
    for _ in range(3):
        look(worker)
    assert len(machine.sender.ids) == len(set(machine.sender.ids)) == 2
    assert machine.states() == ["delivered", "delivered"]


def test_a_crash_before_an_event_is_recorded_loses_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = machine.worker()
    machine.announce()

    def ends(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(notifier, "load_registration", ends)
        with pytest.raises(SystemExit):
            worker.look()
    look(machine.worker())
    assert machine.states() == ["delivered"]


def test_a_crash_between_recorded_and_sent_sends_it_with_its_id(machine: Machine) -> None:
    machine.worker()
    machine.announce()
    # Recorded, and no thread has begun: the process ended there.
    [event] = machine.files.announcements.after(0)
    worker = machine.worker()
    recorded = worker._deliveries_of(event)
    machine.files.deliveries.record_event(event.number, recorded)
    look(machine.worker())
    assert machine.sender.ids == [one.id for one in recorded]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_after_it_was_sent_sends_it_again_with_the_same_id(machine: Machine) -> None:
    worker = machine.worker()
    machine.announce()
    machine.sender.script = [SystemExit()]
    look(worker)
    assert machine.states() == ["pending"]
    second = machine.worker()
    look(second)
    assert len(machine.sender.sent) == 1, "not at once"
    machine.clock.advance(5)
    look(second)
    first, again = machine.sender.ids
    assert first == again
    assert machine.states() == ["delivered"]


def test_an_endpoint_that_hangs_holds_up_no_other(machine: Machine) -> None:
    declare(machine.objects, endpoint(), endpoint(name="other"))
    worker = machine.worker()
    hanging, answered = threading.Event(), threading.Event()
    plain = machine.sender.send

    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        if not machine.sender.sent:
            plain(url, headers, body)
            assert hanging.wait(60)
        else:
            plain(url, headers, body)
            answered.set()
        return 204

    machine.sender.send = send  # type: ignore[method-assign]
    machine.announce()
    worker.look()
    assert answered.wait(60)
    worker.look()
    assert len(machine.sender.sent) == 2, "what is being sent is not begun again"
    hanging.set()
    worker.settle()
    assert machine.states() == ["delivered", "delivered"]


def test_after_a_failure_the_endpoint_s_other_deliveries_wait(machine: Machine) -> None:
    worker = machine.worker()
    for generation in range(5):
        machine.announce(generation=generation)
    machine.sender.script = ["no answer", 204]
    look(worker)
    assert len(machine.sender.sent) == 1
    look(worker)
    assert machine.states() == ["delivered"] * 4 + ["pending"]


def test_many_that_wait_for_one_endpoint_hold_up_no_other(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_worker, "_DELIVERIES", 3)
    declare(machine.objects, endpoint(), endpoint(name="other", events=["Export Failed"]))
    worker = machine.worker()
    for generation in range(9):
        machine.announce(generation=generation)
    machine.sender.script = ["no answer"]
    look(worker)
    machine.clock.advance(1)
    machine.files.announcements.publish("Export Failed", FAILED)
    monkeypatch.setattr(machine.sender, "send", lambda *_: 204 if b"Export Failed" in _[2] else 500)
    look(worker)
    [other] = [
        one for one in machine.files.deliveries.of_project(PROJECT) if one.endpoint == "other"
    ]
    assert other.state == "delivered"


def test_a_registration_that_cannot_be_read_holds_up_no_other(machine: Machine) -> None:
    declare(machine.objects, endpoint(), project="project2")
    machine.objects.put(registration_key(PROJECT), b"{")
    worker = machine.worker()
    machine.announce()
    machine.announce(project_id="project2")
    look(worker)
    assert len(machine.sender.sent) == 1
    [line] = machine.said
    assert line.startswith(f"An event of project {PROJECT} is not delivered: the registration of")


@pytest.mark.parametrize("problem", [Unavailable, RuntimeError])
def test_it_runs_says_what_fails_once_and_ends(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, problem: type[Exception]
) -> None:
    monkeypatch.setattr(notification_worker, "_PAUSE", 0.0)
    worker = machine.worker()
    looks = threading.Semaphore(0)

    def failing(_: NotificationWorker) -> None:
        looks.release()
        raise problem("the disk is full")

    monkeypatch.setattr(NotificationWorker, "look", failing)
    worker.start()
    for _ in range(5):
        assert looks.acquire(timeout=60)
    worker.stop()
    assert set(machine.said) == {"Events are not delivered: the disk is full"}
    assert len(machine.said) == 1
    for thread in threading.enumerate():
        if thread.name == "notify":
            thread.join(60)
            assert not thread.is_alive()


def test_what_cannot_be_noted_is_said_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_worker, "_PAUSE", 0.0)
    worker = machine.worker()
    machine.announce()
    tried = threading.Semaphore(0)

    def full(*_: object) -> bool:
        tried.release()
        raise Unavailable("the disk is full")

    monkeypatch.setattr(SqliteDeliveries, "replace", full)
    worker.start()
    for _ in range(5):
        assert tried.acquire(timeout=60)
    worker.stop()
    for thread in threading.enumerate():
        if thread.name.startswith("notify"):
            thread.join(60)
    assert machine.said == ["Deliveries cannot be noted: the disk is full"]
