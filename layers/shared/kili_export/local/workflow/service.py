"""The workflow service of one machine: starts executions of one state machine, and knows them.

STANDARD semantics of StartExecution:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import logging
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kili_export.local.workflow.clock import Clock, Interrupt, WallClock
from kili_export.local.workflow.definition import substitute
from kili_export.local.workflow.distributed_map import perform_distributed_map
from kili_export.local.workflow.errors import Aborted, StateFailed, TimedOut
from kili_export.local.workflow.executions import Execution, ExecutionStore
from kili_export.local.workflow.grammar import refuse_unsupported
from kili_export.local.workflow.inline_map import perform_inline_map
from kili_export.local.workflow.limits import check_size
from kili_export.local.workflow.runtime import (
    Activity,
    Invoke,
    Objects,
    Observe,
    Surroundings,
    WorkflowEvent,
    earliest,
    timestamp,
)
from kili_export.local.workflow.states import Perform, Step, perform_task, run_states

_LOGGER = logging.getLogger(__name__)
_LONGEST_EXECUTION = timedelta(days=365)
_NAME_KEPT = timedelta(days=90)
_FORBIDDEN_IN_NAMES = re.compile(
    r'[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]'
)
_LONGEST_NAME = 80

SUCCEEDED, FAILED, RUNNING = "SUCCEEDED", "FAILED", "RUNNING"


class WorkflowRefusal(Exception):
    """A call that the service refuses; the class name is the API's error code."""


class ExecutionAlreadyExists(WorkflowRefusal):
    """The name belongs to another execution, or to one that ended less than 90 days ago."""


class ExecutionDoesNotExist(WorkflowRefusal):
    """No execution has that ARN."""


class InvalidName(WorkflowRefusal):
    """A name of no or more than 80 characters, or with one that is not allowed."""


class InvalidExecutionInput(WorkflowRefusal):
    """An input that is not JSON, or too much of it."""


def _ignore(_event: WorkflowEvent) -> None:
    """The observer that does nothing."""


class WorkflowService:
    """Runs executions of one state machine in threads, and keeps what became of them.

    `definition` still holds its `${Name}`; `substitutions` are what to put there. Executions that
    were running when an earlier service on the same folder ended are ABORTED: nothing goes on by
    itself. Raises UnsupportedField for a definition that cannot be run as written.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        substitutions: Mapping[str, str],
        invoke: Invoke,
        objects: Objects,
        executions_dir: Path,
        *,
        clock: Clock | None = None,
        random_source: Callable[[], float] = random.random,
        observe: Observe = _ignore,
        machine_name: str = "kili-export",
        region: str = "us-east-1",
        account: str = "000000000000",
    ) -> None:
        self._definition = substitute(definition, substitutions)
        refuse_unsupported(self._definition)
        self.arn = f"arn:aws:states:{region}:{account}:stateMachine:{machine_name}"
        self._machine_name = machine_name
        self._clock: Clock = clock or WallClock()
        self._observer = observe
        self._surroundings = Surroundings(
            invoke, objects, self._clock, random_source, self._observed
        )
        self._performers: dict[str, Perform] = {"Task": perform_task, "Map": self._perform_map}
        self._store = ExecutionStore(executions_dir)
        self._lock = threading.RLock()
        self._interrupts: dict[str, Interrupt] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._unsaved: dict[str, Execution] = {}
        self._executions = {execution.arn: execution for execution in self._recovered()}

    def start(self, name: str, value: Any) -> Execution:
        """Starts an execution, or answers the running one of that name and input.

        Raises InvalidName, InvalidExecutionInput, ExecutionAlreadyExists, and OSError when it
        cannot be stored: then there is no such execution.
        """
        _check_name(name)
        try:
            check_size(value, "The input")
        except StateFailed as failure:
            raise InvalidExecutionInput(failure.cause) from None
        arn = self._execution_arn(name)
        with self._lock:
            known = self._executions.get(arn)
            if known is not None and not self._forgotten(known):
                if known.status == RUNNING and known.input == value:
                    return _copy(known)
                raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
            execution = Execution(arn, name, value, self._clock.now())
            self._store.save(execution)
            self._executions[arn] = execution
            interrupt = self._interrupts[arn] = Interrupt()
            thread = threading.Thread(
                target=self._run,
                args=(execution, interrupt),
                name=f"execution {name}",
                daemon=True,
            )
            self._threads[arn] = thread
            answer = _copy(execution)
        thread.start()
        return answer

    def describe(self, arn: str) -> Execution:
        """One execution as it stands. Raises ExecutionDoesNotExist."""
        with self._lock:
            return _copy(self._known(arn))

    def list(self, status: str | None = None) -> Sequence[Execution]:
        """All executions, or those of one status, the latest first."""
        with self._lock:
            chosen = [
                _copy(execution)
                for execution in self._executions.values()
                if status is None or execution.status == status
            ]
        return sorted(chosen, key=lambda execution: execution.started, reverse=True)

    def stop(self, arn: str, error: str = "", cause: str = "") -> Execution:
        """Aborts an execution, if it still runs, and does not wait for its states.

        Raises ExecutionDoesNotExist.
        """
        with self._lock:
            execution = self._known(arn)
            if execution.status == RUNNING:
                execution.error, execution.cause = error or None, cause or None
                self._end(execution, "ABORTED")
            return _copy(execution)

    def join(self, arn: str, seconds: float | None = None) -> Execution:
        """Waits until the thread of an execution is over. Raises ExecutionDoesNotExist."""
        with self._lock:
            self._known(arn)
            thread = self._threads.get(arn)
        if thread is not None:
            thread.join(seconds)
        return self.describe(arn)

    def close(self) -> None:
        """Aborts all that runs, and waits for the threads to notice."""
        for execution in self.list(RUNNING):
            self.stop(execution.arn, cause="The local stack was stopped.")
        for thread in tuple(self._threads.values()):
            thread.join()

    def save_again(self) -> None:
        """Stores what could not be stored before, as on a full disk. Raises OSError."""
        with self._lock:
            for arn, execution in tuple(self._unsaved.items()):
                self._store.save(execution)
                del self._unsaved[arn]

    def expire(self, before: datetime) -> int:
        """Forgets executions that ended before a time. Answers how many."""
        with self._lock:
            ended = [e for e in self._executions.values() if e.stopped and e.stopped < before]
            for one in ended:
                self._store.forget(one.name)
                self._unsaved.pop(one.arn, None)
                del self._executions[one.arn]
        return len(ended)

    def map_items(self, arn: str, map_run: str) -> Sequence[dict[str, Any]]:
        """What became of the children of a map run. Raises ExecutionDoesNotExist."""
        return self._store.items(self.describe(arn).name, map_run)

    def _recovered(self) -> Sequence[Execution]:
        executions = tuple(self._store.load())
        for execution in executions:
            if execution.status == RUNNING:
                execution.status, execution.stopped = "ABORTED", self._clock.now()
                execution.cause = "The local stack ended while this ran."
                self._store.save(execution)
        return executions

    def _known(self, arn: str) -> Execution:
        if arn not in self._executions:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return self._executions[arn]

    def _forgotten(self, execution: Execution) -> bool:
        return execution.stopped is not None and self._clock.now() - execution.stopped >= _NAME_KEPT

    def _execution_arn(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"

    def _run(self, execution: Execution, interrupt: Interrupt) -> None:
        activity = self._activity(execution, interrupt)
        activity.report("ExecutionStarted", input=execution.input)
        try:
            output = self._run_block(self._definition, activity, execution.input)
            ended: tuple[str, Any, str | None, str | None] = (SUCCEEDED, output, None, None)
        except StateFailed as failure:
            ended = (FAILED, None, failure.error, failure.cause)
        except TimedOut:
            ended = ("TIMED_OUT", None, "States.Timeout", None)
        except Aborted:
            ended = ("ABORTED", None, None, None)
        except Exception as error:
            _LOGGER.exception("The runner failed in execution %s", execution.name)
            ended = (FAILED, None, "States.Runtime", f"{type(error).__name__}: {error}")
        status, output, error_name, cause = ended
        with self._lock:
            if execution.status == RUNNING:
                execution.output, execution.error, execution.cause = output, error_name, cause
                self._end(execution, status)
        activity.report("ExecutionEnded", status=execution.status, error=execution.error)
        with self._lock:
            self._threads.pop(execution.arn, None)

    def _end(self, execution: Execution, status: Any) -> None:
        execution.status, execution.stopped = status, self._clock.now()
        self._save(execution)
        self._interrupts.pop(execution.arn).set()

    def _save(self, execution: Execution) -> None:
        """Stores how an execution stands; a full disk must not end it, nor keep it running."""
        try:
            self._store.save(execution)
        except OSError:
            _LOGGER.exception("Execution %s cannot be stored", execution.name)
            self._unsaved[execution.arn] = execution

    def _activity(self, execution: Execution, interrupt: Interrupt) -> Activity:
        context = {
            "Execution": {
                "Id": execution.arn,
                "Input": execution.input,
                "Name": execution.name,
                "StartTime": timestamp(execution.started),
            },
            "StateMachine": {"Id": self.arn, "Name": self._machine_name},
        }
        seconds = self._definition.get("TimeoutSeconds", _LONGEST_EXECUTION.total_seconds())
        deadline = earliest(None, execution.started, seconds)
        return Activity(self._surroundings, execution.arn, context, interrupt, deadline)

    def _run_block(self, block: Any, activity: Activity, value: Any) -> Any:
        return run_states(block, activity, value, self._performers)

    def _perform_map(self, step: Step) -> Any:
        mode = step.state["ItemProcessor"]["ProcessorConfig"]["Mode"]
        perform = perform_distributed_map if mode == "DISTRIBUTED" else perform_inline_map
        return perform(step, self._run_block)

    def _observed(self, event: WorkflowEvent) -> None:
        """Keeps what a person may want to look at, then tells the observer."""
        with self._lock:
            execution = self._executions[event.execution_arn]
            record = _RECORDERS.get(event.kind)
            if record is not None:
                try:
                    record(execution, event, self._store)
                except OSError:
                    _LOGGER.exception("What execution %s did cannot be stored", execution.name)
                    self._unsaved[execution.arn] = execution
        try:
            self._observer(event)
        except Exception:
            _LOGGER.exception("An observer of the workflow failed on %s", event.kind)


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= _LONGEST_NAME or _FORBIDDEN_IN_NAMES.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")


def _copy(execution: Execution) -> Execution:
    return replace(
        execution,
        states=list(execution.states),
        map_runs={arn: dict(run) for arn, run in execution.map_runs.items()},
    )


def _record_state(execution: Execution, event: WorkflowEvent, store: ExecutionStore) -> None:
    if len(event.path) == 1:
        execution.states.append((str(event.path[0]), timestamp(event.at)))
        store.save(execution)


def _record_map_start(execution: Execution, event: WorkflowEvent, store: ExecutionStore) -> None:
    execution.map_runs[event.detail["map_run"]] = {
        "state": str(event.path[-1]),
        "children": event.detail["children"],
        "items": event.detail["items"],
        "status": RUNNING,
    }
    store.save(execution)


def _record_child(execution: Execution, event: WorkflowEvent, store: ExecutionStore) -> None:
    item = {key: value for key, value in event.detail.items() if key != "map_run"}
    store.append_item(execution.name, event.detail["map_run"], item)


def _record_map_end(execution: Execution, event: WorkflowEvent, store: ExecutionStore) -> None:
    run = execution.map_runs[event.detail["map_run"]]
    run.update(status="ENDED", counts=dict(event.detail["counts"]))
    store.save(execution)


_RECORDERS: Mapping[str, Callable[[Execution, WorkflowEvent, ExecutionStore], None]] = {
    "StateEntered": _record_state,
    "MapRunStarted": _record_map_start,
    "ChildEnded": _record_child,
    "MapRunEnded": _record_map_end,
}
