import re
from pathlib import Path
from typing import Any

import pytest

from kili_export.local.workflow.check import check_definition
from kili_export.local.workflow.definition import read_definition
from tests.unit.local.workflow.doubles import machine, pass_state, task

EXPORT = Path(__file__).parents[4] / "statemachine" / "export.asl.yaml"


def test_a_sound_definition_has_no_problems() -> None:
    assert check_definition(machine(a=task())) == []


def unreachable() -> dict[str, Any]:
    return machine(a=task(), lost=pass_state(1))


def unknown_error() -> dict[str, Any]:
    return machine(a=task(Retry=[{"ErrorEquals": ["Throtled"]}]))


def not_an_error() -> dict[str, Any]:
    return machine(a=task(Retry=[{"ErrorEquals": ["Exception"]}]))


def unassigned() -> dict[str, Any]:
    return machine(a=pass_state("{% $plan.x %}"))


def unsupported() -> dict[str, Any]:
    return machine(a=task(HeartbeatSeconds=3))


def refused_by_the_schema() -> dict[str, Any]:
    # The grammar takes any JSON for an output, the published schema a string or an object.
    return machine(a=pass_state([1]))


def parent_s_variable_in_a_child() -> dict[str, Any]:
    definition = read_definition(EXPORT)
    child = definition["States"]["ConvertAssets"]["ItemProcessor"]["States"]["ConvertBatch"]
    child["Arguments"]["Payload"]["batch"] = "{% $plan %}"
    return definition


def outer_variable_assigned_inside() -> dict[str, Any]:
    definition = read_definition(EXPORT)
    inner = definition["States"]["AggregateArchives"]["ItemProcessor"]["States"]
    inner["AggregateArchive"]["Assign"]["plan"] = {}
    return definition


def outer_variable_assigned_in_a_child() -> dict[str, Any]:
    """A Distributed Map is no exemption, although its states cannot read the outer variable."""
    definition = read_definition(EXPORT)
    child = definition["States"]["ConvertAssets"]["ItemProcessor"]["States"]
    child["ConvertBatch"]["Assign"] = {"failure": {}}
    return definition


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        (unreachable(), "lost cannot be reached"),
        (unknown_error(), "a names Throtled"),
        (not_an_error(), "a names Exception"),
        (unassigned(), r"a reads \$plan"),
        (unsupported(), "HeartbeatSeconds"),
        (refused_by_the_schema(), "Output"),
        (parent_s_variable_in_a_child(), r"ConvertBatch reads \$plan"),
        (outer_variable_assigned_inside(), "assigns plan"),
        (outer_variable_assigned_in_a_child(), "assigns failure"),
    ],
)
def test_a_problem_is_named(definition: dict[str, Any], words: str) -> None:
    [problem] = check_definition(definition)
    assert re.search(words, problem), problem
