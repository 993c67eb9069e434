"""The table: conditional writes, consistent reads, and its errors in this system's words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from kili_export.aws.aws_errors import error_code, translation
from kili_export.core.errors import IntegrityError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Value = str | int | datetime | frozenset[str] | None
Item = Mapping[str, Any]
_SERVICE = "DynamoDB"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of a conditional change: the item after it or, if it was not `made`, as it is.

    `answered_at` is the service's clock, to a whole second, None when the answer does not tell.
    """

    made: bool
    item: Item
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Every read is strongly consistent."""

    client: "DynamoDBClient"
    name: str

    def get(self, pk: str, sk: str) -> Item | None:
        """The item's attributes, None when there is none."""
        answer = self._call("get_item", Key=_key(pk, sk), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def query(self, pk: str, beginning: str = "") -> Iterator[Item]:
        """Every item of a partition, or those whose sort key begins so."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
            "ConsistentRead": True,
        }
        if beginning:
            request["KeyConditionExpression"] += " AND begins_with(sk, :sk)"
            request["ExpressionAttributeValues"][":sk"] = {"S": beginning}
        while True:
            answer = self._call("query", **request)
            yield from answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def update(
        self, pk: str, sk: str, expression: str, values: Mapping[str, Value], *, condition: str = ""
    ) -> bool:
        """Changes an item, or makes it. False when `condition` does not hold."""
        return self._conditional(
            "update_item", pk, sk, values, condition, UpdateExpression=expression
        )

    def exchange(
        self, pk: str, sk: str, expression: str, values: Mapping[str, Value], *, condition: str
    ) -> Exchange:
        """Changes an item as `update` does, and answers the whole of it either way."""
        request: dict[str, Any] = {
            "Key": _key(pk, sk),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {name: encoded(value) for name, value in values.items()},
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            answer = self.client.update_item(TableName=self.name, **request)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise translation(_SERVICE, error) from error
            refusal: Mapping[str, Any] = error.response
            return Exchange(False, refusal.get("Item", {}), _answered_at(refusal))
        except BotoCoreError as error:
            raise translation(_SERVICE, error) from error
        return Exchange(True, answer["Attributes"], _answered_at(answer))

    def delete(
        self, pk: str, sk: str, values: Mapping[str, Value] | None = None, *, condition: str = ""
    ) -> bool:
        """Removes an item. False when `condition` does not hold."""
        return self._conditional("delete_item", pk, sk, values or {}, condition)

    def _conditional(
        self,
        operation: str,
        pk: str,
        sk: str,
        values: Mapping[str, Value],
        condition: str,
        **request: Any,
    ) -> bool:
        request["Key"] = _key(pk, sk)
        if condition:
            request["ConditionExpression"] = condition
        if values:
            request["ExpressionAttributeValues"] = {
                name: encoded(value) for name, value in values.items()
            }
        return self._call(operation, **request) is not None

    def _call(self, operation: str, **request: Any) -> Any:
        """The answer, None when the condition of the request did not hold."""
        try:
            return getattr(self.client, operation)(TableName=self.name, **request)
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            raise translation(_SERVICE, error) from error
        except BotoCoreError as error:
            raise translation(_SERVICE, error) from error


def encoded(value: Value) -> Mapping[str, Any]:
    """A value as DynamoDB's typed attribute."""
    match value:
        case None:
            return {"NULL": True}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case datetime():
            return {"S": value.isoformat()}
        case frozenset():
            return {"SS": sorted(value)}


def text(item: Item, name: str) -> str:
    """A text attribute. Raises IntegrityError when it is not there."""
    found = optional_text(item, name)
    if found is None:
        raise IntegrityError(f"an item of the table lacks {name}")
    return found


def optional_text(item: Item, name: str) -> str | None:
    """A text attribute, None when it is not there or null."""
    value = item.get(name, {}).get("S")
    return None if value is None else str(value)


def number(item: Item, name: str) -> int:
    """A whole number, 0 when it is not there."""
    return int(item.get(name, {}).get("N", 0))


def moment(item: Item, name: str) -> datetime:
    """A point in time. Raises IntegrityError when it is not there."""
    return datetime.fromisoformat(text(item, name))


def texts(item: Item, name: str) -> frozenset[str]:
    """A set of texts, empty when it is not there."""
    return frozenset(item.get(name, {}).get("SS", ()))


def _answered_at(answer: Mapping[str, Any]) -> datetime | None:
    stated = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(stated)
    except ValueError:
        return None


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}
