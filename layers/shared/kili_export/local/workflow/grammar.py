"""The part of the Amazon States Language that this runner implements, as a grammar.

https://states-language.net/spec.html, with JSONata as its query language.

A rule looks at one value and raises UnsupportedField, naming the place, for whatever the runner
would have to ignore. There is no rule that lets an unknown field pass.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from kili_export.local.workflow.errors import UnsupportedField
from kili_export.local.workflow.expressions import is_expression, variables_of
from kili_export.local.workflow.scopes import refuse_scopes

Rule = Callable[[Any, str], None]

ERROR_WILDCARD = "States.ALL"


def refuse_unsupported(definition: Mapping[str, Any]) -> None:
    """Raises UnsupportedField for what the runner does not implement or the service refuses."""
    _TOP(definition, "the state machine")
    _links(definition, "the state machine")
    refuse_scopes(definition)


def _refuse(place: str, value: Any, wanted: str) -> None:
    raise UnsupportedField(f"{place} is {value!r}; implemented is {wanted}")


def _text(value: Any, place: str) -> None:
    if not isinstance(value, str) or not value:
        _refuse(place, value, "a text")


def _label(value: Any, place: str) -> None:
    """Part of the children's ARNs."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", value):
        _refuse(place, value, "a label of at most 40 letters, digits, - and _")


def _literal(*values: Any) -> Rule:
    def rule(value: Any, place: str) -> None:
        if not any(value == item and type(value) is type(item) for item in values):
            _refuse(place, value, " or ".join(repr(item) for item in values))

    return rule


def _number(least: float, most: float, *, whole: bool = True) -> Rule:
    def rule(value: Any, place: str) -> None:
        kinds = int if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            _refuse(place, value, f"a number from {least:g} to {most:g}")

    return rule


def _or_expression(rule: Rule) -> Rule:
    def either(value: Any, place: str) -> None:
        if is_expression(value):
            variables_of(value)
        else:
            rule(value, place)

    return either


def _template(value: Any, place: str) -> None:
    """Any JSON with expressions in it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or key.endswith(".$"):
                _refuse(place, key, "a key without JSONPath")
            _template(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _template(item, f"{place}[{index}]")
    elif isinstance(value, str):
        _template_text(value, place)
    elif value is not None and not isinstance(value, bool | int | float):
        _refuse(place, value, "JSON")


def _template_text(value: str, place: str) -> None:
    if is_expression(value):
        variables_of(value)
    elif "{%" in value or "%}" in value or "${" in value:
        _refuse(place, value, "an expression from end to end, with all substitutions filled in")


def _template_object(value: Any, place: str) -> None:
    if not isinstance(value, Mapping):
        _refuse(place, value, "an object")
    _template(value, place)


def _fields(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    known = {**required, **(optional or {})}

    def rule(value: Any, place: str) -> None:
        if not isinstance(value, Mapping):
            _refuse(place, value, "an object")
        for name, item in value.items():
            if name not in known:
                raise UnsupportedField(f"{place} has {name!r}, which is not implemented")
            known[name](item, f"{place}.{name}")
        for name in required:
            if name not in value:
                raise UnsupportedField(f"{place} has no {name}")

    return rule


def _list_of(rule: Rule) -> Rule:
    def rule_for_all(value: Any, place: str) -> None:
        if not isinstance(value, list) or not value:
            _refuse(place, value, "a list that is not empty")
        for index, item in enumerate(value):
            rule(item, f"{place}[{index}]")

    return rule_for_all


def _handlers(fields: Rule) -> Rule:
    """Retriers or catchers: the wildcard stands alone, and last."""
    handlers = _list_of(fields)

    def rule(value: Any, place: str) -> None:
        handlers(value, place)
        for index, handler in enumerate(value):
            errors = handler["ErrorEquals"]
            last = index == len(value) - 1
            if ERROR_WILDCARD in errors and (len(errors) > 1 or not last):
                _refuse(f"{place}[{index}].ErrorEquals", errors, f"{ERROR_WILDCARD} alone and last")

    return rule


def _resource(service: str) -> Rule:
    def rule(value: Any, place: str) -> None:
        known = isinstance(value, str) and re.fullmatch(
            rf"arn:aws[a-z-]*:states:::{service}", value
        )
        if not known:
            _refuse(place, value, f"arn:aws:states:::{service}")

    return rule


def _inline_processor(value: Any, place: str) -> None:
    config = _fields({"Mode": _literal("INLINE")})
    _fields({**_BLOCK, "ProcessorConfig": config}, {"Comment": _text})(value, place)


def _distributed_processor(value: Any, place: str) -> None:
    config = _fields({"Mode": _literal("DISTRIBUTED"), "ExecutionType": _literal("EXPRESS")})
    _fields({**_BLOCK, "ProcessorConfig": config}, {"Comment": _text})(value, place)


_ERRORS = {"ErrorEquals": _list_of(_text)}
_RETRY = _handlers(
    _fields(
        _ERRORS,
        {
            "Comment": _text,
            "IntervalSeconds": _number(1, 99_999_999),
            "BackoffRate": _number(1, 1_000, whole=False),
            "MaxDelaySeconds": _number(1, 31_622_400),
            "MaxAttempts": _number(0, 99_999_999),
            "JitterStrategy": _literal("FULL", "NONE"),
        },
    )
)
_CATCH = _handlers(
    _fields(
        {**_ERRORS, "Next": _text},
        {"Comment": _text, "Assign": _template_object, "Output": _template},
    )
)
_FLOW: dict[str, Rule] = {"Comment": _text, "Next": _text, "End": _literal(True)}
_RESULT: dict[str, Rule] = {"Assign": _template_object, "Output": _template}
_RECOVERY: dict[str, Rule] = {"Retry": _RETRY, "Catch": _CATCH}
_COUNT = _or_expression(_number(0, 100_000_000))
_OBJECT_ARGUMENTS = _fields({"Bucket": _template, "Key": _template})

_ITERATION: dict[str, Rule] = {
    **_FLOW,
    **_RESULT,
    **_RECOVERY,
    "ItemSelector": _template,
    "MaxConcurrency": _COUNT,
}
_INLINE_MAP = _fields(
    {
        "Type": _literal("Map"),
        "Items": _template,
        "ItemProcessor": _inline_processor,
    },
    _ITERATION,
)
_DISTRIBUTED_MAP = _fields(
    {
        "Type": _literal("Map"),
        "ItemReader": _fields(
            {
                "Resource": _resource("s3:getObject"),
                "ReaderConfig": _fields({"InputType": _literal("JSONL")}),
                "Arguments": _OBJECT_ARGUMENTS,
            }
        ),
        "ItemProcessor": _distributed_processor,
        "Label": _label,
    },
    {
        **_ITERATION,
        "ItemBatcher": _fields(
            {"MaxItemsPerBatch": _or_expression(_number(1, 100_000_000))},
            {"BatchInput": _template_object},
        ),
        "ToleratedFailurePercentage": _or_expression(_number(0, 100, whole=False)),
        "ToleratedFailureCount": _COUNT,
        "ResultWriter": _fields(
            {
                "Resource": _resource("s3:putObject"),
                "Arguments": _fields({"Bucket": _template, "Prefix": _template}),
            },
            {
                "WriterConfig": _fields(
                    {
                        "OutputType": _literal("JSON", "JSONL"),
                        "Transformation": _literal("NONE", "COMPACT", "FLATTEN"),
                    }
                )
            },
        ),
    },
)


def _map(value: Any, place: str) -> None:
    distributed = _mode(value) == "DISTRIBUTED"
    (_DISTRIBUTED_MAP if distributed else _INLINE_MAP)(value, place)


def _mode(state: Mapping[str, Any]) -> Any:
    node: Any = state
    for name in ("ItemProcessor", "ProcessorConfig", "Mode"):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _wait(value: Any, place: str) -> None:
    _fields(
        {"Type": _literal("Wait")},
        {
            **_FLOW,
            **_RESULT,
            "Seconds": _or_expression(_number(0, 99_999_999)),
            "Timestamp": _or_expression(_text),
        },
    )(value, place)
    if ("Seconds" in value) == ("Timestamp" in value):
        raise UnsupportedField(f"{place} needs one of Seconds and Timestamp")


_STATES: dict[str, Rule] = {
    "Wait": _wait,
    "Map": _map,
    "Task": _fields(
        {
            "Type": _literal("Task"),
            "Resource": _resource("lambda:invoke"),
            "Arguments": _fields({"FunctionName": _template, "Payload": _template}),
        },
        {
            **_FLOW,
            **_RESULT,
            **_RECOVERY,
            "TimeoutSeconds": _or_expression(_number(1, 99_999_999)),
        },
    ),
    "Choice": _fields(
        {
            "Type": _literal("Choice"),
            "Choices": _list_of(
                _fields(
                    {"Condition": _or_expression(_literal(True, False)), "Next": _text},
                    {"Comment": _text},
                )
            ),
        },
        {"Comment": _text, "Default": _text},
    ),
    "Pass": _fields({"Type": _literal("Pass")}, {**_FLOW, **_RESULT}),
    "Succeed": _fields({"Type": _literal("Succeed")}, {"Comment": _text, "Output": _template}),
    "Fail": _fields(
        {"Type": _literal("Fail")}, {"Comment": _text, "Error": _template, "Cause": _template}
    ),
}


def _state(value: Any, place: str) -> None:
    kind = value.get("Type") if isinstance(value, Mapping) else None
    if kind not in _STATES:
        _refuse(f"{place}.Type", kind, ", ".join(_STATES))
    _STATES[str(kind)](value, place)


def _states(value: Any, place: str) -> None:
    if not isinstance(value, Mapping) or not value:
        _refuse(place, value, "an object of states")
    for name, state in value.items():
        _text(name, place)
        _state(state, f"{place}.{name}")


_BLOCK: dict[str, Rule] = {"StartAt": _text, "States": _states}
_TOP = _fields(
    {**_BLOCK, "QueryLanguage": _literal("JSONata")},
    {"Comment": _text, "TimeoutSeconds": _number(1, 99_999_999)},
)


def targets(state: Mapping[str, Any]) -> list[str]:
    """The states that may follow a state."""
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    following = [rule["Next"] for rule in rules]
    return following + [state[name] for name in ("Next", "Default") if name in state]


def _links(block: Mapping[str, Any], place: str) -> None:
    """Every target is there, and every state says how it ends."""
    names = block["States"]
    if block["StartAt"] not in names:
        raise UnsupportedField(f"{place} starts at {block['StartAt']!r}, which it does not have")
    for name, state in names.items():
        where = f"{place}.States.{name}"
        for target in targets(state):
            if target not in names:
                raise UnsupportedField(f"{where} goes to {target!r}, which is not there")
        ends = state["Type"] in {"Choice", "Succeed", "Fail"}
        if not ends and ("Next" in state) == ("End" in state):
            raise UnsupportedField(f"{where} needs one of Next and End")
        if "ItemProcessor" in state:
            _links(state["ItemProcessor"], f"{where}.ItemProcessor")
