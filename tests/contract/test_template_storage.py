"""What holds data keeps it, and keeps it from others."""

from typing import Any

import pytest

from kili_export.core import bucket_layout as keys
from tests.support.template_document import functions, listed, resources_of, template, text

HOLDS_DATA = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"}


def bucket() -> Any:
    return template()["Resources"]["Bucket"]["Properties"]


def bucket_statements() -> dict[str, Any]:
    policy = template()["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]
    plain = [one["Fn::If"][1] if "Fn::If" in one else one for one in policy["Statement"]]
    return {one["Sid"]: one for one in plain}


def lifecycle() -> dict[str, Any]:
    rules = bucket()["LifecycleConfiguration"]["Rules"]
    plain = [one["Fn::If"][1] if "Fn::If" in one else one for one in rules]
    return {rule["Id"]: rule for rule in plain}


@pytest.mark.parametrize("kind", sorted(HOLDS_DATA))
def test_what_holds_data_outlives_the_stack(kind: str) -> None:
    found = resources_of(kind)
    assert found, f"the template has no {kind}"
    for name, resource in found.items():
        # But a first deployment that fails leaves nothing that a second one would trip over:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
        assert resource.get("DeletionPolicy") == "RetainExceptOnCreate", name
        assert resource.get("UpdateReplacePolicy") == "Retain", name


def test_the_bucket_is_private() -> None:
    assert set(bucket()["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket()["PublicAccessBlockConfiguration"]) == 4
    assert bucket()["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_copies_are_kept_as_privately_and_in_versions() -> None:
    """Registrations and keys of pseudonyms exist nowhere else."""
    copies = template()["Resources"]["CopiesBucket"]["Properties"]
    for name in ("BucketEncryption", "PublicAccessBlockConfiguration", "OwnershipControls"):
        assert copies[name] == bucket()[name], name
    assert copies["VersioningConfiguration"] == {"Status": "Enabled"}
    [rule] = copies["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] >= 30
    policy = template()["Resources"]["CopiesBucketPolicy"]["Properties"]["PolicyDocument"]
    [statement] = policy["Statement"]
    assert (statement["Sid"], statement["Effect"]) == ("TlsOnly", "Deny")


@pytest.mark.parametrize("name", sorted(functions()))
def test_no_function_reaches_the_copies(name: str) -> None:
    assert "CopiesBucket" not in str(functions()[name])


def test_the_bucket_is_encrypted_with_or_without_a_key_of_ones_own() -> None:
    [rule] = bucket()["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    condition, with_key, without = rule["Fn::If"]
    assert condition == "HasKmsKey"
    assert with_key["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": {"Ref": "KmsKeyArn"},
    }
    assert with_key["BucketKeyEnabled"] is True
    assert without["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_bucket_refuses_requests_without_tls() -> None:
    statement = bucket_statements()["TlsOnly"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "s3:*"
    assert set(map(text, statement["Resource"])) == {"${Bucket.Arn}", "${Bucket.Arn}/*"}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_readers_of_other_accounts_see_exports_alone() -> None:
    allowed = {
        name: statement
        for name, statement in bucket_statements().items()
        if statement["Effect"] == "Allow"
    }
    assert allowed, "readers get nothing"
    for statement in allowed.values():
        assert statement["Principal"] == {"AWS": {"Ref": "ReaderPrincipalArns"}}
    assert allowed.pop("ReadersRead")["Resource"] == {"Fn::Sub": "${Bucket.Arn}/exports/*"}
    listing = allowed.pop("ReadersList")
    assert listing["Action"] == "s3:ListBucket"
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["exports/*"]}}
    assert not allowed


def test_incomplete_uploads_are_aborted_after_a_day() -> None:
    rule = lifecycle()["AbortIncompleteUploads"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert not rule.keys() & {"Prefix", "Filter"}, "it is for the whole bucket"


def test_only_the_leftovers_of_runs_expire() -> None:
    expiring = {
        name: rule.get("Prefix") for name, rule in lifecycle().items() if "ExpirationInDays" in rule
    }
    assert expiring == {"ExpireRuns": "runs/"}
    assert keys.run_prefix("p", "r").startswith(expiring["ExpireRuns"])


def test_runs_are_kept_for_longer_than_a_run_may_take() -> None:
    assert template()["Parameters"]["RunRetentionDays"]["MinValue"] >= 2


def test_old_versions_expire_also_where_they_are_not_kept_any_more() -> None:
    """Without the rule a bucket that had versions once would keep them for ever."""
    assert bucket()["VersioningConfiguration"]["Fn::If"][0] == "KeepsOldVersions"
    rules = bucket()["LifecycleConfiguration"]["Rules"]
    assert "ExpireOldVersions" in {rule.get("Id") for rule in rules}, "it depends on a condition"
    rule = lifecycle()["ExpireOldVersions"]
    days = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert days == {"Fn::If": ["KeepsOldVersions", {"Ref": "OldVersionsDays"}, 1]}
    assert rule["ExpiredObjectDeleteMarker"] is True


def test_the_table_is_paid_by_use_and_can_be_restored() -> None:
    [table] = resources_of("AWS::DynamoDB::Table").values()
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["SSESpecification"]["SSEEnabled"] is True
    assert [key["AttributeName"] for key in properties["KeySchema"]] == ["pk", "sk"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


def test_no_secret_is_written_in_the_template() -> None:
    secrets = resources_of("AWS::SecretsManager::Secret")
    assert len(secrets) == 2
    for secret in secrets.values():
        assert "SecretString" not in secret["Properties"]
    generated = secrets["WebhookSecret"]["Properties"]["GenerateSecretString"]
    assert generated["PasswordLength"] >= 32
    for name, output in template()["Outputs"].items():
        assert "resolve:secretsmanager" not in str(output), name
    for name in template()["Parameters"]:
        assert not {"Key", "Secret", "Password"} & {name.removesuffix("Value")}, name


def test_every_log_group_ends_and_every_function_has_one() -> None:
    groups = resources_of("AWS::Logs::LogGroup")
    for name, group in groups.items():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
    used = [
        function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        for function in resources_of("AWS::Serverless::Function").values()
    ]
    assert len(set(used)) == len(used)
    assert set(used) | {"StateMachineLogGroup", "ApiLogGroup"} == groups.keys()


@pytest.mark.parametrize("name", sorted(resources_of("AWS::SQS::Queue")))
def test_dead_letters_are_kept_for_as_long_as_a_queue_can(name: str) -> None:
    queue = resources_of("AWS::SQS::Queue")[name]
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["Properties"]["SqsManagedSseEnabled"] is True


def test_what_the_topic_does_not_take_ends_in_a_queue_of_its_own() -> None:
    rule = template()["Resources"]["ExportsRule"]["Properties"]
    [target] = rule["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["ExportsDeadLetters", "Arn"]}}
    policy = template()["Resources"]["ExportsDeadLettersPolicy"]["Properties"]["PolicyDocument"]
    [statement] = policy["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert text(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == "${ExportsRule.Arn}"
    assert template()["Resources"]["ExportsDeadLetters"]["Condition"] == "NotifiesThroughSns"


def test_the_topic_takes_events_from_our_rule_alone() -> None:
    policy = template()["Resources"]["ExportsTopicPolicy"]["Properties"]["PolicyDocument"]
    [statement] = policy["Statement"]
    assert listed(statement["Principal"]["Service"]) == ["events.amazonaws.com"]
    source = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert text(source) == "${ExportsRule.Arn}"
