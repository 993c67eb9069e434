"""The real state machine, with functions that do as they are told."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.local.workflow.definition import read_definition
from kili_export.local.workflow.errors import FunctionFailed
from kili_export.local.workflow.executions import Execution
from tests.unit.local.workflow.doubles import Bench, Function, Functions

DEFINITION = read_definition(Path(__file__).parents[4] / "statemachine" / "export.asl.yaml")
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
    """What the map wrote of its children that succeeded or failed."""
    return [
        json.loads(line)
        for (_, key), data in bench.objects.stored.items()
        if key.endswith(f"{group}_0.json")
        for line in data.splitlines()
    ]


def visited(execution: Execution) -> list[str]:
    return [name for name, _ in execution.states]


def test_a_small_run_is_whole_when_it_is_planned(bench: Bench) -> None:
    made = {"project_id": "p1", "cleared": 1}
    answer = {"status": "done", "project_id": "p1", "run_id": "r1", "finished": made}

    execution = run(bench, plan=lambda _payload: answer)

    assert execution.output == made
    assert visited(execution) == ["WaitForWindow", "PlanExport", "WhatToDo", "Published"]
    [asked] = bench.functions.payloads("plan")
    assert asked["whole"] is True


@pytest.mark.parametrize(
    "error",
    ["Runtime.ExitError", "Sandbox.Timedout", "Lambda.Unknown", "Runtime.OutOfMemory", "TypeError"],
)
def test_what_broke_an_invocation_that_plans_goes_through_single_steps(
    bench: Bench, error: str
) -> None:
    def plan(payload: dict[str, Any]) -> Any:
        if payload["whole"]:
            raise FunctionFailed(error, "an asset broke it")
        return planned()(payload)

    execution = run(bench, plan=plan)

    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    assert visited(execution)[-3:] == ["ConvertAssets", "AggregateArchives", "FinishExport"]
    assert [payload["whole"] for payload in bench.functions.payloads("plan")] == [True, False]


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


def test_nothing_is_planned_before_the_window_has_closed(bench: Bench) -> None:
    times = []

    def plan(payload: dict[str, Any]) -> Any:
        times.append(bench.clock.now().isoformat())
        return planned()(payload)

    run(bench, plan=plan)

    assert times == ["2026-01-01T00:00:30+00:00"]


@pytest.mark.parametrize("status", ["idle", "busy"])
def test_an_execution_with_nothing_to_do_ends_quietly(bench: Bench, status: str) -> None:
    answer = {"status": status, "project_id": "p1", "run_id": None, "work": None}

    execution = run(bench, plan=lambda _payload: answer)

    assert execution.status == "SUCCEEDED"
    assert [name for name, _ in bench.functions.calls] == ["plan"]


def test_without_work_the_archives_are_aggregated_from_no_results(bench: Bench) -> None:
    execution = run(bench, plan=planned(count=0))

    assert "ConvertAssets" not in visited(execution)
    [request] = bench.functions.payloads("aggregate")
    assert request["results"] is None


def test_assets_are_converted_in_batches_of_the_plan(bench: Bench) -> None:
    run(bench)

    batch = {"project_id": "p1", "run_id": "r1", "plan_key": "runs/r1/plan.json"}
    requests = bench.functions.payloads("convert")
    assert [request["batch"] for request in requests] == [batch, batch]
    assert [len(request["items"]) for request in requests] == [2, 1]
    assert result_lines(bench, "SUCCEEDED") == [
        {"batches": [{"asset_ids": ["a0", "a1"], "failed": []}]},
        {"batches": [{"asset_ids": ["a2"], "failed": []}]},
    ]


def test_a_batch_never_exceeds_what_five_minutes_were_reckoned_with(bench: Bench) -> None:
    lines = [json.dumps({"asset_id": f"a{number}"}) for number in range(120)]
    bench.objects.stored["bucket", "runs/r1/work.jsonl"] = "\n".join(lines).encode()

    run(bench, plan=planned(count=120, batch_size=500))

    sizes = [len(request["items"]) for request in bench.functions.payloads("convert")]
    assert sizes == [50, 50, 20]


def test_the_aggregation_is_told_where_the_results_are(bench: Bench) -> None:
    run(bench)

    [request] = bench.functions.payloads("aggregate")
    location = request["results"]
    assert location["bucket"] == "bucket"
    assert location["key"].startswith("runs/r1/results/")
    manifest = json.loads(bench.objects.stored["bucket", location["key"]])
    assert [entry["Key"] for entry in manifest["ResultFiles"]["SUCCEEDED"]] == [
        location["key"].replace("manifest.json", "SUCCEEDED_0.json")
    ]


@pytest.mark.parametrize("crash", ["Runtime.ExitError", "Sandbox.Timedout", "AssetError"])
def test_the_asset_that_breaks_its_batch_is_quarantined_alone(bench: Bench, crash: str) -> None:
    def convert(payload: dict[str, Any]) -> Any:
        if any(item["asset_id"] == "a1" for item in payload["items"]):
            raise FunctionFailed(crash, "the label was: secret")
        return converted(payload)

    execution = run(bench, convert=convert)

    assert execution.status == "SUCCEEDED"
    first, second = result_lines(bench, "SUCCEEDED")
    assert first == {
        "batches": [
            {"asset_ids": ["a0"], "failed": []},
            {
                "failed": [
                    {
                        "asset_id": "a1",
                        "error": f"The worker failed on this asset alone ({crash}).",
                    }
                ]
            },
        ]
    }
    assert second == {"batches": [{"asset_ids": ["a2"], "failed": []}]}


def test_a_batch_that_takes_too_long_is_tried_one_by_one(bench: Bench) -> None:
    def convert(payload: dict[str, Any]) -> Any:
        bench.clock.advance(35 * len(payload["items"]))
        return converted(payload)

    run(bench, convert=convert)

    sizes = [len(request["items"]) for request in bench.functions.payloads("convert")]
    assert sizes == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        ("Throttled", [2.0]),
        ("Unavailable", [2.0]),
        # It did not run: in a small account the others need a moment to end.
        ("Lambda.TooManyRequestsException", [2.0, 4.0, 8.0, 10.0]),
    ],
)
def test_a_batch_that_meets_a_passing_fault_is_tried_again(
    bench: Bench, error: str, waits: list[float]
) -> None:
    execution = run(bench, convert=failing(error))

    requests = bench.functions.payloads("convert")
    attempts = len(waits) + 1
    assert [len(request["items"]) for request in requests] == [2] * attempts + [1] * attempts
    assert bench.clock.slept == [30.0, *waits, *waits]
    assert execution.status == "SUCCEEDED", "a failed batch must not fail the run"
    assert [record["Error"] for record in result_lines(bench, "FAILED")] == [error, error]


@pytest.mark.parametrize(
    "error",
    [
        "AccessDenied",
        "IncompatibleProject",
        "RequestRefused",
        "IntegrityError",
        "ConflictError",
        "ValidationError",
        "Lambda.ServiceException",
    ],
)
def test_what_says_nothing_about_an_asset_never_quarantines_one(bench: Bench, error: str) -> None:
    def convert(payload: dict[str, Any]) -> Any:
        raise FunctionFailed("MemoryError" if len(payload["items"]) > 1 else error, "")

    run(bench, convert=convert)

    assert {record["Status"] for record in result_lines(bench, "FAILED")} == {"FAILED"}
    assert not [key for _, key in bench.objects.stored if "SUCCEEDED" in key]


def test_an_aggregation_goes_on_where_it_left_off(bench: Bench) -> None:
    def aggregate(payload: dict[str, Any]) -> Any:
        part = (payload["resume"] or {"part": 0})["part"]
        if part < 2:
            return {"export": "coco", "status": "continue", "resume": {"part": part + 1}}
        return committed(payload)

    execution = run(bench, aggregate=aggregate)

    resumed = [request["resume"] for request in bench.functions.payloads("aggregate")]
    assert resumed == [None, {"part": 1}, {"part": 2}]
    assert execution.output["exports"] == [{"export": "coco", "status": "committed"}]


CRASHES = ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout"]


@pytest.mark.parametrize("crash", CRASHES)
def test_an_aggregation_goes_on_after_a_crash_in_every_part(bench: Bench, crash: str) -> None:
    crashed: list[int] = []

    def aggregate(payload: dict[str, Any]) -> Any:
        part = (payload["resume"] or {"part": 0})["part"]
        if crashed.count(part) < 2:
            crashed.append(part)
            raise FunctionFailed(crash, "")
        if part < 2:
            return {"export": "coco", "status": "continue", "resume": {"part": part + 1}}
        return committed(payload)

    execution = run(bench, aggregate=aggregate)

    assert crashed == [0, 0, 1, 1, 2, 2]
    assert execution.output["exports"] == [{"export": "coco", "status": "committed"}]


@pytest.mark.parametrize("crash", CRASHES)
def test_an_aggregation_that_keeps_crashing_fails(bench: Bench, crash: str) -> None:
    execution = run(bench, aggregate=failing(crash, ""))

    assert len(bench.functions.payloads("aggregate")) == 3
    assert execution.output["exports"] == [
        {"export": "coco", "status": "failed", "error": crash, "cause": ""}
    ]


def test_what_no_invocation_has_time_for_is_tried_once(bench: Bench) -> None:
    execution = run(bench, aggregate=failing("OutlastsInvocation", "declare several"))

    assert len(bench.functions.payloads("aggregate")) == 1
    [answer] = execution.output["exports"]
    assert (answer["status"], answer["cause"]) == ("failed", "declare several")


def test_one_export_that_fails_does_not_hold_up_the_others(bench: Bench) -> None:
    def aggregate(payload: dict[str, Any]) -> Any:
        if payload["export"] == "bad":
            raise FunctionFailed("IntegrityError", "x" * 5000)
        return committed(payload)

    execution = run(bench, plan=planned(exports=("good", "bad", "other")), aggregate=aggregate)

    assert execution.output["exports"] == [
        {"export": "good", "status": "committed"},
        {"export": "bad", "status": "failed", "error": "IntegrityError", "cause": "x" * 1000},
        {"export": "other", "status": "committed"},
    ]


def test_a_failed_plan_releases_the_lease_and_fails(bench: Bench) -> None:
    execution = run(bench, plan=failing("AccessDenied", "the key was refused"))

    assert bench.functions.payloads("finish") == [
        {
            "project_id": "p1",
            "execution_arn": ARN,
            "results": None,
            "error": {"error": "AccessDenied", "cause": "the key was refused"},
        }
    ]
    assert (execution.status, execution.error) == ("FAILED", "AccessDenied")
    assert execution.cause == "the key was refused"


def test_what_the_plan_told_is_reported_with_a_later_failure(bench: Bench) -> None:
    bench.objects.stored.clear()

    execution = run(bench)

    assert execution.error == "States.ItemReaderFailed"
    [report] = bench.functions.payloads("finish")
    assert (report["run_id"], report["plan_key"]) == ("r1", "runs/r1/plan.json")
    assert report["error"]["error"] == "States.ItemReaderFailed"


def test_a_finish_that_keeps_failing_is_reported_by_a_last_attempt(bench: Bench) -> None:
    execution = run(bench, finish=failing("IntegrityError", "no"))

    kinds = ["error" in payload for payload in bench.functions.payloads("finish")]
    assert kinds == [False, False, False, True, True, True]
    assert (execution.status, execution.error) == ("FAILED", "IntegrityError")


def test_a_finish_outlasts_a_passing_fault(bench: Bench) -> None:
    left = [8]

    def finish(payload: dict[str, Any]) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise FunctionFailed("Unavailable", "")
        return finished(payload)

    execution = run(bench, finish=finish)

    assert execution.status == "SUCCEEDED"
    assert bench.clock.slept[1:] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_an_execution_without_end_is_timed_out(bench: Bench) -> None:
    def aggregate(_payload: dict[str, Any]) -> Any:
        bench.clock.advance(890)
        return {"export": "coco", "status": "continue", "resume": {}}

    execution = run(bench, aggregate=aggregate)

    assert (execution.status, execution.error) == ("TIMED_OUT", "States.Timeout")


BEHAVIOURS = {
    "converted": None,
    "crashes": "Runtime.ExitError",
    "throttled": "Throttled",
    "denied": "AccessDenied",
}


@settings(deadline=None, max_examples=40)
@given(
    behaviours=st.lists(st.sampled_from(sorted(BEHAVIOURS)), min_size=1, max_size=12),
    batch_size=st.integers(1, 5),
)
def test_every_asset_ends_in_exactly_one_place(behaviours: list[str], batch_size: int) -> None:
    wanted = {f"a{number}": behaviour for number, behaviour in enumerate(behaviours)}

    def convert(payload: dict[str, Any]) -> Any:
        for item in payload["items"]:
            error = BEHAVIOURS[wanted[item["asset_id"]]]
            if error is not None:
                raise FunctionFailed(error, "")
        return converted(payload)

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        work = "\n".join(json.dumps({"asset_id": name}) for name in wanted)
        bench.objects.stored["bucket", "runs/r1/work.jsonl"] = work.encode()
        execution = run(bench, plan=planned(len(wanted), batch_size), convert=convert)

    assert execution.status == "SUCCEEDED", (execution.error, execution.cause)
    batches = [batch for line in result_lines(bench, "SUCCEEDED") for batch in line["batches"]]
    done = [name for batch in batches for name in batch.get("asset_ids", [])]
    quarantined = [failed["asset_id"] for batch in batches for failed in batch["failed"]]
    untouched = [
        item["asset_id"]
        for record in result_lines(bench, "FAILED")
        for item in json.loads(record["Input"])["Items"]
    ]
    assert sorted(done + quarantined + untouched) == sorted(wanted)
    assert {wanted[name] for name in done} <= {"converted"}
    assert {wanted[name] for name in quarantined} <= {"crashes"}, "an innocent one is quarantined"
    names = list(wanted)
    for start in range(0, len(names), batch_size):
        batch = names[start : start + batch_size]
        passing = {wanted[name] for name in batch} & {"throttled", "denied"}
        assert bool(set(batch) & set(untouched)) == bool(passing), batch
