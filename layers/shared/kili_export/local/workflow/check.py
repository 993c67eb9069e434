"""Checks a state machine's definition before it is deployed.

Three judges: the grammar of the local runner, cfn-lint's schema of the Amazon States Language, and
rules of our own about states that cannot be reached, errors that do not exist and variables that
nobody assigns. The grammar holds what the service refuses too (`scopes`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from cfnlint import api  # type: ignore[import-untyped]
from pydantic import ValidationError

from kili_export.core import errors
from kili_export.local.workflow.definition import substitute, substitution_names
from kili_export.local.workflow.errors import UnsupportedField
from kili_export.local.workflow.expressions import expressions_in, is_expression, variables_of
from kili_export.local.workflow.grammar import refuse_unsupported, targets
from kili_export.local.workflow.scopes import RESERVED, assigned_in

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
_STATES_ERRORS = frozenset(
    f"States.{name}"
    for name in (
        "ALL",
        "DataLimitExceeded",
        "ExceedToleratedFailureThreshold",
        "ItemReaderFailed",
        "NoChoiceMatched",
        "Permissions",
        "QueryEvaluationError",
        "ResultWriterFailed",
        "Runtime",
        "TaskFailed",
        "Timeout",
    )
)
# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html
_SERVICE_ERROR = re.compile(r"(Lambda\.[A-Za-z]+|Sandbox\.Timedout|Runtime\.ExitError)")


def check_definition(definition: Mapping[str, Any]) -> list[str]:
    """What is wrong with a definition, one sentence each; its `${Name}` may still be there."""
    values = dict.fromkeys(substitution_names(definition), "placeholder")
    if "Partition" in values:
        values["Partition"] = "aws"
    filled = substitute(definition, values)
    try:
        refuse_unsupported(filled)
    except UnsupportedField as error:
        return [str(error)]
    return [
        *_lint(filled),
        *_unreachable(filled, "the state machine"),
        *_unknown_errors(filled),
        *_unassigned(filled),
    ]


def _lint(definition: Mapping[str, Any]) -> Iterator[str]:
    """What cfn-lint's schema says, as far as it knows JSONata."""
    template = {
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": "arn:aws:iam::123456789012:role/role",
                    "Definition": definition,
                },
            }
        }
    }
    matches = api.lint(json.dumps(template), regions=["us-east-1"])
    for match in matches:
        if not _is_expression_at(template, match):
            yield f"{'/'.join(map(str, match.path or []))}: {match.message}"


def _is_expression_at(template: Any, match: Any) -> bool:
    """The schema takes no expression where a number is wanted, which the service does."""
    try:
        value = reduce(lambda node, name: node[name], match.path or [], template)
    except (KeyError, IndexError, TypeError):
        return False
    return is_expression(value)


def _blocks(block: Mapping[str, Any], place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A block of states and all those inside it."""
    yield place, block
    for name, state in block["States"].items():
        if "ItemProcessor" in state:
            yield from _blocks(state["ItemProcessor"], f"{place}.{name}")


def _unreachable(definition: Mapping[str, Any], place: str) -> Iterator[str]:
    for where, block in _blocks(definition, place):
        reached: set[str] = set()
        ahead = [block["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead.extend(targets(block["States"][name]))
        for name in block["States"].keys() - reached:
            yield f"{where}.{name} cannot be reached"


def _unknown_errors(definition: Mapping[str, Any]) -> Iterator[str]:
    """Every ErrorEquals names an error of the services or a class of ours."""
    for where, block in _blocks(definition, "the state machine"):
        for name, state in block["States"].items():
            for handler in (*state.get("Retry", []), *state.get("Catch", [])):
                for error in handler["ErrorEquals"]:
                    if not _exists(error):
                        yield f"{where}.{name} names {error}, which nothing raises"


def _exists(error: str) -> bool:
    ours = getattr(errors, error, None)
    return (
        error in _STATES_ERRORS
        or error == ValidationError.__name__
        or _SERVICE_ERROR.fullmatch(error) is not None
        or (isinstance(ours, type) and issubclass(ours, errors.ExportError))
    )


def _unassigned(definition: Mapping[str, Any]) -> Iterator[str]:
    yield from _unassigned_in(definition, frozenset(), "the state machine")


def _unassigned_in(block: Mapping[str, Any], outer: frozenset[str], place: str) -> Iterator[str]:
    """Variables that are read but assigned nowhere that the reader can see."""
    visible = outer | assigned_in(block)
    for name, state in block["States"].items():
        processor = state.get("ItemProcessor")
        mine = {key: value for key, value in state.items() if key != "ItemProcessor"}
        for expression in expressions_in(mine):
            for variable in sorted(variables_of(expression) - visible - {RESERVED}):
                yield f"{place}.{name} reads ${variable}, which nothing assigns"
        if processor is not None:
            # The states of a Distributed Map cannot read the variables around it.
            distributed = processor["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
            inherited = frozenset[str]() if distributed else visible
            yield from _unassigned_in(processor, inherited, f"{place}.{name}")
