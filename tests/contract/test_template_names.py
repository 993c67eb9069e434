"""Two stacks of one account and region share no name, and no name is too long.

The template is looked at as CloudFormation gets it: the transform of SAM adds names of its own.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.support.transformed_template import transformed

# The longest name of each type: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
LONGEST: Final = {
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): 80,
    ("AWS::Scheduler::Schedule", "Name"): 64,
    ("AWS::Events::EventBus", "Name"): 256,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::Lambda::LayerVersion", "LayerName"): 140,
}
# They name something else than the resource, or are names within a resource of the stack's own.
NO_NAMES: Final = {"MetricName", "DisplayName", "StageName"}


def names(stack_name: str) -> Iterator[tuple[str, str, str]]:
    """Type, property and text of every name that is literal once the stack's name is known."""
    for resource in transformed(stack_name)["Resources"].values():
        for key, value in resource.get("Properties", {}).items():
            if key.endswith("Name") and key not in NO_NAMES and isinstance(value, str):
                yield resource["Type"], key, value


def guard() -> dict[str, Any]:
    [found] = [
        resource["Properties"]
        for resource in transformed("one")["Resources"].values()
        if resource["Type"] == "AWS::SSM::Parameter"
    ]
    properties: dict[str, Any] = found
    return properties


def longest_stack_name() -> int:
    return next(n for n in range(128, 0, -1) if re.search(guard()["AllowedPattern"], "s" * n))


def test_two_stacks_share_no_name() -> None:
    shared = set(names("one")) & set(names("another"))
    assert shared == set()


def test_every_name_is_of_a_kind_whose_length_is_known() -> None:
    assert {(kind, key) for kind, key, _ in names("one")} == LONGEST.keys()


def test_names_of_the_longest_stack_name_fit_and_of_one_more_do_not() -> None:
    longest = longest_stack_name()
    for kind, key, name in names("s" * longest):
        assert len(name) <= LONGEST[kind, key], name
    assert [
        name for kind, key, name in names("s" * (longest + 1)) if len(name) > LONGEST[kind, key]
    ]


def test_a_stack_name_that_is_too_long_is_refused() -> None:
    assert guard()["Value"] == "one"


@pytest.mark.parametrize("name", ["Bucket", "Table", "KiliApiKeySecret", "WebhookSecret"])
def test_nothing_that_is_kept_is_made_before_the_name_is_taken(name: str) -> None:
    assert transformed("one")["Resources"][name]["DependsOn"] == "StackNameLength"
