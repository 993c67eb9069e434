"""What a deployment's template would have created, in servers that stand in for AWS."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from kili_export.local.stack.resources import ResourceNames
from kili_export.runs.announcements import FAILED, PUBLISHED, SOURCE

_QUEUE = "kili-export-notifications"


class LocalAws:
    """Clients of the stack's servers."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # The type stubs know each service by name; here the name is a variable.
        self._session: Any = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self._environment = environment

    def client(self, service: str) -> Any:
        """A client of one service."""
        own = {"s3": "AWS_ENDPOINT_URL_S3", "stepfunctions": "AWS_ENDPOINT_URL_SFN"}
        endpoint = self._environment[own.get(service, "AWS_ENDPOINT_URL")]
        return self._session.client(
            service,
            endpoint_url=endpoint,
            config=Config(proxies={}, s3={"addressing_style": "path"}, inject_host_prefix=False),
        )


def create_resources(
    aws: LocalAws, names: ResourceNames, *, table: Mapping[str, Any], secrets: Mapping[str, str]
) -> str:
    """Creates what is not there yet. Answers the URL of the queue that receives the events.

    `table` holds the template's properties of the table, `secrets` values by name.
    """
    _create_bucket(aws.client("s3"), names.bucket)
    properties = ("AttributeDefinitions", "KeySchema", "BillingMode")
    aws.client("dynamodb").create_table(
        TableName=names.table, **{name: table[name] for name in properties}
    )
    for name, value in secrets.items():
        aws.client("secretsmanager").create_secret(Name=name, SecretString=value)
    return _create_bus(aws, names)


def _create_bucket(s3: Any, bucket: str) -> None:
    if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=bucket)


def _create_bus(aws: LocalAws, names: ResourceNames) -> str:
    sqs, events = aws.client("sqs"), aws.client("events")
    url: str = sqs.create_queue(QueueName=_QUEUE)["QueueUrl"]
    wanted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events.create_event_bus(Name=names.event_bus)
    pattern = {"source": [SOURCE], "detail-type": [PUBLISHED, FAILED]}
    rule = {"Name": "consumers", "EventBusName": names.event_bus}
    events.put_rule(**rule, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": wanted["Attributes"]["QueueArn"]}
    events.put_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Targets=[target])
    return url
