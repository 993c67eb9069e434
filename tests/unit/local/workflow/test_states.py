from pathlib import Path
from typing import Any

import pytest

from kili_export.local.workflow.errors import FunctionFailed
from tests.unit.local.workflow.doubles import Bench, Functions, machine, pass_state, task

LARGE = "x" * (256 * 1024)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def failing_first(times: int, error: str = "Throttled") -> Functions:
    left = [times]

    def work(payload: dict[str, Any]) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise FunctionFailed(error, "busy")
        return payload

    return Functions(work=work)


def test_a_task_hands_its_payload_to_the_function_and_takes_its_answer(bench: Bench) -> None:
    bench.functions = Functions(work=lambda payload: {"sum": payload["a"] + payload["b"]})
    payload = {"a": "{% $states.input.n %}", "b": 2}
    execution = bench.run(machine(a=task(payload=payload)), {"n": 1})
    assert execution.output == {"sum": 3}


def test_without_output_a_task_yields_the_integration_s_whole_result(bench: Bench) -> None:
    bench.functions = Functions(work=lambda _payload: "done")
    state = task()
    del state["Output"]
    execution = bench.run(machine(a=state))
    assert execution.output == {"ExecutedVersion": "$LATEST", "Payload": "done", "StatusCode": 200}


def test_the_context_tells_of_the_execution_and_the_state(bench: Bench) -> None:
    execution = bench.run(machine(a=pass_state("{% $states.context %}")), {"x": 1})
    arn = "arn:aws:states:us-east-1:000000000000"
    assert execution.output == {
        "Execution": {
            "Id": f"{arn}:execution:kili-export:run",
            "Input": {"x": 1},
            "Name": "run",
            "StartTime": "2026-01-01T00:00:00.000Z",
        },
        "StateMachine": {"Id": f"{arn}:stateMachine:kili-export", "Name": "kili-export"},
        "State": {"EnteredTime": "2026-01-01T00:00:00.000Z", "Name": "a", "RetryCount": 0},
    }


def test_a_pass_hands_on_its_input_unless_told_otherwise(bench: Bench) -> None:
    assert bench.run(machine(a={"Type": "Pass", "End": True}), {"x": 1}).output == {"x": 1}


def test_variables_are_read_as_they_were_when_the_state_was_entered(bench: Bench) -> None:
    definition = machine(
        a=pass_state({}, Assign={"x": 1}, Next="b"),
        b=pass_state("{% $x %}", Assign={"x": "{% $x + 1 %}", "y": "{% $x %}"}, Next="c"),
        c=pass_state({"x": "{% $x %}", "y": "{% $y %}", "input": "{% $states.input %}"}),
    )
    assert bench.run(definition).output == {"x": 2, "y": 1, "input": 1}


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        ({"Seconds": 7}, [7]),
        ({"Seconds": "{% $states.input.s %}"}, [5]),
        ({"Timestamp": "2026-01-01T00:01:00Z"}, [60.0]),
        ({"Timestamp": "2026-01-01T02:00:30+02:00"}, [30.0]),
    ],
)
def test_a_wait_lasts_as_long_as_it_says(
    bench: Bench, wait: dict[str, Any], expected: list[float]
) -> None:
    execution = bench.run(machine(a={"Type": "Wait", "End": True, **wait}), {"s": 5})
    assert (execution.output, bench.clock.slept) == ({"s": 5}, expected)


def test_a_wait_for_a_time_that_has_passed_ends_at_once(bench: Bench) -> None:
    before = bench.clock.now()
    bench.run(machine(a={"Type": "Wait", "Timestamp": "2025-01-01T00:00:00Z", "End": True}))
    assert bench.clock.now() == before


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T00:00:00", "soon"])
def test_a_timestamp_without_an_offset_fails_the_execution(bench: Bench, text: str) -> None:
    execution = bench.run(machine(a={"Type": "Wait", "Timestamp": text, "End": True}))
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(("n", "expected"), [(1, "one"), (2, "small"), (9, "many")])
def test_a_choice_takes_the_first_condition_that_holds(bench: Bench, n: int, expected: str) -> None:
    definition = machine(
        a={
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.n = 1 %}", "Next": "one"},
                {"Condition": "{% $states.input.n < 3 %}", "Next": "small"},
            ],
            "Default": "many",
        },
        one=pass_state("one"),
        small=pass_state("small"),
        many=pass_state("many"),
    )
    assert bench.run(definition, {"n": n}).output == expected


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        ("{% false %}", "States.NoChoiceMatched"),
        ('{% "yes" %}', "States.QueryEvaluationError"),
        ("{% $states.input.missing %}", "States.QueryEvaluationError"),
    ],
)
def test_a_choice_that_cannot_be_made_fails(bench: Bench, condition: str, error: str) -> None:
    choices = [{"Condition": condition, "Next": "b"}]
    definition = machine(a={"Type": "Choice", "Choices": choices}, b={"Type": "Succeed"})
    assert bench.run(definition).error == error


def test_a_succeed_ends_with_its_output(bench: Bench) -> None:
    execution = bench.run(machine(a={"Type": "Succeed", "Output": {"n": "{% 1 + 1 %}"}}))
    assert (execution.status, execution.output) == ("SUCCEEDED", {"n": 2})


def test_a_fail_gives_its_error_and_cause(bench: Bench) -> None:
    state = {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "why"}
    execution = bench.run(machine(a=state), {"e": "Broken"})
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "Broken", "why")


def test_an_uncaught_error_fails_the_execution(bench: Bench) -> None:
    bench.functions = failing_first(9)
    execution = bench.run(machine(a=task()))
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "Throttled", "busy")


def test_a_retry_waits_longer_each_time_and_then_goes_on(bench: Bench) -> None:
    bench.functions = failing_first(3)
    retry = [{"ErrorEquals": ["Throttled"], "IntervalSeconds": 2, "MaxDelaySeconds": 5}]
    execution = bench.run(machine(a=task(Retry=retry)), {"x": 1})
    assert execution.output == {"x": 1}
    assert bench.clock.slept == [2.0, 4.0, 5.0]


def test_a_retry_counts_in_the_context(bench: Bench) -> None:
    bench.functions = failing_first(2)
    payload = "{% $states.context.State.RetryCount %}"
    bench.run(machine(a=task(payload=payload, Retry=[{"ErrorEquals": ["Throttled"]}])))
    assert bench.functions.calls == [("work", 0), ("work", 1), ("work", 2)]


def test_retries_begin_again_when_a_state_is_entered_again(bench: Bench) -> None:
    answers = iter(["fail", "ok", "fail", "ok"])

    def work(_payload: dict[str, Any]) -> Any:
        if next(answers) == "fail":
            raise FunctionFailed("Throttled", "")
        return 1

    bench.functions = Functions(work=work)
    definition = machine(
        begin=pass_state({}, Assign={"rounds": 0}, Next="a"),
        a=task(
            Retry=[{"ErrorEquals": ["Throttled"], "MaxAttempts": 1}],
            Assign={"rounds": "{% $rounds + 1 %}"},
            Next="again",
        ),
        again={
            "Type": "Choice",
            "Choices": [{"Condition": "{% $rounds < 2 %}", "Next": "a"}],
            "Default": "end",
        },
        end={"Type": "Succeed"},
    )
    assert bench.run(definition).status == "SUCCEEDED"


def test_a_catch_is_asked_after_the_retries(bench: Bench) -> None:
    bench.functions = failing_first(9)
    definition = machine(
        a=task(
            Retry=[{"ErrorEquals": ["Throttled"], "MaxAttempts": 1}],
            Catch=[
                {"ErrorEquals": ["Unavailable"], "Next": "other"},
                {"ErrorEquals": ["Throttled"], "Next": "caught"},
                {"ErrorEquals": ["States.ALL"], "Next": "other"},
            ],
        ),
        caught={"Type": "Succeed"},
        other={"Type": "Fail"},
    )
    execution = bench.run(definition)
    assert execution.output == {"Error": "Throttled", "Cause": "busy"}
    assert len(bench.functions.calls) == 2


def test_a_catch_shapes_its_output_and_its_variables_alone(bench: Bench) -> None:
    bench.functions = failing_first(1)
    definition = machine(
        a=task(
            Assign={"from": "state"},
            Catch=[
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"error": "{% $states.errorOutput.Error %}"},
                    "Output": {"kept": "{% $states.input.x %}"},
                    "Next": "b",
                }
            ],
        ),
        b=pass_state(
            {"in": "{% $states.input %}", "error": "{% $error %}", "state": "{% $exists($from) %}"}
        ),
    )
    execution = bench.run(definition, {"x": 1})
    assert execution.output == {"in": {"kept": 1}, "error": "Throttled", "state": False}


def test_an_output_that_cannot_be_evaluated_is_caught_like_any_error(bench: Bench) -> None:
    bench.functions = Functions(work=lambda payload: payload)
    definition = machine(
        a=task(
            Output="{% $states.result.missing %}",
            Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "b"}],
        ),
        b={"Type": "Succeed"},
    )
    assert bench.run(definition).status == "SUCCEEDED"


@pytest.mark.parametrize(("seconds", "status"), [(10, "SUCCEEDED"), (10.5, "FAILED")])
def test_a_task_that_outlasts_its_time_out_fails(bench: Bench, seconds: float, status: str) -> None:
    bench.functions = Functions(work=lambda _payload: bench.clock.advance(seconds))
    execution = bench.run(machine(a=task(TimeoutSeconds=10)))
    assert execution.status == status
    assert execution.error == (None if status == "SUCCEEDED" else "States.Timeout")


def test_a_time_out_can_be_retried_and_caught(bench: Bench) -> None:
    bench.functions = Functions(work=lambda _payload: bench.clock.advance(99))
    definition = machine(
        a=task(
            TimeoutSeconds=10,
            Retry=[{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}],
            Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "b"}],
        ),
        b={"Type": "Succeed"},
    )
    execution = bench.run(definition)
    assert len(bench.functions.calls) == 2
    assert execution.error == "States.Timeout", "States.TaskFailed does not stand for time-outs"


def test_the_execution_s_own_time_out_is_nobody_s_to_catch(bench: Bench) -> None:
    bench.functions = Functions(work=lambda _payload: bench.clock.advance(99))
    definition = machine(
        a=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}]), b={"Type": "Succeed"}
    )
    execution = bench.run({**definition, "TimeoutSeconds": 60})
    assert (execution.status, execution.error) == ("TIMED_OUT", "States.Timeout")


def test_a_wait_ends_with_the_execution_s_time(bench: Bench) -> None:
    definition = machine(a={"Type": "Wait", "Seconds": 90, "End": True})
    execution = bench.run({**definition, "TimeoutSeconds": 60})
    assert (execution.status, bench.clock.slept) == ("TIMED_OUT", [60.0])


OVERSIZED = {
    "arguments": (task(payload={"x": LARGE}), "arguments"),
    "result": (task(Output="short"), "result"),
    "output": (task("small", Output=[LARGE]), "output"),
    "variables": (task("small", Assign={"x": LARGE}), "assigns"),
}


@pytest.mark.parametrize(("state", "words"), OVERSIZED.values(), ids=OVERSIZED.keys())
def test_what_exceeds_256_kib_fails_and_is_not_caught_by_the_wildcard(
    bench: Bench, state: dict[str, Any], words: str
) -> None:
    bench.functions = Functions(work=lambda _payload: LARGE, small=lambda _payload: 1)
    caught = {**state, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "b"}]}
    execution = bench.run(machine(a=caught, b={"Type": "Succeed"}))
    assert execution.error == "States.DataLimitExceeded"
    assert execution.cause is not None
    assert words in execution.cause


def test_256_kib_exactly_may_be_exchanged(bench: Bench) -> None:
    text = "x" * (256 * 1024 - 2)
    assert bench.run(machine(a=pass_state(text))).status == "SUCCEEDED"
    assert bench.run(machine(a=pass_state(text + "x")), name="b").status == "FAILED"


def test_an_error_of_the_runner_itself_ends_the_execution(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.functions = Functions()
    execution = bench.run(machine(a=task("unknown")))
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert "KeyError" in str(execution.cause)
    assert "The runner failed" in caplog.text


def test_the_observer_hears_of_every_step(bench: Bench) -> None:
    bench.functions = failing_first(2)
    definition = machine(
        a=task(
            Retry=[{"ErrorEquals": ["Throttled"], "MaxAttempts": 1}],
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}],
        ),
        b={"Type": "Succeed"},
    )
    bench.run(definition)
    assert [(event.kind, event.path) for event in bench.events] == [
        ("ExecutionStarted", ()),
        ("StateEntered", ("a",)),
        ("TaskAttempted", ("a",)),
        ("StateRetried", ("a",)),
        ("TaskAttempted", ("a",)),
        ("StateCaught", ("a",)),
        ("StateEntered", ("b",)),
        ("ExecutionEnded", ()),
    ]
