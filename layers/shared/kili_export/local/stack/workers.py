"""Pools of warm workers, one pool for each function, and what Lambda does when one misbehaves."""

import queue
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kili_export.local.stack.child import Child, python_module
from kili_export.local.stack.wire import ConnectionEnded, receive_message, send_message
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.wiring.invocation import Counted

Observe = Callable[[str, Sequence[Counted]], None]
_START_SECONDS = 60.0
_COMMAND = python_module("kili_export.local.stack.worker")


class WorkerDidNotStart(Exception):
    """A function's module could not be imported; the message says why and where the log is."""


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One function: its handler as `module.attribute`, its environment, seconds and megabytes."""

    name: str
    handler: str
    environment: Mapping[str, str]
    timeout: float
    memory: int
    arn: str
    processes: int = 1


class _Worker:
    """One process. `start` may be called again after it was lost."""

    def __init__(self, spec: FunctionSpec, log: Path) -> None:
        self._spec = spec
        self._log = log
        self._child: Child | None = None
        self._connection: socket.socket | None = None
        self._stopping = False
        self._replacing = threading.Lock()

    def start(self) -> None:
        """Starts the process without waiting for it."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = Child(
                (*_COMMAND, str(theirs.fileno()), self._spec.handler),
                environment=self._spec.environment,
                log=self._log,
                pass_fds=(theirs.fileno(),),
            )
        self._connection = ours

    def await_ready(self) -> None:
        """Waits until the handler is imported. Raises WorkerDidNotStart."""
        connection = self._open()
        connection.settimeout(_START_SECONDS)
        try:
            greeting = receive_message(connection)
        except (ConnectionEnded, TimeoutError) as error:
            greeting = {"message": str(error) or "no answer"}
        if "ready" not in greeting:
            raise WorkerDidNotStart(
                f"{self._spec.name} did not start: {greeting['message']} (see {self._log})"
            )

    def invoke(self, payload: Any, observe: Observe) -> Any:
        """The handler's answer. Raises FunctionFailed; the process is replaced if it was lost.

        `observe` gets what the invocation counted, unless its process was lost.
        """
        request_id = str(uuid.uuid4())
        connection = self._open()
        connection.settimeout(self._spec.timeout)
        request = {
            "event": payload,
            "request_id": request_id,
            "arn": self._spec.arn,
            "deadline": time.time() + self._spec.timeout,
        }
        try:
            send_message(connection, request)
            answer = receive_message(connection)
        except TimeoutError:
            self._replace()
            message = (
                f"RequestId: {request_id} Task timed out after {self._spec.timeout:.2f} seconds"
            )
            raise FunctionFailed("Sandbox.Timedout", message) from None
        except ConnectionEnded:
            status = self._replace()
            message = f"RequestId: {request_id} Runtime exited with status {status}"
            raise FunctionFailed("Runtime.ExitError", message) from None
        observe(self._spec.name, answer["counted"])
        if "error" in answer:
            raise FunctionFailed(answer["error"], answer["message"])
        return answer["result"]

    def stop(self) -> None:
        """Ends the process; a caller that waits for its answer sees the connection end."""
        self._stopping = True
        with self._replacing:
            if self._child is not None:
                self._child.stop()
            if self._connection is not None:
                # Its other end is gone: its reader has been woken by that.
                self._connection.close()

    def _replace(self) -> int:
        """Ends what is left of the process and starts another. Answers the exit status."""
        with self._replacing:
            self._open().close()
            status = self._child.kill() if self._child is not None else 0
            if not self._stopping:
                self.start()
                self.await_ready()
        return status

    def _open(self) -> socket.socket:
        if self._connection is None:
            raise WorkerDidNotStart(f"{self._spec.name} was never started")
        return self._connection


class WorkerPool:
    """The workers of all functions. Safe to use from many threads."""

    def __init__(
        self, specs: Mapping[str, FunctionSpec], logs: Path, observe: Observe = lambda *_: None
    ) -> None:
        """`observe` gets the name of a function and what an invocation of it counted."""
        self._observe = observe
        self._workers = {
            name: [_Worker(spec, logs / f"{name}-{n}.log") for n in range(spec.processes)]
            for name, spec in specs.items()
        }
        self._idle: dict[str, queue.SimpleQueue[_Worker]] = {
            name: queue.SimpleQueue() for name in specs
        }
        self._stopped = threading.Event()

    def start(self) -> None:
        """Starts all processes side by side and waits for them. Raises WorkerDidNotStart."""
        for worker in self._all():
            worker.start()
        for name, workers in self._workers.items():
            for worker in workers:
                worker.await_ready()
                self._idle[name].put(worker)

    def invoke(self, function: str, payload: Any) -> Any:
        """Runs the function and gives its answer, waiting while all its workers are busy.

        Raises FunctionFailed with what Lambda would report: the class name of what the handler
        raised, `Sandbox.Timedout`, `Runtime.ExitError`, or `Lambda.ServiceException` while the
        stack stops.
        """
        worker = self._idle[function].get()
        try:
            if self._stopped.is_set():
                raise FunctionFailed("Lambda.ServiceException", "the stack is stopping")
            return worker.invoke(payload, self._observe)
        except WorkerDidNotStart as error:
            raise FunctionFailed("Lambda.ServiceException", str(error)) from error
        finally:
            self._idle[function].put(worker)

    def stop(self) -> None:
        """Ends all processes. Invocations that are under way fail."""
        self._stopped.set()
        # Side by side: together they take no longer than the one that does not want to end.
        with ThreadPoolExecutor(len(self._all())) as all_at_once:
            list(all_at_once.map(_Worker.stop, self._all()))

    def _all(self) -> list[_Worker]:
        return [worker for workers in self._workers.values() for worker in workers]
