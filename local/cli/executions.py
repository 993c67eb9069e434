"""The executions of a project: from Step Functions, or as the local runner keeps them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import boto3

from kili_export.adapters.aws_errors import translated
from kili_export.contracts.workflow import FinishAnswer
from kili_export.domain.windows import execution_name
from local.cli.connection import Connection
from local.workflow.executions import Execution, ExecutionStore

_SERVICE = "Step Functions"
_PAGES = 20


@dataclass(frozen=True, slots=True)
class ExecutionSummary:
    """One run. Its states and map runs are known of local ones alone."""

    name: str
    arn: str
    status: str
    started: datetime
    stopped: datetime | None = None
    error: str | None = None
    cause: str | None = None
    states: tuple[str, ...] = ()
    map_runs: tuple[dict[str, Any], ...] = field(default=())


class Executions:
    """The executions of one stack."""

    def __init__(self, connection: Connection) -> None:
        self._arn = connection.settings.required("state_machine_arn")
        with translated(_SERVICE):
            self._client = boto3.client("stepfunctions")
        state = connection.state
        self._store = None if state is None else ExecutionStore(state.executions)

    def latest(self, project_id: str, count: int) -> list[ExecutionSummary]:
        """The latest runs of a project, the latest first."""
        if self._store is None:
            with translated(_SERVICE):
                return [one for one, _ in islice(self._deployed(project_id), count)]
        known = [one for one in self._store.load() if _belongs(one.name, project_id)]
        known.sort(key=lambda one: one.started, reverse=True)
        return [self._local(one, self._store) for one in known[:count]]

    def answers(self, project_id: str, count: int) -> list[FinishAnswer]:
        """What the latest runs told in their end, the latest first; those that did nothing not."""
        if self._store is None:
            with translated(_SERVICE):
                outputs = [one for _, one in islice(self._deployed(project_id), count)]
        else:
            known = [one for one in self._store.load() if _belongs(one.name, project_id)]
            known.sort(key=lambda one: one.started, reverse=True)
            outputs = [one.output for one in known[:count] if one.status == "SUCCEEDED"]
        return [FinishAnswer.model_validate(one) for one in outputs if _is_finished(one)]

    def is_any_running(self, project_id: str) -> bool:
        """Whether a run of the project is under way, or waits for its window to close."""
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self._arn, statusFilter="RUNNING"
        )
        with translated(_SERVICE):
            return any(
                _belongs(one["name"], project_id) for page in pages for one in page["executions"]
            )

    def _deployed(self, project_id: str) -> Iterator[tuple[ExecutionSummary, Any]]:
        """Each run and its output, None while there is none."""
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self._arn)
        for page in islice(pages, _PAGES):
            for one in page["executions"]:
                if _belongs(one["name"], project_id):
                    detail = self._client.describe_execution(executionArn=one["executionArn"])
                    summary = ExecutionSummary(
                        name=one["name"],
                        arn=one["executionArn"],
                        status=one["status"],
                        started=one["startDate"],
                        stopped=one.get("stopDate"),
                        error=detail.get("error"),
                        cause=detail.get("cause"),
                    )
                    yield summary, json.loads(detail["output"]) if "output" in detail else None

    @staticmethod
    def _local(execution: Execution, store: ExecutionStore) -> ExecutionSummary:
        return ExecutionSummary(
            name=execution.name,
            arn=execution.arn,
            status=execution.status,
            started=execution.started,
            stopped=execution.stopped,
            error=execution.error,
            cause=execution.cause,
            states=tuple(name for name, _ in execution.states),
            map_runs=tuple(
                {**run, "arn": arn, "results": store.items(execution.name, arn)}
                for arn, run in execution.map_runs.items()
            ),
        )


def _is_finished(output: Any) -> bool:
    """Whether an output is finish_export's: other runs ended before anything was done."""
    return isinstance(output, dict) and "converted" in output


def _belongs(name: str, project_id: str) -> bool:
    """Whether an execution's name is of this project, and not of one whose id begins alike."""
    project = re.escape(execution_name(project_id, 0).removesuffix("-0"))
    return re.fullmatch(rf"{project}-\d+(-[a-z][0-9a-z]*)?", name) is not None
