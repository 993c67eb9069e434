"""The state machine against the service's limits, and against the functions' contracts."""

import json
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml

from kili_export.changes.events.run_starter import ExecutionInput
from kili_export.local.workflow.check import check_definition
from kili_export.local.workflow.definition import read_definition, substitution_names
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.local.workflow.expressions import evaluate
from kili_export.local.workflow.limits import EXPRESS_SECONDS
from kili_export.local.workflow.retry import longest_delay
from kili_export.runs.messages import (
    AggregateAnswer,
    AggregateRequest,
    BatchResult,
    ConvertRequest,
    ExportName,
    FinishAnswer,
    FinishRequest,
    PlanAnswer,
    PlanRequest,
    ResumeToken,
    WorkItem,
    WorkList,
)
from tests.unit.local.workflow.doubles import Bench, Functions

PATH = Path(__file__).parents[2] / "statemachine" / "export.asl.yaml"
DEFINITION = read_definition(PATH)
CHILD = DEFINITION["States"]["ConvertAssets"]["ItemProcessor"]["States"]
SUBSTITUTIONS = {
    "Partition": "aws",
    "BucketName": "bucket",
    "PlanExportFunctionArn": "plan",
    "ConvertAssetsFunctionArn": "convert",
    "AggregateArchiveFunctionArn": "aggregate",
    "FinishExportFunctionArn": "finish",
}


def test_the_definition_has_no_problems() -> None:
    assert check_definition(DEFINITION) == []


def test_the_definition_needs_these_substitutions() -> None:
    assert substitution_names(DEFINITION) == SUBSTITUTIONS.keys()


def test_the_file_has_no_anchors_that_another_reader_might_not_know() -> None:
    events = yaml.parse(PATH.read_text(), yaml.SafeLoader)
    assert [str(event.start_mark) for event in events if getattr(event, "anchor", None)] == []


THROTTLED = ["Lambda.TooManyRequestsException"]


def longest_retries(state: dict[str, Any], *, running: float) -> float:
    """Seconds of all retries, if every attempt runs `running` seconds and fails.

    A throttled call did not run, so that retrying it costs the wait alone.
    """
    return sum(
        (0 if retrier["ErrorEquals"] == THROTTLED else running) + longest_delay(retrier, attempt)
        for retrier in state["Retry"]
        for attempt in range(1, retrier["MaxAttempts"] + 1)
    )


def seconds_each(items: int) -> float:
    """What each asset of a batch of so many may take when they are tried one by one."""
    [given] = [one["Assign"] for one in CHILD["ConvertBatch"]["Catch"] if "OneByOne" in one["Next"]]
    assert CHILD["OneByOne"]["ItemProcessor"]["States"]["ConvertOne"]["TimeoutSeconds"] == (
        "{% $seconds_each %}"
    )
    value: float = evaluate(
        given["seconds_each"], {"states": {"input": {"Items": list(range(items))}}}
    )
    return value


@pytest.mark.parametrize("items", [1, 8, 9, 16, 50])
def test_a_child_ends_within_an_express_execution_s_time_even_at_worst(items: int) -> None:
    batch, one_by_one = CHILD["ConvertBatch"], CHILD["OneByOne"]
    one = one_by_one["ItemProcessor"]["States"]["ConvertOne"]
    rounds = ceil(items / one_by_one["MaxConcurrency"])

    assert [retrier["ErrorEquals"] for retrier in one["Retry"]] == [THROTTLED]
    at_worst = (
        longest_retries(batch, running=batch["TimeoutSeconds"])
        + batch["TimeoutSeconds"]
        + rounds * (longest_retries(one, running=0) + seconds_each(items))
    )

    assert at_worst + 20 <= EXPRESS_SECONDS, f"a child may take {at_worst} s"


def test_assets_have_time_one_by_one_and_more_where_they_are_few() -> None:
    assert [seconds_each(items) for items in (1, 10, 50)] == [40, 40, 16]


def test_what_is_quarantined_alone_is_what_no_other_reason_explains() -> None:
    one = CHILD["OneByOne"]["ItemProcessor"]["States"]["ConvertOne"]
    spared = one["Catch"][0]["ErrorEquals"]
    assert spared == CHILD["ConvertBatch"]["Catch"][0]["ErrorEquals"]
    for retrier in (*one["Retry"], *CHILD["ConvertBatch"]["Retry"]):
        assert set(retrier["ErrorEquals"]) <= set(spared)


EXPORTS = ("good", "slow", "bad")


def plan(_payload: Any) -> Any:
    answer = PlanAnswer(
        status="run",
        project_id="p1",
        run_id="r1",
        plan_key="plan.json",
        work=WorkList(key="work.jsonl", count=4, batch_size=2, max_concurrency=2),
        exports=tuple(ExportName(name=name) for name in EXPORTS),
        results_prefix="results",
    )
    return answer.model_dump(mode="json")


def convert(payload: Any) -> Any:
    request = ConvertRequest.model_validate(payload)
    names = tuple(item.asset_id for item in request.items)
    if "a1" in names:
        raise FunctionFailed("Runtime.ExitError", "killed")
    return BatchResult(key="batch", asset_ids=names).model_dump(mode="json")


def aggregate(payload: Any) -> Any:
    request = AggregateRequest.model_validate(payload)
    if request.export == "bad":
        raise FunctionFailed("IntegrityError", "bytes differ")
    going_on = request.export == "slow" and request.resume is None
    answer = AggregateAnswer(
        export=request.export,
        status="continue" if going_on else "committed",
        resume=ResumeToken(uploads="u") if going_on else None,
    )
    return answer.model_dump(mode="json")


def finish(payload: Any) -> Any:
    request = FinishRequest.model_validate(payload)
    answer = FinishAnswer(project_id=request.project_id, exports=request.exports)
    return answer.model_dump(mode="json")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    items = [WorkItem(asset_id=f"a{number}") for number in range(4)]
    bench.objects.stored["bucket", "work.jsonl"] = b"\n".join(item.to_bytes() for item in items)
    bench.functions = Functions(plan=plan, convert=convert, aggregate=aggregate, finish=finish)
    return bench


EXECUTION_INPUT = json.loads(
    ExecutionInput.model_validate(
        {"project_id": "p1", "window": "w1", "not_before": "2026-01-01T00:00:30Z"}
    ).to_bytes()
)


def test_functions_are_asked_and_understood_as_their_contracts_say(bench: Bench) -> None:
    execution = bench.run(DEFINITION, EXECUTION_INPUT, SUBSTITUTIONS)

    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    [request] = bench.functions.payloads("plan")
    assert PlanRequest.model_validate(request).execution_arn == execution.arn
    answer = FinishAnswer.model_validate(execution.output)
    assert [(export.export, export.status) for export in answer.exports] == [
        ("good", "committed"),
        ("slow", "committed"),
        ("bad", "failed"),
    ]


def test_a_run_that_publishes_nothing_converts_and_finishes(bench: Bench) -> None:
    """One slice of a full export: other runs convert the rest."""

    def plan_a_slice(payload: Any) -> Any:
        return {**plan(payload), "exports": []}

    bench.functions = Functions(
        plan=plan_a_slice, convert=convert, aggregate=aggregate, finish=finish
    )
    execution = bench.run(DEFINITION, EXECUTION_INPUT, SUBSTITUTIONS)

    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    request = FinishRequest.model_validate(bench.functions.payloads("finish")[0])
    assert request.results is not None
    assert request.exports == ()
    assert bench.functions.payloads("aggregate") == []


def test_every_line_of_the_results_holds_batch_results(bench: Bench) -> None:
    bench.run(DEFINITION, EXECUTION_INPUT, SUBSTITUTIONS)

    request = FinishRequest.model_validate(bench.functions.payloads("finish")[0])
    assert request.results is not None
    manifest = json.loads(bench.objects.get(request.results.bucket, request.results.key))
    [entry] = manifest["ResultFiles"]["SUCCEEDED"]
    lines = bench.objects.get("bucket", entry["Key"]).splitlines()
    batches = [
        BatchResult.model_validate(batch) for line in lines for batch in json.loads(line)["batches"]
    ]
    assert sorted(name for batch in batches for name in batch.asset_ids) == ["a0", "a2", "a3"]
    assert [failed.asset_id for batch in batches for failed in batch.failed] == ["a1"]


@pytest.mark.parametrize("broken", ["plan", "finish"])
def test_a_failure_is_reported_as_the_contract_says(bench: Bench, broken: str) -> None:
    def fail(payload: Any) -> Any:
        if payload.get("error") is not None:
            return finish(payload)
        raise FunctionFailed("AccessDenied", "refused")

    functions = {"plan": plan, "convert": convert, "aggregate": aggregate, "finish": finish}
    bench.functions = Functions(**{**functions, broken: fail})
    execution = bench.run(DEFINITION, EXECUTION_INPUT, SUBSTITUTIONS)

    report = FinishRequest.model_validate(bench.functions.payloads("finish")[-1])
    assert report.execution_arn == execution.arn
    assert report.error is not None
    assert (report.error.error, report.error.cause) == ("AccessDenied", "refused")
    assert report.run_id == (None if broken == "plan" else "r1")
