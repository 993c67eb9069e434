import json
import threading
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.workflow.errors import FunctionFailed
from kili_export.local.workflow.executions import Execution
from tests.unit.local.workflow.doubles import Bench, Functions, machine, pass_state, task

RUN = "arn:aws:states:us-east-1:000000000000:mapRun:kili-export/Each:"


def block(mode: dict[str, str], states: dict[str, Any]) -> dict[str, Any]:
    return {"ProcessorConfig": mode, "StartAt": next(iter(states)), "States": states}


def inline(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Items": "{% [$states.input.items] %}",
        "ItemProcessor": block({"Mode": "INLINE"}, states),
        **({} if "Next" in more else {"End": True}),
        **more,
    }


def distributed(states: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Type": "Map",
        "Label": "Each",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Arguments": {"Bucket": "in", "Key": "{% $states.input.key %}"},
        },
        "MaxConcurrency": 1,
        "ItemProcessor": block({"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, states),
        **({} if "Next" in more else {"End": True}),
        **more,
    }


def writer(**config: str) -> dict[str, Any]:
    more = {"WriterConfig": config} if config else {}
    return {
        "Resource": "arn:aws:states:::s3:putObject",
        "Arguments": {"Bucket": "out", "Prefix": "results"},
        **more,
    }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, functions=Functions(work=lambda payload: payload))


def run_over(bench: Bench, items: list[Any], state: dict[str, Any]) -> Execution:
    lines = "".join(json.dumps(item) + "\n" for item in items)
    bench.objects.stored["in", "work.jsonl"] = lines.encode()
    return bench.run(machine(each=state), {"key": "work.jsonl"})


def files(bench: Bench) -> dict[str, bytes]:
    """What was written, by the last part of its key."""
    return {
        key.rpartition("/")[2]: data
        for (bucket, key), data in bench.objects.stored.items()
        if bucket == "out"
    }


def breaking_on(*bad: int) -> Functions:
    def work(payload: dict[str, Any]) -> Any:
        if payload["n"] in bad:
            raise FunctionFailed("Broken", f"on {payload['n']}")
        return payload

    return Functions(work=work)


def numbers(count: int) -> list[dict[str, int]]:
    return [{"n": number} for number in range(count)]


# Inline


def test_an_inline_map_answers_in_the_order_of_its_items(bench: Bench) -> None:
    state = inline({"a": task()}, ItemSelector={"v": "{% $states.context.Map.Item.Value * 10 %}"})
    assert bench.run(machine(each=state), {"items": [3, 1, 2]}).output == [
        {"v": 30},
        {"v": 10},
        {"v": 20},
    ]


def test_an_inline_map_without_a_selector_gives_the_item_itself(bench: Bench) -> None:
    assert bench.run(machine(each=inline({"a": task()})), {"items": [{"x": 1}]}).output == [
        {"x": 1}
    ]


def test_an_inline_map_over_nothing_yields_nothing(bench: Bench) -> None:
    assert bench.run(machine(each=inline({"a": task()})), {"items": []}).output == []


def test_an_iteration_knows_its_item_and_index(bench: Bench) -> None:
    state = inline({"a": pass_state("{% $states.context.Map.Item %}")})
    assert bench.run(machine(each=state), {"items": ["x", "y"]}).output == [
        {"Index": 0, "Value": "x"},
        {"Index": 1, "Value": "y"},
    ]


def test_an_iteration_reads_the_variables_around_it_and_keeps_its_own(bench: Bench) -> None:
    inner = {
        "a": pass_state({}, Assign={"mine": "{% $outer & $states.input %}"}, Next="b"),
        "b": pass_state("{% $mine %}"),
    }
    definition = machine(
        begin=pass_state("{% $states.input %}", Assign={"outer": "o"}, Next="each"),
        each=inline(inner, Next="end"),
        end=pass_state({"out": "{% $states.input %}", "leaked": "{% $exists($mine) %}"}),
    )
    execution = bench.run(definition, {"items": ["x", "y"]})
    assert execution.output == {"out": ["ox", "oy"], "leaked": False}


def test_a_failed_iteration_fails_the_map_with_its_error(bench: Bench) -> None:
    bench.functions = breaking_on(1)
    state = inline({"a": task()}, MaxConcurrency=1)
    execution = bench.run(machine(each=state), {"items": numbers(3)})
    assert (execution.error, execution.cause) == ("Broken", "on 1")
    assert len(bench.functions.calls) == 2, "what has not begun must not begin"


def test_a_failed_map_can_be_retried_as_a_whole(bench: Bench) -> None:
    bench.functions = breaking_on(1)
    state = inline(
        {"a": task()}, MaxConcurrency=1, Retry=[{"ErrorEquals": ["Broken"], "MaxAttempts": 1}]
    )
    bench.run(machine(each=state), {"items": numbers(2)})
    assert [payload["n"] for payload in bench.functions.payloads("work")] == [0, 1, 0, 1]


def test_items_must_be_an_array(bench: Bench) -> None:
    state = inline({"a": task()}, Items="{% $states.input.items %}")
    execution = bench.run(machine(each=state), {"items": "x"})
    assert execution.error == "States.QueryEvaluationError"


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (3, 3)])
def test_no_more_iterations_run_at_once_than_allowed(
    bench: Bench, limit: int, expected: int
) -> None:
    # Each round of calls meets at a barrier, which only as many can pass as run at once.
    barrier = threading.Barrier(expected, timeout=20)
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def work(payload: dict[str, Any]) -> Any:
        with lock:
            running.append(1)
            most.append(len(running))
        barrier.wait()
        with lock:
            running.pop()
        return payload

    bench.functions = Functions(work=work)
    state = inline({"a": task()}, MaxConcurrency=limit)
    execution = bench.run(machine(each=state), {"items": numbers(6)})
    assert execution.status == "SUCCEEDED", execution.cause
    assert max(most) == expected


def test_the_results_of_an_inline_map_are_bounded_together(bench: Bench) -> None:
    bench.functions = Functions(work=lambda _payload: "x" * 100_000)
    execution = bench.run(machine(each=inline({"a": task()})), {"items": [1, 2, 3]})
    assert execution.error == "States.DataLimitExceeded"


# Distributed


def test_every_item_is_a_child_of_its_own_without_a_batcher(bench: Bench) -> None:
    execution = run_over(bench, numbers(3), distributed({"a": task()}))
    assert execution.output == numbers(3)


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [(5, 2, [2, 2, 1]), (4, 2, [2, 2]), (1, 10, [1]), (0, 2, []), (3, 1, [1, 1, 1])],
)
def test_items_come_in_batches(bench: Bench, count: int, size: int, expected: list[int]) -> None:
    batcher = {"MaxItemsPerBatch": size, "BatchInput": {"run": "{% $states.input.key %}"}}
    execution = run_over(bench, numbers(count), distributed({"a": task()}, ItemBatcher=batcher))
    assert [len(child["Items"]) for child in execution.output] == expected
    assert all(child["BatchInput"] == {"run": "work.jsonl"} for child in execution.output)


def test_a_batch_never_exceeds_256_kib(bench: Bench) -> None:
    items = [{"text": "x" * 100_000, "n": number} for number in range(5)]
    bench.functions = Functions(work=lambda payload: [item["n"] for item in payload["Items"]])
    state = distributed({"a": task()}, ItemBatcher={"MaxItemsPerBatch": 10})
    assert run_over(bench, items, state).output == [[0, 1], [2, 3], [4]]


def test_the_selector_shapes_items_before_they_are_batched(bench: Bench) -> None:
    state = distributed(
        {"a": task()},
        ItemSelector={
            "id": "{% $states.context.Map.Item.Value.n %}",
            "at": "{% $states.context.Map.Item.Index %}",
            "key": "{% $states.input.key %}",
        },
        ItemBatcher={"MaxItemsPerBatch": 2},
    )
    execution = run_over(bench, [{"n": 7}], state)
    assert execution.output == [{"Items": [{"id": 7, "at": 0, "key": "work.jsonl"}]}]


def test_a_child_sees_none_of_its_parent_s_variables(bench: Bench) -> None:
    state = distributed({"a": pass_state("{% $exists($outer) %}")})
    bench.objects.stored["in", "work.jsonl"] = b'{"n": 1}'
    definition = machine(
        begin=pass_state("{% $states.input %}", Assign={"outer": 1}, Next="each"), each=state
    )
    assert bench.run(definition, {"key": "work.jsonl"}).output == [False]


def test_a_child_is_an_execution_of_its_own(bench: Bench) -> None:
    state = distributed({"a": pass_state("{% $states.context %}")})
    [context] = run_over(bench, [{"n": 1}], state).output
    machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:kili-export/Each"
    assert context["StateMachine"] == {"Id": machine_arn, "Name": "kili-export"}
    assert context["Execution"]["Input"] == {"n": 1}
    express = machine_arn.replace(":stateMachine:", ":express:")
    assert context["Execution"]["Id"].startswith(f"{express}:{context['Execution']['Name']}:")


@pytest.mark.parametrize("data", [None, b"{", b'{"n": 1}\nnope\n'])
def test_items_that_cannot_be_read_fail_the_map(bench: Bench, data: bytes | None) -> None:
    if data is not None:
        bench.objects.stored["in", "work.jsonl"] = data
    execution = bench.run(machine(each=distributed({"a": task()})), {"key": "work.jsonl"})
    assert execution.error == "States.ItemReaderFailed"


def test_one_failure_is_too_many_when_none_is_tolerated(bench: Bench) -> None:
    bench.functions = breaking_on(1)
    execution = run_over(bench, numbers(4), distributed({"a": task()}))
    assert execution.error == "States.ExceedToleratedFailureThreshold"
    assert len(bench.functions.calls) == 2, "the pending children must not begin"


@pytest.mark.parametrize(
    ("tolerance", "bad", "status"),
    [
        ({"ToleratedFailureCount": 2}, (0, 1), "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, (0, 1, 2), "FAILED"),
        ({"ToleratedFailurePercentage": 50}, (0, 1), "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 50}, (0, 1, 2), "FAILED"),
        ({"ToleratedFailurePercentage": 100}, (0, 1, 2, 3), "SUCCEEDED"),
        ({"ToleratedFailurePercentage": "{% 20 + 5 %}"}, (3,), "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 1}, (0, 1), "FAILED"),
        ({"ToleratedFailurePercentage": 0}, (3,), "FAILED"),
    ],
)
def test_failures_are_tolerated_up_to_the_limit(
    bench: Bench, tolerance: dict[str, Any], bad: tuple[int, ...], status: str
) -> None:
    bench.functions = breaking_on(*bad)
    execution = run_over(bench, numbers(4), distributed({"a": task()}, **tolerance))
    assert execution.status == status
    if status == "SUCCEEDED":
        assert execution.output == [item for item in numbers(4) if item["n"] not in bad]


def test_a_failed_batch_counts_with_all_its_items(bench: Bench) -> None:
    def work(payload: dict[str, Any]) -> Any:
        if payload["Items"][0]["n"] == 0:
            raise FunctionFailed("Broken", "")
        return payload

    bench.functions = Functions(work=work)
    state = distributed({"a": task()}, ItemBatcher={"MaxItemsPerBatch": 2}, ToleratedFailureCount=1)
    execution = run_over(bench, numbers(4), state)
    assert execution.error == "States.ExceedToleratedFailureThreshold"


def test_a_child_that_outlasts_five_minutes_is_timed_out(bench: Bench) -> None:
    bench.functions = Functions(work=lambda _payload: bench.clock.advance(301))
    inner = {"a": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}]), "b": pass_state(1)}
    state = distributed(inner, ToleratedFailurePercentage=100, ResultWriter=writer())
    run_over(bench, [{"n": 1}], state)
    [record] = json.loads(files(bench)["FAILED_0.json"])
    assert (record["Status"], record["Error"]) == ("TIMED_OUT", "States.Timeout")


# The result writer


def test_the_map_answers_where_the_manifest_of_its_results_is(bench: Bench) -> None:
    execution = run_over(bench, numbers(2), distributed({"a": task()}, ResultWriter=writer()))
    run_id = execution.output["MapRunArn"].removeprefix(RUN)
    folder = f"results/{run_id}"
    assert execution.output == {
        "MapRunArn": RUN + run_id,
        "ResultWriterDetails": {"Bucket": "out", "Key": f"{folder}/manifest.json"},
    }
    assert json.loads(files(bench)["manifest.json"]) == {
        "DestinationBucket": "out",
        "MapRunArn": RUN + run_id,
        "ResultFiles": {
            "FAILED": [],
            "PENDING": [],
            "SUCCEEDED": [
                {
                    "Key": f"{folder}/SUCCEEDED_0.json",
                    "Size": len(files(bench)["SUCCEEDED_0.json"]),
                }
            ],
        },
    }


def test_untransformed_results_are_records_of_executions(bench: Bench) -> None:
    bench.functions = breaking_on(1)
    state = distributed({"a": task()}, ResultWriter=writer(), ToleratedFailureCount=0)
    run_over(bench, numbers(3), state)

    [succeeded] = json.loads(files(bench)["SUCCEEDED_0.json"])
    assert succeeded["ExecutionArn"].startswith("arn:aws:states:us-east-1:000000000000:express:")
    del succeeded["ExecutionArn"], succeeded["Name"]
    assert succeeded == {
        "StateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:kili-export/Each",
        "Input": '{"n":0}',
        "InputDetails": {"Included": True},
        "Status": "SUCCEEDED",
        "Output": '{"n":0}',
        "OutputDetails": {"Included": True},
        "StartDate": "2026-01-01T00:00:00.000Z",
        "StopDate": "2026-01-01T00:00:00.000Z",
        "RedriveCount": 0,
    }
    [failed] = json.loads(files(bench)["FAILED_0.json"])
    assert (failed["Status"], failed["Error"], failed["Cause"]) == ("FAILED", "Broken", "on 1")
    assert json.loads(files(bench)["PENDING_0.json"]) == [
        {"Input": '{"n":2}', "InputDetails": {"Included": True}, "Status": "PENDING"}
    ]


@pytest.mark.parametrize(
    ("transformation", "output_type", "expected"),
    [
        ("COMPACT", "JSON", b'[[1,2],{"n":1}]'),
        ("COMPACT", "JSONL", b'[1,2]\n{"n":1}\n'),
        ("FLATTEN", "JSON", b'[1,2,{"n":1}]'),
        ("FLATTEN", "JSONL", b'1\n2\n{"n":1}\n'),
    ],
)
def test_results_are_transformed_as_told(
    bench: Bench, transformation: str, output_type: str, expected: bytes
) -> None:
    bench.functions = Functions(work=lambda payload: [1, 2] if payload["n"] == 0 else payload)
    config = writer(Transformation=transformation, OutputType=output_type)
    run_over(bench, numbers(2), distributed({"a": task()}, ResultWriter=config))
    assert files(bench)["SUCCEEDED_0.json"] == expected


def test_failed_children_are_never_transformed(bench: Bench) -> None:
    bench.functions = breaking_on(0)
    config = writer(Transformation="COMPACT", OutputType="JSONL")
    state = distributed({"a": task()}, ResultWriter=config, ToleratedFailurePercentage=100)
    run_over(bench, numbers(1), state)
    assert json.loads(files(bench)["FAILED_0.json"])["Error"] == "Broken"


def test_a_map_over_nothing_writes_an_empty_manifest(bench: Bench) -> None:
    run_over(bench, [], distributed({"a": task()}, ResultWriter=writer()))
    manifest = json.loads(files(bench)["manifest.json"])
    assert manifest["ResultFiles"] == {"FAILED": [], "PENDING": [], "SUCCEEDED": []}


def test_results_that_cannot_be_written_fail_the_map(bench: Bench) -> None:
    bench.objects.read_only = True
    execution = run_over(bench, numbers(1), distributed({"a": task()}, ResultWriter=writer()))
    assert execution.error == "States.ResultWriterFailed"
