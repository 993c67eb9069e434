import errno
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.workflow.clock import WallClock
from kili_export.local.workflow.errors import FunctionFailed, UnsupportedField
from kili_export.local.workflow.executions import Execution, ExecutionStore
from kili_export.local.workflow.service import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidExecutionInput,
    InvalidName,
    WorkflowService,
)
from tests.unit.local.workflow.doubles import EPOCH, Bench, Functions, machine, pass_state, task
from tests.unit.local.workflow.test_maps import distributed, writer

PATIENCE = 20
MACHINE = machine(a=task())


class Gate:
    """A function that says when it was called, and answers when it is let go."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.open = threading.Event()

    def __call__(self, payload: dict[str, Any]) -> Any:
        self.called.set()
        assert self.open.wait(PATIENCE), "nobody opened the gate"
        return payload


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, functions=Functions(work=lambda payload: payload))


@pytest.fixture
def gate(bench: Bench) -> Iterator[Gate]:
    gate = Gate()
    bench.functions = Functions(work=gate)
    yield gate
    gate.open.set()


def start(service: WorkflowService, gate: Gate, value: Any = None, name: str = "n") -> Execution:
    execution = service.start(name, value or {})
    assert gate.called.wait(PATIENCE)
    return execution


# A full disk


class FullDisk:
    """Executions cannot be stored while the disk is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        original = ExecutionStore.save

        def save(store: ExecutionStore, execution: Execution) -> None:
            if self.is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            original(store, execution)

        monkeypatch.setattr(ExecutionStore, "save", save)


def test_an_execution_that_cannot_be_stored_is_not_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(monkeypatch)
    service = bench.service(MACHINE)
    disk.is_full = True
    with pytest.raises(OSError, match="No space left"):
        service.start("n", {})
    assert service.list() == []
    disk.is_full = False
    assert service.join(service.start("n", {}).arn).status == "SUCCEEDED"


def test_an_execution_ends_on_a_full_disk_and_is_stored_when_there_is_room(
    bench: Bench, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(monkeypatch)
    service = bench.service(MACHINE)
    execution = start(service, gate)
    disk.is_full = True
    gate.open.set()
    assert service.join(execution.arn).status == "SUCCEEDED"
    with pytest.raises(OSError, match="No space left"):
        service.save_again()
    disk.is_full = False
    service.save_again()
    [stored] = ExecutionStore(_folder_of(service)).load()
    assert stored.status == "SUCCEEDED"


def test_a_file_that_cannot_be_written_whole_leaves_the_former_one(tmp_path: Path) -> None:
    store = ExecutionStore(tmp_path)
    execution = Execution("arn:n", "n", {}, EPOCH)
    store.save(execution)
    [path] = tmp_path.iterdir()
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match=r"directory|Directory"):
        store.save(execution)
    assert list(tmp_path.iterdir()) == [path]


def _folder_of(service: WorkflowService) -> Path:
    return service._store._folder


# Starting


def test_the_same_name_and_input_answer_the_running_execution(bench: Bench, gate: Gate) -> None:
    service = bench.service(MACHINE)
    first = start(service, gate, {"x": 1})
    assert service.start("n", {"x": 1}).arn == first.arn
    gate.open.set()
    service.join(first.arn)
    assert len(bench.functions.calls) == 1


def test_the_same_name_with_another_input_is_refused(bench: Bench, gate: Gate) -> None:
    service = bench.service(MACHINE)
    start(service, gate, {"x": 1})
    with pytest.raises(ExecutionAlreadyExists):
        service.start("n", {"x": 2})


def test_the_name_of_an_execution_that_ended_is_refused_whatever_its_input(bench: Bench) -> None:
    service = bench.service(MACHINE)
    service.join(service.start("n", {"x": 1}).arn)
    for value in ({"x": 1}, {"x": 2}):
        with pytest.raises(ExecutionAlreadyExists):
            service.start("n", value)


def test_what_ended_before_a_time_is_forgotten_and_what_runs_is_not(
    bench: Bench, gate: Gate
) -> None:
    service = bench.service(MACHINE)
    running = start(service, gate)
    assert service.expire(EPOCH + timedelta(days=365)) == 0
    gate.open.set()
    ended = service.join(running.arn).stopped
    assert ended is not None
    assert service.expire(ended) == 0
    assert service.expire(ended + timedelta(seconds=1)) == 1
    assert service.list() == []
    assert bench.service(MACHINE).list() == [], "nothing is stored of it"


def test_a_name_is_free_again_90_days_after_its_execution_ended(bench: Bench) -> None:
    service = bench.service(MACHINE)
    service.join(service.start("n", {"x": 1}).arn)
    bench.clock.advance(timedelta(days=90).total_seconds() - 1)
    with pytest.raises(ExecutionAlreadyExists):
        service.start("n", {"x": 2})
    bench.clock.advance(1)
    execution = service.start("n", {"x": 2})
    assert service.join(execution.arn).output == {"x": 2}


@pytest.mark.parametrize("name", ["a", "a" * 80, "p-1_W.7=@(x)+'!é", "..", "A"])
def test_these_names_are_allowed(bench: Bench, name: str) -> None:
    service = bench.service(MACHINE)
    arn = service.join(service.start(name, {}).arn).arn
    assert bench.service(MACHINE).describe(arn).name == name


@pytest.mark.parametrize(
    "name", ["", "a" * 81, *(f"a{bad}" for bad in ' \n<>{}[]?*"#%\\^|~`$&,;:/\x00\x7f')]
)
def test_these_names_are_refused(bench: Bench, name: str) -> None:
    with pytest.raises(InvalidName):
        bench.service(MACHINE).start(name, {})


def test_names_that_differ_in_case_are_kept_apart(bench: Bench) -> None:
    service = bench.service(MACHINE)
    for name in ("run", "RUN"):
        service.join(service.start(name, {"name": name}).arn)
    stored = {path.name.casefold() for path in bench.folder.iterdir()}
    assert len(stored) == 2


def test_an_input_of_more_than_256_kib_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidExecutionInput):
        bench.service(MACHINE).start("n", {"x": "x" * 262_144})


def test_a_definition_that_is_not_implemented_is_refused_when_it_is_loaded(bench: Bench) -> None:
    with pytest.raises(UnsupportedField):
        bench.service(machine(a=task(HeartbeatSeconds=3)))


# Looking


def test_an_execution_is_described_while_it_runs_and_after(bench: Bench, gate: Gate) -> None:
    service = bench.service(MACHINE)
    execution = start(service, gate, {"x": 1})
    running = service.describe(execution.arn)
    assert (running.status, running.stopped, running.started) == ("RUNNING", None, EPOCH)
    bench.clock.advance(5)
    gate.open.set()
    ended = service.join(execution.arn)
    assert (ended.status, ended.output) == ("SUCCEEDED", {"x": 1})
    assert ended.stopped == EPOCH + timedelta(seconds=5)


def test_an_unknown_execution_is_refused(bench: Bench) -> None:
    service = bench.service(MACHINE)
    for call in (service.describe, service.stop, service.join):
        with pytest.raises(ExecutionDoesNotExist):
            call("arn:aws:states:us-east-1:000000000000:execution:kili-export:nobody")


def test_executions_are_listed_latest_first_and_by_status(bench: Bench) -> None:
    def work(payload: dict[str, Any]) -> Any:
        if payload["bad"]:
            raise FunctionFailed("Broken", "")
        return payload

    bench.functions = Functions(work=work)
    service = bench.service(MACHINE)
    for number, bad in enumerate([False, True, False]):
        bench.clock.advance(1)
        service.join(service.start(f"n{number}", {"bad": bad}).arn)
    assert [execution.name for execution in service.list()] == ["n2", "n1", "n0"]
    assert [execution.name for execution in service.list("FAILED")] == ["n1"]


def test_what_is_answered_does_not_change_afterwards(bench: Bench, gate: Gate) -> None:
    service = bench.service(MACHINE)
    execution = start(service, gate)
    gate.open.set()
    service.join(execution.arn)
    assert (execution.status, execution.states) == ("RUNNING", [])


# Stopping


def test_a_stopped_execution_is_aborted_and_nothing_follows(bench: Bench, gate: Gate) -> None:
    service = bench.service(machine(a=task(Next="b"), b=task("never")))
    execution = start(service, gate)
    stopped = service.stop(execution.arn, "Because", "of me")
    gate.open.set()
    ended = service.join(execution.arn)
    assert (stopped.status, stopped.error, stopped.cause) == ("ABORTED", "Because", "of me")
    assert (ended.status, ended.output) == ("ABORTED", None)
    assert [name for name, _ in bench.functions.calls] == ["work"]


def test_a_stop_reaches_the_children_of_a_map(bench: Bench, gate: Gate) -> None:
    bench.objects.stored["in", "work.jsonl"] = b'{"n": 0}\n{"n": 1}\n'
    state = distributed(
        {"a": task(Next="b"), "b": task()}, ToleratedFailurePercentage=100, ResultWriter=writer()
    )
    service = bench.service(machine(each=state))
    execution = start(service, gate, {"key": "work.jsonl"})
    service.stop(execution.arn)
    gate.open.set()
    ended = service.join(execution.arn)
    assert len(bench.functions.calls) == 1, "neither the next state nor the next child may begin"
    [run] = ended.map_runs
    assert [item["status"] for item in service.map_items(execution.arn, run)] == ["ABORTED"]
    assert not [key for bucket, key in bench.objects.stored if bucket == "out"]


def test_stopping_what_has_ended_changes_nothing(bench: Bench) -> None:
    service = bench.service(MACHINE)
    arn = service.join(service.start("n", {}).arn).arn
    assert service.stop(arn, "Late").status == "SUCCEEDED"
    assert service.describe(arn).error is None


@pytest.mark.parametrize("how", ["stop", "close"])
def test_a_function_that_never_answers_holds_up_neither_stop_nor_close(
    bench: Bench, gate: Gate, how: str
) -> None:
    service = WorkflowService(
        MACHINE, {}, bench.functions, bench.objects, bench.folder, clock=WallClock()
    )
    execution = start(service, gate)
    if how == "stop":
        service.stop(execution.arn)
    else:
        service.close()
    assert service.join(execution.arn, PATIENCE).status == "ABORTED"


# Coming back


def test_executions_survive_the_service(bench: Bench) -> None:
    service = bench.service(MACHINE)
    ended = service.join(service.start("n", {"x": 1}).arn)
    assert bench.service(MACHINE).describe(ended.arn) == ended


def test_what_was_running_when_the_service_died_is_aborted(bench: Bench, gate: Gate) -> None:
    start(bench.service(MACHINE), gate, {"x": 1})
    bench.clock.advance(60)

    [found] = bench.service(MACHINE).list()

    assert (found.status, found.stopped) == ("ABORTED", EPOCH + timedelta(seconds=60))
    assert found.cause == "The local stack ended while this ran."
    with pytest.raises(ExecutionAlreadyExists):
        bench.service(MACHINE).start("n", {"x": 1})


def test_a_file_that_cannot_be_read_is_put_aside(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (bench.folder / "torn.json").write_text('{"arn": ')
    assert bench.service(MACHINE).list() == []
    assert "put aside" in caplog.text
    assert [path.name for path in bench.folder.iterdir()] == ["torn.unreadable"]


# What is kept


def test_the_states_that_were_entered_are_kept_with_their_times(bench: Bench) -> None:
    definition = machine(
        a={"Type": "Wait", "Seconds": 2, "Next": "b"}, b=pass_state("{% $states.input %}")
    )
    execution = bench.run(definition)
    assert execution.states == [
        ("a", "2026-01-01T00:00:00.000Z"),
        ("b", "2026-01-01T00:00:02.000Z"),
    ]


def test_map_runs_are_kept_with_their_items_and_attempts(bench: Bench) -> None:
    bench.objects.stored["in", "work.jsonl"] = b'{"n": 0}\n{"n": 1}\n{"n": 2}\n'
    seen: list[int] = []

    def work(payload: dict[str, Any]) -> Any:
        seen.append(payload["n"])
        if payload["n"] == 1 and seen.count(1) < 3:
            raise FunctionFailed("Throttled", "busy")
        if payload["n"] == 2:
            raise FunctionFailed("Broken", "for good")
        return payload

    bench.functions = Functions(work=work)
    state = distributed(
        {"a": task(Retry=[{"ErrorEquals": ["Throttled"]}])}, ToleratedFailurePercentage=100
    )
    service = bench.service(machine(each=state))
    execution = service.join(service.start("n", {"key": "work.jsonl"}).arn)

    [(run, summary)] = execution.map_runs.items()
    assert summary == {
        "state": "each",
        "children": 3,
        "items": 3,
        "status": "ENDED",
        "counts": {"SUCCEEDED": 2, "FAILED": 1, "TIMED_OUT": 0, "ABORTED": 0, "PENDING": 0},
    }
    items = bench.service(machine(each=state)).map_items(execution.arn, run)
    assert [(item["status"], item["attempts"], item["error"]) for item in items] == [
        ("SUCCEEDED", 1, None),
        ("SUCCEEDED", 3, None),
        ("FAILED", 1, "Broken"),
    ]
    assert items[0]["input"] == {"n": 0}


def test_a_line_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    store = ExecutionStore(tmp_path)
    store.append_item("n", "arn:x:mapRun:m:1", {"index": 0})
    [path] = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('{"index"')
    assert store.items("n", "arn:x:mapRun:m:1") == [{"index": 0}]
    assert store.items("n", "arn:x:mapRun:m:2") == []


def test_half_a_line_of_a_full_disk_does_not_swallow_the_next(tmp_path: Path) -> None:
    store = ExecutionStore(tmp_path)
    store.append_item("n", "arn:x:mapRun:m:1", {"index": 0})
    [path] = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('{"index"')
    store.append_item("n", "arn:x:mapRun:m:1", {"index": 2})
    assert store.items("n", "arn:x:mapRun:m:1") == [{"index": 0}, {"index": 2}]


def test_a_reader_of_the_files_sees_whole_documents(bench: Bench) -> None:
    execution = bench.run(MACHINE, {"x": 1})
    [path] = bench.folder.iterdir()
    assert Execution.from_json(json.loads(path.read_text())) == execution


def test_an_observer_that_fails_does_not_fail_the_execution(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def observe(_event: object) -> None:
        raise RuntimeError("cannot draw")

    service = WorkflowService(
        MACHINE,
        {},
        bench.functions,
        bench.objects,
        bench.folder,
        clock=bench.clock,
        observe=observe,
    )
    assert service.join(service.start("n", {}).arn).status == "SUCCEEDED"
    assert "cannot draw" in caplog.text
