"""The services made of memory answer as better-known ones do."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from devtools.faults.table_service import ConditionFailed, NotUnderstood, TableService

TABLE = "table"
KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
UPDATES: list[dict[str, Any]] = [
    {
        "UpdateExpression": "SET version = :v, attempts = :zero,"
        " first_event_at = if_not_exists(first_event_at, :v)"
        " REMOVE retry_at ADD label_ids :labels",
        "ConditionExpression": "attribute_not_exists(label_ids) OR size(label_ids) < :most",
        "ExpressionAttributeValues": {
            ":v": {"S": version},
            ":zero": {"N": "0"},
            ":labels": {"SS": [f"label {version}"]},
            ":most": {"N": "2"},
        },
    }
    for version in ("a", "b", "c")
]
UPDATES += [
    {
        "UpdateExpression": "SET retry_at = :until, attempts = attempts + :one",
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {
            ":until": {"S": "later"},
            ":one": {"N": "1"},
            ":version": {"S": version},
        },
    }
    for version in ("b", "z")
]
UPDATES += [
    {
        "UpdateExpression": "SET told = attempts REMOVE holder",
        "ConditionExpression": "attempts = :one AND attribute_not_exists(holder)",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
]


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName=TABLE,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def _ours(service: TableService, request: Mapping[str, Any]) -> bool:
    try:
        service.answer("UpdateItem", {"Key": KEY, **request})
    except ConditionFailed:
        return False
    return True


def _theirs(client: Any, request: Mapping[str, Any]) -> bool:
    try:
        client.update_item(TableName=TABLE, Key=KEY, **request)
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def test_the_table_changes_items_as_dynamodb_does(moto: Any) -> None:
    service = TableService()
    for request in UPDATES:
        assert _ours(service, request) == _theirs(moto, request), json.dumps(request)
        theirs = moto.get_item(TableName=TABLE, Key=KEY).get("Item")
        ours = service.answer("GetItem", {"Key": KEY}).get("Item")
        assert _sorted(ours) == _sorted(theirs), json.dumps(request)


def _sorted(item: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: {"SS": sorted(value["SS"])} if "SS" in value else value
        for name, value in (item or {}).items()
    }


def test_the_table_refuses_what_it_does_not_understand() -> None:
    with pytest.raises(NotUnderstood):
        TableService().answer("UpdateItem", {"Key": KEY, "UpdateExpression": "SET a = b.c"})
    with pytest.raises(NotUnderstood):
        TableService().answer("Scan", {})
