import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.workflow.definition import read_definition, substitute, substitution_names
from kili_export.local.workflow.errors import UnsupportedField
from kili_export.local.workflow.grammar import refuse_unsupported
from tests.unit.local.workflow.doubles import machine, pass_state, task

EXPORT = read_definition(Path(__file__).parents[4] / "statemachine" / "export.asl.yaml")
FREE_JSON = {"Assign", "Output", "Payload", "ItemSelector", "BatchInput"}


def filled() -> dict[str, Any]:
    return substitute(
        EXPORT, {**dict.fromkeys(substitution_names(EXPORT), "x"), "Partition": "aws"}
    )


def fields_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all objects whose fields the language defines, and not the author."""
    if isinstance(value, dict):
        if not path or path[-1] != "States":
            yield path
        for name, item in value.items():
            if name not in FREE_JSON or (path and path[-1] == "States"):
                yield from fields_of(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from fields_of(item, (*path, index))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def test_the_workflow_of_a_run_is_implemented() -> None:
    refuse_unsupported(filled())


@pytest.mark.parametrize("path", list(fields_of(EXPORT)), ids=lambda path: "/".join(map(str, path)))
def test_an_unknown_field_is_refused_wherever_it_stands(path: tuple[Any, ...]) -> None:
    definition = filled()
    at(definition, path)["Bogus"] = 1
    with pytest.raises(UnsupportedField, match="Bogus"):
        refuse_unsupported(definition)


REFUSED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "JSONPath": lambda m: m.update(QueryLanguage="JSONPath"),
    "no query language": lambda m: m.pop("QueryLanguage"),
    "another type": lambda m: m["States"].update(a={"Type": "Parallel", "Branches": []}),
    "another integration": lambda m: m["States"]["a"].update(Resource="arn:aws:states:::sqs:send"),
    "a callback": lambda m: m["States"]["a"].update(
        Resource="arn:aws:states:::lambda:invoke.waitForTaskToken"
    ),
    "a function by its ARN": lambda m: m["States"]["a"].update(
        Resource="arn:aws:lambda:::function:f"
    ),
    "a qualifier": lambda m: m["States"]["a"]["Arguments"].update(Qualifier="1"),
    "heartbeats": lambda m: m["States"]["a"].update(HeartbeatSeconds=3),
    "JSONPath's parameters": lambda m: m["States"]["a"].update(Parameters={}),
    "a JSONPath key": lambda m: m["States"]["a"]["Arguments"].update(Payload={"x.$": "$.x"}),
    "half an expression": lambda m: m["States"]["a"]["Arguments"].update(Payload="a {% 1 %}"),
    "a substitution left over": lambda m: m["States"]["a"]["Arguments"].update(FunctionName="${F}"),
    "broken JSONata": lambda m: m["States"]["a"].update(Output="{% ( %}"),
    "a function of the clock": lambda m: m["States"]["a"].update(Output="{% $now() %}"),
    "no target": lambda m: m["States"]["a"].pop("End"),
    "two ends": lambda m: m["States"]["a"].update(Next="a"),
    "a false end": lambda m: m["States"]["a"].update(End=False),
    "a target that is not there": lambda m: m["States"]["a"].update(
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "nowhere"}]
    ),
    "a start that is not there": lambda m: m.update(StartAt="b"),
    "a negative time-out": lambda m: m["States"]["a"].update(TimeoutSeconds=-1),
    "a time-out in words": lambda m: m["States"]["a"].update(TimeoutSeconds="60"),
    "another jitter": lambda m: m["States"]["a"].update(
        Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "SOME"}]
    ),
    "a shrinking back-off": lambda m: m["States"]["a"].update(
        Retry=[{"ErrorEquals": ["A"], "BackoffRate": 0.5}]
    ),
    "a wildcard in company": lambda m: m["States"]["a"].update(
        Retry=[{"ErrorEquals": ["States.ALL", "A"]}]
    ),
    "a wildcard before others": lambda m: m["States"]["a"].update(
        Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]
    ),
    "no errors": lambda m: m["States"]["a"].update(Retry=[{"ErrorEquals": []}]),
    "a Wait without time": lambda m: m["States"].update(a={"Type": "Wait", "End": True}),
    "a Wait with two times": lambda m: m["States"].update(
        a={"Type": "Wait", "Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z", "End": True}
    ),
    "a JSONPath choice": lambda m: m["States"].update(
        a={"Type": "Choice", "Choices": [{"Variable": "$.x", "IsNull": True, "Next": "a"}]}
    ),
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_implemented_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    definition = machine(a=task())
    refuse_unsupported(definition)
    change(definition)
    with pytest.raises(UnsupportedField):
        refuse_unsupported(definition)


@pytest.mark.parametrize(
    "field", ["ItemReader", "ItemBatcher", "ResultWriter", "ToleratedFailurePercentage", "Label"]
)
def test_a_distributed_field_is_refused_in_an_inline_map(field: str) -> None:
    distributed = filled()["States"]["ConvertAssets"]
    inline = copy.deepcopy(filled()["States"]["AggregateArchives"])
    inline[field] = distributed[field]
    inline.update(Next="FinishExport")
    definition = filled()
    definition["States"]["AggregateArchives"] = inline
    with pytest.raises(UnsupportedField, match=field):
        refuse_unsupported(definition)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("ItemReader", "ReaderConfig", "InputType"), "CSV"),
        (("ItemReader", "Resource"), "arn:aws:states:::s3:listObjectsV2"),
        (("ItemProcessor", "ProcessorConfig", "ExecutionType"), "STANDARD"),
        (("ItemProcessor", "ProcessorConfig", "Mode"), "OTHER"),
        (("ResultWriter", "WriterConfig", "OutputType"), "PARQUET"),
        (("ToleratedFailurePercentage",), 101),
        (("Label",), "a" * 41),
        (("Label",), "a/b"),
    ],
)
def test_another_way_to_map_is_refused(path: tuple[str, ...], value: object) -> None:
    definition = filled()
    holder = at(definition["States"]["ConvertAssets"], path[:-1])
    holder[path[-1]] = value
    with pytest.raises(UnsupportedField):
        refuse_unsupported(definition)


def test_substitutions_must_fit_the_definition() -> None:
    definition = machine(a=pass_state("${One}"))
    assert substitute(definition, {"One": "1"})["States"]["a"]["Output"] == "1"
    with pytest.raises(UnsupportedField, match="One has no value"):
        substitute(definition, {})
    with pytest.raises(UnsupportedField, match="Two occurs nowhere"):
        substitute(definition, {"One": "1", "Two": "2"})


def test_a_state_that_is_defined_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("States:\n  A: {Type: Succeed}\n  A: {Type: Fail}\n")
    with pytest.raises(UnsupportedField, match="A occurs twice"):
        read_definition(path)


def test_a_definition_must_be_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(UnsupportedField, match="not a mapping"):
        read_definition(path)
