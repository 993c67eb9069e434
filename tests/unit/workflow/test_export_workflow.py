"""The real state machine, with functions that do as they are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.workflow.definition import read_definition
from local.workflow.errors import FunctionFailed
from local.workflow.executions import Execution
from tests.unit.workflow.doubles import Bench, Function, Functions

DEFINITION = read_definition(Path(__file__).parents[3] / "statemachine" / "export.asl.yaml")
SUBSTITUTIONS = {
    "Partition": "aws",
    "BucketName": "bucket",
    "PlanExportFunctionArn": "plan",
    "ConvertAssetsFunctionArn": "convert",
    "AggregateArchiveFunctionArn": "aggregate",
    "FinishExportFunctionArn": "finish",
}
INPUT = {"project_id": "p1", "window": "w7", "not_before": "2026-01-01T00:00:30Z"}
ARN = "arn:aws:states:us-east-1:000000000000:execution:kili-export:run"


def planned(count: int = 3, batch_size: int = 2, exports: tuple[str, ...] = ("coco",)) -> Function:
    answer = {
        "status": "run",
        "project_id": "p1",
        "run_id": "r1",
        "plan_key": "runs/r1/plan.json",
        "work": {
            "key": "runs/r1/work.jsonl",
            "count": count,
            "batch_size": batch_size,
            "max_concurrency": 1,
        },
        "exports": [{"name": name} for name in exports],
        "results_prefix": "runs/r1/results",
    }
    return lambda _payload: answer


def converted(payload: dict[str, Any]) -> dict[str, Any]:
    return {"asset_ids": [item["asset_id"] for item in payload["items"]], "failed": []}


def committed(payload: dict[str, Any]) -> dict[str, Any]:
    return {"export": payload["export"], "status": "committed"}


def finished(payload: dict[str, Any]) -> dict[str, Any]:
    return {"project_id": payload["project_id"], "exports": payload.get("exports", [])}


def failing(error: str, cause: str = "because") -> Function:
    def function(_payload: dict[str, Any]) -> Any:
        raise FunctionFailed(error, cause)

    return function


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    lines = [json.dumps({"asset_id": f"a{number}", "marked": True}) for number in range(3)]
    bench.objects.stored["bucket", "runs/r1/work.jsonl"] = "\n".join(lines).encode()
    return bench


def run(bench: Bench, **functions: Function) -> Execution:
    bench.functions = Functions(
        **{
            "plan": planned(),
            "convert": converted,
            "aggregate": committed,
            "finish": finished,
            **functions,
        }
    )
    return bench.run(DEFINITION, INPUT, SUBSTITUTIONS)


def result_lines(bench: Bench, group: str) -> list[Any]:
    [data] = [
        data for (_, key), data in bench.objects.stored.items() if key.endswith(f"{group}_0.json")
    ]
    return [json.loads(line) for line in data.splitlines()]


def visited(execution: Execution) -> list[str]:
    return [name for name, _ in execution.states]


def test_a_run_plans_converts_aggregates_and_finishes(bench: Bench) -> None:
    execution = run(bench)

    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    assert visited(execution) == [
        "WaitForWindow",
        "PlanExport",
        "WhatToDo",
        "ConvertAssets",
        "AggregateArchives",
        "FinishExport",
    ]
    assert execution.output == {
        "project_id": "p1",
        "exports": [{"export": "coco", "status": "committed"}],
    }
    assert bench.clock.slept == [30.0]
