"""The functions of the workflow hand requests on, and tell what came of them."""

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from pydantic import ValidationError

from kili_export.core.document import Document
from kili_export.core.errors import ConflictError, Unavailable
from kili_export.local.stack.lambda_context import LocalContext
from kili_export.maintenance.reconciliation.messages import (
    ReconcileAnswer,
    ReconciledProject,
    ReconcileRequest,
    Repaired,
    Waiting,
)
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    ExportName,
    FailedAsset,
    FinishAnswer,
    FinishRequest,
    PlanAnswer,
    PlanRequest,
    WorkList,
)
from kili_export.wiring import lambda_handler
from tests.support.standard_output import StandardOutput

EVENTS = Path(__file__).resolve().parents[3] / "events"
CONTEXT = LocalContext("function", "512", "arn:aws:lambda:eu-west-1:123:function:f", "r", 0)

MODULES = {
    "plan_export": "planning",
    "convert_assets": "conversion",
    "aggregate_archive": "publishing",
    "finish_export": "completion",
    "reconcile": "reconciliation",
}
"""Where each function is put together."""


@dataclass(frozen=True)
class Case:
    """A function, a sample of its input, its use case's answer and what is counted of that."""

    function: str
    sample: str
    request: type[Document]
    answer: Document
    counted: Mapping[str, float]
    correlation: Callable[[Any], str | None] = field(default=lambda event: event["execution_arn"])

    def __str__(self) -> str:
        return f"{self.function}-{self.sample}"


CASES = [
    Case(
        "plan_export",
        "request",
        PlanRequest,
        PlanAnswer(
            status="run",
            project_id="clabc123",
            run_id="r1",
            plan_key="runs/clabc123/r1/plan.json",
            work=WorkList(
                key="runs/clabc123/r1/work.jsonl", count=3, batch_size=50, max_concurrency=8
            ),
            exports=(ExportName(name="yolo"),),
            results_prefix="runs/clabc123/r1/results",
        ),
        {"RunsPlanned": 1, "AssetsPlanned": 3},
    ),
    Case(
        "plan_export",
        "request",
        PlanRequest,
        PlanAnswer(status="busy", project_id="clabc123"),
        {"RunsPlanned": 0, "AssetsPlanned": 0},
    ),
    Case(
        "convert_assets",
        "batch",
        ConvertRequest,
        BatchResult(
            key="runs/clabc123/r1/batches/a.bin",
            etag="e",
            size=10,
            asset_ids=("classet0001",),
            failed=(FailedAsset(asset_id="classet0002", error="its label is broken"),),
            pending=("classet0003",),
        ),
        {"AssetsConverted": 1, "AssetsFailed": 1, "AssetsNotReadableYet": 1},
        lambda event: str(event["batch"]["run_id"]),
    ),
    Case(
        "aggregate_archive",
        "request",
        AggregateRequest,
        AggregateAnswer(
            export="yolo",
            status="committed",
            generation=18,
            quarantined=2,
            size=20514,
            requests=6,
            bytes_down=7,
            bytes_up=8,
        ),
        {
            "AssetsQuarantined": 2,
            "ArchiveBytes": 20514,
            "S3Requests": 6,
            "BytesDown": 7,
            "BytesUp": 8,
        },
        lambda event: str(event["run_id"]),
    ),
    Case(
        "finish_export",
        "one_export_failed",
        FinishRequest,
        FinishAnswer(
            project_id="clabc123",
            cleared=1,
            unanswered=3,
            unanswered_cause="Unavailable: Kili does not answer",
            freshness_seconds=64.5,
        ),
        {
            "RunsFailed": 0,
            "ExportsPublished": 1,
            "ExportsFailed": 1,
            "ExportsHeld": 0,
            "AssetsUnanswered": 3,
            "FreshnessSeconds": 64.5,
        },
    ),
    Case(
        "finish_export",
        "run_failed",
        FinishRequest,
        FinishAnswer(project_id="clabc123", remaining=4),
        {
            "RunsFailed": 1,
            "ExportsPublished": 0,
            "ExportsFailed": 0,
            "ExportsHeld": 0,
            "AssetsUnanswered": 0,
        },
    ),
    Case(
        "reconcile",
        "schedule",
        ReconcileRequest,
        ReconcileAnswer(
            projects=(
                ReconciledProject(project_id="a", repaired=Repaired(changed=2, rebuilds=1)),
                ReconciledProject(
                    project_id="b",
                    waiting=Waiting(seconds=7300, removals=12, left_out=2),
                    started="b-1-s",
                ),
                ReconciledProject(project_id="c", error="AccessDenied: the key is refused"),
            )
        ),
        {
            "ProjectsReconciled": 2,
            "ReconcileFailed": 1,
            "ReconcileRepaired": 3,
            "RunsSwept": 1,
            "OldestMarkSeconds": 7300,
            "ProjectsHeld": 1,
            "ExportsLeftOut": 2,
        },
        lambda _event: None,
    ),
]


CASES.append(
    Case(
        "reconcile",
        "schedule",
        ReconcileRequest,
        ReconcileAnswer(projects=(ReconciledProject(project_id="a"),)),
        # Nothing but that the schedules work: each metric with a value is paid for.
        {"ProjectsReconciled": 1},
        lambda _event: None,
    )
)


def handler_of(
    function: str, outcome: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Any, Any], Any]:
    monkeypatch.setattr(f"kili_export.wiring.{MODULES[function]}.{function}", lambda *_: outcome)
    app = importlib.import_module(f"functions.{function}.app")
    # The handler's own were made from the environment when it was first imported.
    metrics = Metrics(namespace="KiliContinuousExport", service="stack")
    monkeypatch.setattr(lambda_handler, "metrics", metrics)
    monkeypatch.setattr(lambda_handler.logger.registered_handler, "stream", StandardOutput())
    handler: Callable[[Any, Any], Any] = app.lambda_handler
    return handler


def sample(case: Case) -> Any:
    return json.loads((EVENTS / case.function / f"{case.sample}.json").read_bytes())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_function_hands_its_request_on_and_answers(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Any] = []

    def use_case(request: Any, *_time_left: Any) -> Document:
        received.append(request)
        return case.answer

    answer = handler_of(case.function, use_case, monkeypatch)(sample(case), CONTEXT)
    assert received == [case.request.model_validate(sample(case))]
    assert type(case.answer).model_validate(answer) == case.answer
    json.dumps(answer)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_function_counts_by_stack_alone_and_logs_with_the_runs_id(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handler_of(case.function, lambda *_request: case.answer, monkeypatch)(sample(case), CONTEXT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [emitted] = [line for line in lines if "_aws" in line]
    [declared] = emitted["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "KiliContinuousExport"
    assert declared["Dimensions"] == [["service"]]
    assert {one["Name"]: emitted[one["Name"]] for one in declared["Metrics"]} == {
        name: [float(value)] for name, value in case.counted.items()
    }
    logged = [line for line in lines if "_aws" not in line]
    assert logged, "nothing was logged"
    for line in logged:
        assert line.get("correlation_id") == case.correlation(sample(case))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_error_leaves_under_the_name_that_the_workflow_matches(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use_case(*_request: Any) -> Document:
        raise Unavailable("S3 does not answer")

    with pytest.raises(Unavailable):
        handler_of(case.function, use_case, monkeypatch)(sample(case), CONTEXT)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_input_of_another_shape_is_refused_before_anything_is_done(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use_case(*_request: Any) -> Document:
        raise AssertionError("it was called")

    # What functions hand to each other is of another version when it is of another shape.
    error = ValidationError if case.function in {"plan_export", "reconcile"} else ConflictError
    with pytest.raises(error):
        handler_of(case.function, use_case, monkeypatch)({"imagined": True}, CONTEXT)


def test_what_a_refused_request_holds_is_not_told() -> None:
    with pytest.raises(ConflictError, match=r"batch\.imagined") as refused:
        ConvertRequest.from_payload({"batch": {"imagined": "a secret"}, "items": []})
    assert "a secret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_was_counted_before_an_error_is_written_and_none_is_left_for_the_next_call(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def use_case(*_request: Any) -> Document:
        lambda_handler.metrics.add_metric("Counted", "Count", 1)
        raise Unavailable("S3 does not answer")

    handler = handler_of(case.function, use_case, monkeypatch)
    for _ in range(2):
        with pytest.raises(Unavailable):
            handler(sample(case), CONTEXT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["Counted"] for line in lines if "_aws" in line] == [[1.0], [1.0]]
