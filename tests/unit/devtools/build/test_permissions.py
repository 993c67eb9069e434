"""What a request to AWS does in IAM's words, and whether a policy allows it."""

from collections.abc import Mapping

import pytest

from tests.artifacts.accesses import accesses_of
from tests.artifacts.policies import Access, Policy

BUCKET = "arn:aws:s3:::b"


def request(
    service: str,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> set[tuple[str, str]]:
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261122/eu-west-1/"
        f"{service}/aws4_request, SignedHeaders=host, Signature=0"
    }
    found = accesses_of(method, target, {**signed, **(headers or {})}, body)
    return {(one.action, one.resource) for one in found}


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/b/runs/p/plan.json", ("s3:GetObject", f"{BUCKET}/runs/p/plan.json")),
        ("HEAD", "/b/a%20b", ("s3:GetObject", f"{BUCKET}/a b")),
        ("PUT", "/b/k", ("s3:PutObject", f"{BUCKET}/k")),
        ("PUT", "/b/k?partNumber=1&uploadId=u", ("s3:PutObject", f"{BUCKET}/k")),
        ("POST", "/b/k?uploads", ("s3:PutObject", f"{BUCKET}/k")),
        ("POST", "/b/k?uploadId=u", ("s3:PutObject", f"{BUCKET}/k")),
        ("GET", "/b/k?uploadId=u", ("s3:ListMultipartUploadParts", f"{BUCKET}/k")),
        ("DELETE", "/b/k?uploadId=u", ("s3:AbortMultipartUpload", f"{BUCKET}/k")),
        ("DELETE", "/b/k", ("s3:DeleteObject", f"{BUCKET}/k")),
        ("GET", "/b?list-type=2&prefix=x", ("s3:ListBucket", BUCKET)),
        ("GET", "/b?uploads&prefix=x", ("s3:ListBucketMultipartUploads", BUCKET)),
    ],
)
def test_a_request_to_s3_is_its_action(method: str, target: str, expected: tuple[str, str]) -> None:
    assert request("s3", method, target) == {expected}


def test_a_copy_reads_its_source_too() -> None:
    found = request(
        "s3", "PUT", "/b/k?partNumber=1&uploadId=u", headers={"x-amz-copy-source": "b/runs/a%2Fb"}
    )
    assert found == {("s3:PutObject", f"{BUCKET}/k"), ("s3:GetObject", f"{BUCKET}/runs/a/b")}


def test_a_batch_of_deletions_is_each_of_them() -> None:
    body = (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Object><Key>a</Key></Object><Object><Key>b/c</Key></Object></Delete>"
    )
    assert request("s3", "POST", "/b?delete", body) == {
        ("s3:DeleteObject", f"{BUCKET}/a"),
        ("s3:DeleteObject", f"{BUCKET}/b/c"),
    }


@pytest.mark.parametrize(
    ("service", "operation", "body", "resource"),
    [
        ("dynamodb", "DynamoDB_20120810.Query", b'{"TableName": "t"}', "t"),
        ("secretsmanager", "secretsmanager.GetSecretValue", b'{"SecretId": "s"}', "s"),
        ("events", "AWSEvents.PutEvents", b'{"Entries": [{"EventBusName": "e"}]}', "e"),
        ("states", "AWSStepFunctions.StartExecution", b'{"stateMachineArn": "m"}', "m"),
        ("states", "AWSStepFunctions.DescribeExecution", b'{"executionArn": "x"}', "x"),
    ],
)
def test_a_request_to_another_service_is_its_operation(
    service: str, operation: str, body: bytes, resource: str
) -> None:
    action = f"{service}:{operation.rpartition('.')[2]}"
    assert request(service, "POST", "/", body, headers={"X-Amz-Target": operation}) == {
        (action, resource)
    }


def test_a_policy_allows_what_it_says_and_nothing_beside_it() -> None:
    statement = {
        "Sid": "Write",
        "Effect": "Allow",
        "Action": ["s3:PutObject", "s3:GetObject"],
        "Resource": [{"Fn::Sub": "${Bucket.Arn}/runs/*"}, {"Fn::GetAtt": ["Table", "Arn"]}],
    }
    with_key = {"Fn::If": ["HasKmsKey", {**statement, "Action": "kms:Decrypt"}, {}]}
    properties = {"Policies": [{"Statement": [statement, with_key]}]}
    policy = Policy(properties, {"Bucket.Arn": BUCKET, "Table.Arn": "t"})
    assert policy.statement_for(Access("s3:PutObject", f"{BUCKET}/runs/p/x")) == "Write"
    for refused in (
        Access("s3:DeleteObject", f"{BUCKET}/runs/p/x"),
        Access("s3:PutObject", f"{BUCKET}/exports/p/x"),
        Access("s3:PutObject", f"{BUCKET}2/runs/p/x"),
        Access("kms:Decrypt", f"{BUCKET}/runs/p/x"),
    ):
        assert policy.statement_for(refused) is None
    assert policy.granted() == {"s3:PutObject", "s3:GetObject"}
