"""Warm workers behave as Lambda does when a handler raises, hangs, dies or answers nonsense."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devtools.load.__main__ import handler_seconds
from kili_export.local.stack.workers import FunctionSpec, WorkerDidNotStart, WorkerPool
from kili_export.local.workflow.errors import FunctionFailed

HANDLERS = """
import os, time
from kili_export.wiring.invocation import observers

COUNT = 0

class Throttled(Exception):
    pass

def lambda_handler(event, context):
    global COUNT
    COUNT += 1
    match event["do"]:
        case "answer":
            return {"event": event, "count": COUNT, "pid": os.getpid()}
        case "context":
            assert 0 < context.get_remaining_time_in_millis() <= 60_000
            return {"name": context.function_name, "arn": context.invoked_function_arn,
                    "memory": context.memory_limit_in_mb, "id": len(context.aws_request_id)}
        case "count":
            observers[0](("Things", 2.5))
            raise Throttled("counted before")
        case "raise":
            raise Throttled("slow down")
        case "hang":
            time.sleep(3600)
        case "exit":
            os._exit(3)
        case "nonsense":
            return {"a set"}
        case "print":
            print("a line of the log", flush=True)
        case "meet":
            open(event["mine"], "w").close()
            deadline = time.time() + 30
            while not os.path.exists(event["other"]) and time.time() < deadline:
                time.sleep(0.01)
            return {"met": os.path.exists(event["other"])}
"""


def _spec(
    folder: Path,
    *,
    handler: str = "handlers.lambda_handler",
    processes: int = 1,
    timeout: float = 60.0,
) -> FunctionSpec:
    (folder / "handlers.py").write_text(HANDLERS)
    return FunctionSpec(
        name="sample",
        handler=handler,
        environment={
            "PATH": os.environ["PATH"],
            "LAMBDA_TASK_ROOT": str(folder),
            "AWS_LAMBDA_FUNCTION_NAME": "kili-export-sample",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        },
        timeout=timeout,
        memory=512,
        arn="arn:aws:lambda:us-east-1:123456789012:function:kili-export-sample",
        processes=processes,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="module")
def pool(folder: Path) -> Iterator[WorkerPool]:
    pool = WorkerPool({"sample": _spec(folder)}, folder / "logs")
    pool.start()
    yield pool
    pool.stop()


def test_what_an_invocation_counts_is_observed_once(folder: Path) -> None:
    seen: list[tuple[str, list[list[object]]]] = []

    def observe(name: str, counted: Any) -> None:
        seen.append((name, counted))

    pool = WorkerPool({"sample": _spec(folder)}, folder / "logs6", observe)
    pool.start()
    try:
        with pytest.raises(FunctionFailed, match="counted before"):
            pool.invoke("sample", {"do": "count"})
        pool.invoke("sample", {"do": "answer"})
    finally:
        pool.stop()
    assert seen == [("sample", [["Things", 2.5]]), ("sample", [])]


def test_a_warm_worker_keeps_its_state_between_invocations(pool: WorkerPool) -> None:
    first = pool.invoke("sample", {"do": "answer", "text": "é"})
    second = pool.invoke("sample", {"do": "answer"})
    assert first["event"] == {"do": "answer", "text": "é"}
    assert (second["count"], second["pid"]) == (first["count"] + 1, first["pid"])


def test_the_handler_gets_a_context_like_lambdas(pool: WorkerPool) -> None:
    assert pool.invoke("sample", {"do": "context"}) == {
        "name": "kili-export-sample",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:kili-export-sample",
        "memory": "512",
        "id": 36,
    }


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("raise", "Throttled"),
        ("nonsense", "Runtime.MarshalError"),
        ("exit", "Runtime.ExitError"),
    ],
)
def test_a_failure_has_lambdas_name_and_the_next_invocation_works(
    pool: WorkerPool, do: str, error: str
) -> None:
    with pytest.raises(FunctionFailed) as failed:
        pool.invoke("sample", {"do": do})
    assert failed.value.error == error
    assert pool.invoke("sample", {"do": "answer"})["event"] == {"do": "answer"}


def test_a_handler_that_hangs_is_ended_and_another_process_answers(folder: Path) -> None:
    pool = WorkerPool({"sample": _spec(folder, timeout=1.0)}, folder / "logs6")
    pool.start()
    try:
        with pytest.raises(FunctionFailed) as failed:
            pool.invoke("sample", {"do": "hang"})
        assert failed.value.error == "Sandbox.Timedout"
        assert _answer_of_a_busy_machine(pool)["event"] == {"do": "answer"}
    finally:
        pool.stop()


def _answer_of_a_busy_machine(pool: WorkerPool) -> dict[str, Any]:
    """The answer to the first invocation that this machine finishes in the function's time."""
    while True:
        try:
            answer: dict[str, Any] = pool.invoke("sample", {"do": "answer"})
        except FunctionFailed as failed:
            if failed.error != "Sandbox.Timedout":
                raise
        else:
            return answer


def test_an_exceptions_message_is_the_cause(pool: WorkerPool) -> None:
    with pytest.raises(FunctionFailed) as failed:
        pool.invoke("sample", {"do": "raise"})
    assert failed.value.cause == "slow down"


def test_what_a_handler_prints_is_in_its_log(pool: WorkerPool, folder: Path) -> None:
    pool.invoke("sample", {"do": "print"})
    assert "a line of the log\n" in (folder / "logs" / "sample-0.log").read_text()


def test_a_worker_logs_how_long_its_handler_took(pool: WorkerPool, folder: Path) -> None:
    before = len(handler_seconds(folder / "logs", "sample"))
    began = time.perf_counter()
    pool.invoke("sample", {"do": "answer"})
    with pytest.raises(FunctionFailed):
        pool.invoke("sample", {"do": "raise"})
    took = handler_seconds(folder / "logs", "sample")[before:]
    assert len(took) == 2, "each invocation is told once, and so is one that failed"
    assert min(took) >= 0
    assert sum(took) < time.perf_counter() - began


def test_two_processes_work_side_by_side(folder: Path) -> None:
    pool = WorkerPool({"sample": _spec(folder, processes=2)}, folder / "logs2")
    pool.start()
    try:
        one, two = str(folder / "one"), str(folder / "two")
        with ThreadPoolExecutor(2) as threads:
            calls = [
                threads.submit(pool.invoke, "sample", {"do": "meet", "mine": a, "other": b})
                for a, b in ((one, two), (two, one))
            ]
            assert [call.result()["met"] for call in calls] == [True, True]
    finally:
        pool.stop()


def test_a_module_that_cannot_be_imported_says_so_at_the_start(folder: Path) -> None:
    pool = WorkerPool({"sample": _spec(folder, handler="nothing.lambda_handler")}, folder / "logs3")
    try:
        with pytest.raises(WorkerDidNotStart, match="nothing"):
            pool.start()
    finally:
        pool.stop()


def test_stopping_fails_what_is_under_way(folder: Path) -> None:
    pool = WorkerPool({"sample": _spec(folder)}, folder / "logs4")
    pool.start()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(pool.invoke, "sample", {"do": "hang"})
        pool.stop()
        with pytest.raises(FunctionFailed):
            call.result(timeout=60)


def test_workers_end_with_a_stack_that_is_killed(folder: Path) -> None:
    (folder / "handlers.py").write_text(HANDLERS)
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from kili_export.local.stack.workers import FunctionSpec, WorkerPool
        environment = {{"LAMBDA_TASK_ROOT": {str(folder)!r}, "AWS_LAMBDA_FUNCTION_NAME": "n",
                        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1"}}
        spec = FunctionSpec("sample", "handlers.lambda_handler", environment, 60.0, 1, "arn")
        pool = WorkerPool({{"sample": spec}}, Path({str(folder)!r}) / "logs5")
        pool.start()
        print(pool.invoke("sample", {{"do": "answer"}})["pid"], flush=True)
        pool.invoke("sample", {{"do": "hang"}})
    """)
    stack = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert stack.stdout is not None
    worker = int(stack.stdout.readline())
    # The worker holds the write end of its own log; it is closed when the worker ends.
    watch = os.pidfd_open(worker)
    stack.send_signal(signal.SIGKILL)
    stack.wait()
    stack.stdout.close()
    assert _ends_within(watch, 60), "the worker outlived the stack"


def _ends_within(descriptor: int, seconds: float) -> bool:
    import select

    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
