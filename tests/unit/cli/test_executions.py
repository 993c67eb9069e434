"""Waiting asks for the execution that was started, and lists all only when that has ended."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from kili_export.aws import execution_list
from kili_export.cli.executions import Executions
from kili_export.cli.stack_connection import StackConnection
from kili_export.core.errors import AccessDenied
from kili_export.wiring.settings import Settings

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:kili-export-export"
STARTED = "project-1-m1"


class Service:
    """Step Functions: answers to DescribeExecution in turn, by name, the last of which stays."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answers: dict[str, list[Any]] = {}
        self.running: list[str] = []

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 boto3's
        machine, _, name = executionArn.rpartition(":")
        assert machine == MACHINE.replace("stateMachine", "execution")
        self.calls.append(name)
        answers = self.answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"name": name, "startDate": datetime(2026, 1, 1, tzinfo=UTC), **answer}

    def get_paginator(self, operation: str) -> "Service":
        assert operation == "list_executions"
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        self.calls.append("list")
        yield {"executions": [{"name": name} for name in self.running]}


def failed(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "DescribeExecution")


RUNNING = {"status": "RUNNING"}
UNKNOWN = failed("ExecutionDoesNotExist")


def ended(follow_up: str | None = None) -> dict[str, Any]:
    name = "null" if follow_up is None else f'"{follow_up}"'
    output = f'{{"project_id": "project", "converted": 1, "follow_up": {name}}}'
    return {"status": "SUCCEEDED", "output": output}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(execution_list, "aws_client", lambda _: service)
    return service


@pytest.fixture
def executions(service: Service) -> Executions:
    del service
    executions = Executions(StackConnection(Settings(state_machine_arn=MACHINE), ""))
    executions.follow(STARTED)
    return executions


def polls(executions: Executions, count: int) -> list[bool]:
    return [executions.is_any_running("project") for _ in range(count)]


def test_the_started_one_is_asked_for_by_name_and_nothing_is_listed(
    service: Service, executions: Executions
) -> None:
    service.answers[STARTED] = [RUNNING]
    assert polls(executions, 3) == [True, True, True]
    assert service.calls == [STARTED] * 3


def test_one_that_is_not_known_yet_is_under_way(service: Service, executions: Executions) -> None:
    service.answers[STARTED] = [UNKNOWN, UNKNOWN, RUNNING, ended()]
    assert polls(executions, 4) == [True, True, True, False]


def test_one_that_stays_unknown_is_given_up(service: Service, executions: Executions) -> None:
    service.answers[STARTED] = [UNKNOWN]
    assert polls(executions, 10) == [True] * 9 + [False]


def test_the_run_that_it_starts_is_followed(service: Service, executions: Executions) -> None:
    service.answers[STARTED] = [ended("project-2")]
    service.answers["project-2"] = [UNKNOWN, RUNNING, ended()]
    assert polls(executions, 3) == [True, True, False]
    assert service.calls == [STARTED, "project-2", "project-2", "project-2", "list"]


def test_another_run_of_the_project_is_found_once_it_has_ended(
    service: Service, executions: Executions
) -> None:
    service.answers[STARTED] = [ended()]
    service.answers["project-7"] = [RUNNING]
    service.running = ["project-7", "other-7"]
    assert polls(executions, 3) == [True, True, True]
    assert service.calls == [STARTED, "list", "project-7", "project-7"]


def test_a_failed_run_has_ended(service: Service, executions: Executions) -> None:
    service.answers[STARTED] = [{"status": "FAILED", "error": "E", "cause": "c"}]
    assert polls(executions, 1) == [False]


def test_a_refusal_is_told(service: Service, executions: Executions) -> None:
    service.answers[STARTED] = [failed("AccessDeniedException")]
    with pytest.raises(AccessDenied):
        polls(executions, 1)
