"""Runs states, one after another, and recovers from their errors.

https://states-language.net/spec.html and, for JSONata,
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kili_export.local.workflow.errors import StateFailed
from kili_export.local.workflow.expressions import evaluate
from kili_export.local.workflow.limits import check_size
from kili_export.local.workflow.retry import Retries, find_handler
from kili_export.local.workflow.runtime import Activity, timestamp

_LONGEST_TASK = 99_999_999

Transition = tuple[str | None, Any]
"""The next state, None at the end, and what it is given."""


@dataclass
class Step:
    """One visit to a state."""

    name: str
    state: Mapping[str, Any]
    input: Any
    activity: Activity
    entered: datetime
    retry_count: int = 0
    names: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        # Every reference in a state reads the variables as they were when it was entered.
        self.names = self.activity.scope.values()

    def context(self) -> dict[str, Any]:
        """The Context object as this state sees it."""
        state = {
            "EnteredTime": timestamp(self.entered),
            "Name": self.name,
            "RetryCount": self.retry_count,
        }
        return {**self.activity.context, "State": state}

    def evaluate(self, value: Any, **more: Any) -> Any:
        """A value of the definition, with `$states` extended by `more`."""
        states = {"input": self.input, "context": self.context(), **more}
        return evaluate(value, {**self.names, "states": states})

    def number(self, field_name: str, default: float) -> float:
        """A field of the state that is a number or yields one."""
        return self.number_of(self.state.get(field_name, default), field_name)

    def number_of(self, value: Any, field_name: str) -> float:
        """A value of the definition that is a number or yields one."""
        value = self.evaluate(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise StateFailed(
                "States.QueryEvaluationError", f"{field_name} of {self.name} is {value!r}."
            )
        return value

    def leave(self, rule: Mapping[str, Any], default: Any, **more: Any) -> Any:
        """Applies Assign and Output of a state or a catcher. Answers the output."""
        assigned = self.evaluate(rule.get("Assign", {}), **more)
        check_size(assigned, f"What {self.name} assigns")
        output = self.evaluate(rule["Output"], **more) if "Output" in rule else default
        check_size(output, f"The output of {self.name}")
        self.activity.scope.assign(assigned)
        return output


Perform = Callable[[Step], Any]


def run_states(
    block: Mapping[str, Any], activity: Activity, value: Any, performers: Mapping[str, Perform]
) -> Any:
    """Runs a block of states on an input, and answers its output.

    `performers` do what a type of state does and answer its result. Raises StateFailed for an
    error that no state caught, and ExecutionEnded.
    """
    name: str | None = block["StartAt"]
    while name is not None:
        inner = activity.inside(name)
        inner.check()
        inner.report("StateEntered")
        state = block["States"][name]
        step = Step(name, state, value, inner, activity.surroundings.clock.now())
        name, value = _run(step, performers)
    return value


def _run(step: Step, performers: Mapping[str, Perform]) -> Transition:
    kind = step.state["Type"]
    if kind in performers:
        return _recovering(step, performers[kind])
    return _SIMPLE[kind](step)


def _recovering(step: Step, perform: Perform) -> Transition:
    """What Retry and Catch allow to be tried."""
    retries = Retries(step.state.get("Retry", []), step.activity.surroundings.random)
    while True:
        try:
            result = perform(step)
            return step.state.get("Next"), step.leave(step.state, result, result=result)
        except StateFailed as failure:
            delay = retries.delay_after(failure.error)
            if delay is None:
                return _caught(step, failure)
            step.retry_count = retries.count
            step.activity.report(
                "StateRetried", error=failure.error, cause=failure.cause, delay=delay
            )
            step.activity.sleep(delay)


def _caught(step: Step, failure: StateFailed) -> Transition:
    found = find_handler(step.state.get("Catch", []), failure.error)
    if found is None:
        raise failure
    step.activity.report("StateCaught", error=failure.error, cause=failure.cause)
    _, catcher = found
    error = {"Error": failure.error, "Cause": failure.cause}
    return catcher["Next"], step.leave(catcher, error, errorOutput=error)


def perform_task(step: Step) -> Any:
    """Calls a function through `lambda:invoke`."""
    arguments = step.evaluate(step.state["Arguments"])
    check_size(arguments, f"The arguments of {step.name}")
    seconds = step.number("TimeoutSeconds", _LONGEST_TASK)
    step.activity.report("TaskAttempted", function=arguments["FunctionName"])
    invoke = step.activity.surroundings.invoke
    answer = step.activity.call(
        lambda: invoke(arguments["FunctionName"], arguments["Payload"]), seconds
    )
    result = {"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200}
    check_size(result, f"The result of {step.name}")
    return result


def _pass(step: Step) -> Transition:
    return step.state.get("Next"), step.leave(step.state, step.input)


def _wait(step: Step) -> Transition:
    if "Seconds" in step.state:
        step.activity.sleep(step.number("Seconds", 0))
    else:
        until = _moment(step.evaluate(step.state["Timestamp"]))
        step.activity.sleep((until - step.activity.surroundings.clock.now()).total_seconds())
    return step.state.get("Next"), step.leave(step.state, step.input)


def _moment(text: Any) -> datetime:
    """A timestamp of RFC 3339, which names its offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = datetime.min  # noqa: DTZ901 refused below, like all that have no offset
    if moment.tzinfo is None:
        raise StateFailed("States.Runtime", f"{text!r} is not a timestamp of RFC 3339.")
    return moment.astimezone(UTC)


def _choice(step: Step) -> Transition:
    for rule in step.state["Choices"]:
        met = step.evaluate(rule["Condition"])
        if not isinstance(met, bool):
            raise StateFailed(
                "States.QueryEvaluationError", f"A condition of {step.name} is {met!r}."
            )
        if met:
            return rule["Next"], step.input
    if "Default" not in step.state:
        raise StateFailed("States.NoChoiceMatched", f"No choice of {step.name} matched.")
    return step.state["Default"], step.input


def _succeed(step: Step) -> Transition:
    return None, step.leave(step.state, step.input)


def _fail(step: Step) -> Transition:
    error, cause = (step.evaluate(step.state.get(name, "")) for name in ("Error", "Cause"))
    raise StateFailed(str(error), str(cause))


_SIMPLE: Mapping[str, Callable[[Step], Transition]] = {
    "Pass": _pass,
    "Wait": _wait,
    "Choice": _choice,
    "Succeed": _succeed,
    "Fail": _fail,
}
