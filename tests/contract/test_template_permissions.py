"""Every function may do what it has to do, and nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest

from kili_export.aws.dynamodb.delivery_store import PARTITION as DELIVERIES
from kili_export.aws.dynamodb.rate_limit import PARTITION
from tests.support.template_document import (
    denials,
    functions,
    listed,
    resources_of,
    statements,
    text,
)

MACHINE = "stateMachine:${AWS::StackName}-export"
EXECUTION = "execution:${AWS::StackName}-export"
PROJECT_KEYS = "secret:${AWS::StackName}/kili-keys/*"
NOTIFY_SECRETS = "secret:${AWS::StackName}/notify/*"


def machine() -> Mapping[str, Any]:
    [resource] = resources_of("AWS::Serverless::StateMachine").values()
    properties: Mapping[str, Any] = resource["Properties"]
    return properties


PRINCIPALS = {**functions(), "workflow": machine()}


def allowed(name: str, *, with_kms_key: bool = False) -> set[tuple[str, str]]:
    """Pairs of action and resource that a function is allowed."""
    return {
        (action, text(resource))
        for statement in statements(PRINCIPALS[name], with_kms_key=with_kms_key)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def places(name: str, action: str) -> set[str]:
    """Where in the bucket a function may do something."""
    return {
        resource.removeprefix("${Bucket.Arn}/")
        for allowed_action, resource in allowed(name)
        if allowed_action == action
    }


@pytest.mark.parametrize("name", sorted(PRINCIPALS))
def test_no_action_is_a_wildcard(name: str) -> None:
    assert not [action for action, _ in allowed(name, with_kms_key=True) if "*" in action]


@pytest.mark.parametrize("name", sorted(PRINCIPALS))
def test_no_resource_is_everything(name: str) -> None:
    broad = {action for action, resource in allowed(name, with_kms_key=True) if resource == "*"}
    # Step Functions delivers logs through calls for which IAM knows no resource.
    assert {action for action in broad if not action.startswith("logs:")} == set()
    assert name == "workflow" or not broad


@pytest.mark.parametrize("name", sorted(PRINCIPALS))
def test_every_statement_allows_something_of_this_stack_alone(name: str) -> None:
    for action, resource in allowed(name, with_kms_key=True):
        ours = resource.startswith("${") or any(
            place in resource for place in (MACHINE, EXECUTION, PROJECT_KEYS, NOTIFY_SECRETS)
        )
        assert ours or action.startswith("logs:"), f"{action} on {resource}"


@pytest.mark.parametrize("name", sorted(functions()))
def test_statements_are_named(name: str) -> None:
    found = list(statements(PRINCIPALS[name]))
    assert len({statement["Sid"] for statement in found} - denials(PRINCIPALS[name]).keys()) == len(
        found
    )


@pytest.mark.parametrize("name", sorted(functions()))
def test_a_function_makes_no_log_group_and_writes_to_its_own_alone(name: str) -> None:
    """SAM's role may do both anywhere; a late line would make the group of a deleted stack again.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaBasicExecutionRole.html
    """
    denied = denials(functions()[name])
    assert denied.keys() == {"MakeNoLogGroup", "LogToItsOwnGroup"}
    assert denied["MakeNoLogGroup"]["Action"] == "logs:CreateLogGroup"
    assert denied["MakeNoLogGroup"]["Resource"] == "*"
    assert set(denied["LogToItsOwnGroup"]["Action"]) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }
    group = functions()[name]["LoggingConfig"]["LogGroup"]["Ref"]
    own = text(denied["LogToItsOwnGroup"]["NotResource"])
    assert own.endswith(f":log-group:${{{group}}}*")


def test_each_function_writes_to_its_own_places_of_the_bucket() -> None:
    assert {name: places(name, "s3:PutObject") for name in PRINCIPALS} == {
        "webhook": set(),
        "plan_export": {"runs/*", "exports/*", "state/*"},
        "convert_assets": {"runs/*"},
        "aggregate_archive": {"exports/*", "state/*", "runs/*/joins/*"},
        "finish_export": {
            "state/*/followed.json",
            "state/*/rebuild.json",
            "state/*/resumption.json",
            "state/*/second-looks.json",
        },
        "reconcile": {"state/*/comparison.listings/sweep/*", "state/*/second-looks.json"},
        "notify": set(),
        "workflow": {"runs/*"},
    }


def test_only_what_a_run_left_behind_can_be_deleted() -> None:
    deleting = {name: places(name, "s3:DeleteObject") for name in PRINCIPALS}
    assert {name: where for name, where in deleting.items() if where} == {
        "plan_export": {"runs/*", "exports/*", "state/*"},
        "aggregate_archive": {"exports/*", "state/*", "runs/*/joins/*"},
        "finish_export": {"state/*/rebuild.slices/*"},
        "reconcile": {"state/*/comparison.listings/sweep/*"},
    }


def test_nobody_writes_registrations() -> None:
    for name in PRINCIPALS:
        for action in ("s3:PutObject", "s3:DeleteObject"):
            assert not [place for place in places(name, action) if "registrations" in place]


def test_who_calls_kili_has_its_key_and_nobody_else_has() -> None:
    def readers(secret: str) -> set[str]:
        return {
            name
            for name in PRINCIPALS
            if ("secretsmanager:GetSecretValue", secret) in allowed(name)
        }

    callers = {"plan_export", "convert_assets", "reconcile"}
    assert readers("${KiliApiKeySecret}") == callers
    prefix = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:"
    assert readers(prefix + PROJECT_KEYS) == callers
    assert readers("${WebhookSecret}") == {"webhook"}
    assert readers(prefix + NOTIFY_SECRETS) == {"notify"}


def test_a_worker_of_batches_reaches_nothing_of_the_table_but_the_budget() -> None:
    [statement] = [
        one
        for one in statements(functions()["convert_assets"])
        if any(action.startswith("dynamodb:") for action in listed(one["Action"]))
    ]
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{PARTITION}*"]}
    }


def test_who_delivers_events_reaches_nothing_of_the_table_but_deliveries() -> None:
    [statement] = [
        one
        for one in statements(functions()["notify"])
        if any(action.startswith("dynamodb:") for action in listed(one["Action"]))
    ]
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{DELIVERIES}*"]}
    }


@pytest.mark.parametrize("name", sorted(functions()))
def test_who_reads_the_bucket_can_tell_that_an_object_is_not_there(name: str) -> None:
    assert ("s3:ListBucket", "${Bucket.Arn}") in allowed(name)


@pytest.mark.parametrize("name", sorted(PRINCIPALS))
def test_a_key_of_ones_own_is_granted_to_all_that_need_it(name: str) -> None:
    granted = {
        action
        for action, resource in allowed(name, with_kms_key=True)
        if resource == "${KmsKeyArn}"
    }
    # A copy within S3, and the completion of an upload in parts, decrypt as well as encrypt.
    needed = (
        {"kms:Decrypt", "kms:GenerateDataKey"} if places(name, "s3:PutObject") else {"kms:Decrypt"}
    )
    assert granted == needed
    assert not any("kms:" in action for action, _ in allowed(name, with_kms_key=False))


def test_the_workflow_calls_its_own_functions_and_starts_its_own_children() -> None:
    called = {
        resource for action, resource in allowed("workflow") if action == "lambda:InvokeFunction"
    }
    assert called == {
        "${PlanExportFunction.Arn}",
        "${ConvertAssetsFunction.Arn}",
        "${AggregateArchiveFunction.Arn}",
        "${FinishExportFunction.Arn}",
    }
    starts = [resource for action, resource in allowed("workflow") if "StartExecution" in action]
    assert len(starts) == 1
    assert starts[0].endswith(MACHINE)
