"""The Map state in its distributed mode: every batch of items is an execution of its own.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from kili_export.local.workflow.errors import Aborted, ExecutionEnded, StateFailed, TimedOut
from kili_export.local.workflow.inline_map import RunBlock, select_item
from kili_export.local.workflow.limits import EXPRESS_SECONDS, PAYLOAD_BYTES, check_size, encode
from kili_export.local.workflow.parallel import run_all
from kili_export.local.workflow.result_writer import (
    ABORTED,
    FAILED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    TIMED_OUT,
    Child,
    Destination,
    write_results,
)
from kili_export.local.workflow.runtime import Activity, Scope, WorkflowEvent, earliest, timestamp
from kili_export.local.workflow.states import Step

_MOST_THREADS = 64


def perform_distributed_map(step: Step, run_block: RunBlock) -> Any:
    """Runs a child for each batch, writes their results, and answers where these are.

    Raises StateFailed `States.ItemReaderFailed`, `States.ResultWriterFailed`,
    `States.ExceedToleratedFailureThreshold`, `States.DataLimitExceeded`.
    """
    items = [select_item(step, index, item) for index, item in enumerate(_read_items(step))]
    batches = list(_batches(step, items))
    run = _MapRun(step, batches, len(items))
    run.perform(run_block)
    result = run.write()
    if run.tolerance_exceeded():
        raise StateFailed(
            "States.ExceedToleratedFailureThreshold",
            f"{run.failed_items} of {len(items)} items failed, which is more than tolerated.",
        )
    check_size(result, f"The result of {step.name}")
    return result


def _read_items(step: Step) -> list[Any]:
    arguments = step.evaluate(step.state["ItemReader"]["Arguments"])
    bucket, key = arguments["Bucket"], arguments["Key"]
    try:
        data = step.activity.surroundings.objects.get(bucket, key)
        return [json.loads(line) for line in data.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise StateFailed(
            "States.ItemReaderFailed", f"{key} of {bucket} cannot be read as JSON lines: {error}"
        ) from error


def _batches(step: Step, items: list[Any]) -> Iterator[tuple[int, Any]]:
    """How many items each child answers for, and its input.

    A batch ends early where its input would exceed 256 KiB.
    """
    batcher = step.state.get("ItemBatcher")
    if batcher is None:
        yield from ((1, item) for item in items)
        return
    most = int(step.number_of(batcher["MaxItemsPerBatch"], "MaxItemsPerBatch"))
    shared: dict[str, Any] = {}
    if "BatchInput" in batcher:
        shared = {"BatchInput": step.evaluate(batcher["BatchInput"])}
    overhead = len(encode({**shared, "Items": []}).encode())
    batch: list[Any] = []
    size = overhead
    for item in items:
        more = len(encode(item).encode()) + 1
        if batch and (len(batch) >= most or size + more > PAYLOAD_BYTES):
            yield len(batch), {**shared, "Items": batch}
            batch, size = [], overhead
        batch.append(item)
        size += more
    if batch:
        yield len(batch), {**shared, "Items": batch}


class _MapRun:
    """One visit to a Distributed Map: its children and what became of them.

    `failed_items` is how many items belong to children that failed or ran out of time.
    """

    def __init__(self, step: Step, batches: list[tuple[int, Any]], items: int) -> None:
        self._step = step
        self._items = items
        self._interrupt = step.activity.interrupt.part()
        self._lock = threading.Lock()
        self.failed_items = 0
        self._percentage = step.number("ToleratedFailurePercentage", 0)
        self._count = step.number("ToleratedFailureCount", 0)
        machine = step.activity.context["StateMachine"]
        self._machine_arn = f"{machine['Id']}/{step.state['Label']}"
        self.arn = f"{self._machine_arn.replace(':stateMachine:', ':mapRun:')}:{uuid4()}"
        self.children = [
            self._child(index, count, value) for index, (count, value) in enumerate(batches)
        ]

    def _child(self, index: int, items: int, value: Any) -> Child:
        name = str(uuid4())
        prefix = self._machine_arn.replace(":stateMachine:", ":express:")
        return Child(index, value, items, f"{prefix}:{name}:{uuid4()}", self._machine_arn, name)

    def perform(self, run_block: RunBlock) -> None:
        """Runs the children until all are over or too many have failed."""
        concurrency = int(self._step.number("MaxConcurrency", 0)) or _MOST_THREADS
        activity = self._step.activity
        activity.report(
            "MapRunStarted", map_run=self.arn, children=len(self.children), items=self._items
        )
        runs = [partial(self._run_child, child, run_block) for child in self.children]
        try:
            run_all(runs, min(concurrency, _MOST_THREADS), self._interrupt)
        except Aborted:
            # Either too many failed, which is decided below, or somebody stopped the execution.
            activity.check()
        finally:
            counts = {status: self._having(status) for status in (SUCCEEDED, FAILED, TIMED_OUT)}
            counts |= {ABORTED: self._having(ABORTED), PENDING: self._having(PENDING)}
            activity.report("MapRunEnded", map_run=self.arn, counts=counts)

    def write(self) -> Any:
        """Writes the results, where a ResultWriter says so. Answers the state's result."""
        writer = self._step.state.get("ResultWriter")
        if writer is None:
            return [child.output for child in self.children if child.status == SUCCEEDED]
        arguments = self._step.evaluate(writer["Arguments"])
        destination = Destination.of(arguments, writer.get("WriterConfig", {}))
        objects = self._step.activity.surroundings.objects
        details = write_results(objects, destination, self.arn, self.children)
        return {"MapRunArn": self.arn, "ResultWriterDetails": details}

    def tolerance_exceeded(self) -> bool:
        """Whether more items failed than ToleratedFailureCount or -Percentage allow.

        Each of the two that the state declares is a limit; without either, none may fail.
        """
        declared = self._step.state.keys()
        limits = []
        if "ToleratedFailurePercentage" in declared:
            limits.append(self._percentage / 100 * self._items)
        if "ToleratedFailureCount" in declared:
            limits.append(self._count)
        return self.failed_items > min(limits, default=0)

    def _run_child(self, child: Child, run_block: RunBlock) -> None:
        activity = self._activity(child)
        child.started = timestamp(activity.surroundings.clock.now())
        child.status = RUNNING
        activity.report("ChildStarted", map_run=self.arn, index=child.index)
        try:
            check_size(child.input, "The input of a child execution")
            child.output = run_block(self._step.state["ItemProcessor"], activity, child.input)
            child.status = SUCCEEDED
        except StateFailed as failure:
            child.status, child.error, child.cause = FAILED, failure.error, failure.cause
        except TimedOut:
            child.status, child.error = TIMED_OUT, "States.Timeout"
            child.cause = f"An EXPRESS execution may take {EXPRESS_SECONDS} s."
        except ExecutionEnded:
            child.status = ABORTED
        finally:
            child.stopped = timestamp(activity.surroundings.clock.now())
            activity.report(
                "ChildEnded",
                map_run=self.arn,
                index=child.index,
                items=child.items,
                status=child.status,
                attempts=child.attempts,
                error=child.error,
                cause=child.cause,
                started=child.started,
                stopped=child.stopped,
                input=child.input,
            )
        if child.status in {FAILED, TIMED_OUT}:
            with self._lock:
                self.failed_items += child.items
            if self.tolerance_exceeded():
                self._interrupt.set()

    def _activity(self, child: Child) -> Activity:
        """What a child runs on: it shares nothing with its parent but the way out."""
        parent = self._step.activity
        surroundings = parent.surroundings

        def observe(event: WorkflowEvent) -> None:
            if event.kind == "TaskAttempted":
                child.attempts += 1
            surroundings.observe(event)

        context = {
            "Execution": {
                "Id": child.arn,
                "Input": child.input,
                "Name": child.name,
                "StartTime": timestamp(surroundings.clock.now()),
            },
            "StateMachine": parent.context["StateMachine"] | {"Id": self._machine_arn},
        }
        deadline = earliest(parent.deadline, surroundings.clock.now(), EXPRESS_SECONDS)
        return parent.inside(
            child.index,
            surroundings=replace(surroundings, observe=observe),
            context=context,
            interrupt=self._interrupt,
            deadline=deadline,
            scope=Scope(),
        )

    def _having(self, status: str) -> int:
        return sum(1 for child in self.children if child.status == status)
