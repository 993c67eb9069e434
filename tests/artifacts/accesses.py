"""Reads from a signed request to AWS which action it is, and on what."""

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

from tests.artifacts.policies import Access

_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
_RESOURCE_OF = {
    "dynamodb": "TableName",
    "secretsmanager": "SecretId",
    "sqs": "QueueUrl",
}


def service_of(headers: Mapping[str, str]) -> str:
    """The service that a request was signed for."""
    found = _SCOPE.search(headers.get("Authorization", ""))
    assert found, "a request that is not signed"
    return found.group(1)


def accesses_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> list[Access]:
    """What one request does, in IAM's words."""
    service = service_of(headers)
    if service == "s3":
        return list(_s3(method, target, headers, body))
    if service == "cloudformation":
        asked = parse_qs(body.decode())
        return [Access(f"cloudformation:{asked['Action'][0]}", asked["StackName"][0])]
    operation = headers["X-Amz-Target"].rpartition(".")[2]
    return [Access(f"{service}:{operation}", _json_resource(service, json.loads(body)))]


def _json_resource(service: str, request: Mapping[str, object]) -> str:
    if service == "states":
        return str(request.get("stateMachineArn") or request.get("executionArn"))
    if service == "events":
        entries = request["Entries"]
        assert isinstance(entries, list)
        return str(entries[0]["EventBusName"])
    return str(request[_RESOURCE_OF[service]])


def _s3(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Iterator[Access]:
    parts = urlsplit(target)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    arn = f"arn:aws:s3:::{bucket}"
    if not key:
        yield from _on_bucket(arn, query, body)
        return
    copied = headers.get("x-amz-copy-source")
    if copied:
        source = unquote(copied).lstrip("/").partition("?")[0]
        yield Access("s3:GetObject", f"arn:aws:s3:::{source}")
    yield Access(f"s3:{_object_action(method, query)}", f"{arn}/{key}")


def _on_bucket(arn: str, query: Mapping[str, list[str]], body: bytes) -> Iterator[Access]:
    if "delete" in query:
        for element in ET.fromstring(body).iter():
            if element.tag.endswith("Object"):
                parts = {part.tag.rpartition("}")[2]: part.text for part in element}
                kind = "DeleteObjectVersion" if "VersionId" in parts else "DeleteObject"
                yield Access(f"s3:{kind}", f"{arn}/{parts['Key']}")
    elif "versions" in query:
        yield Access("s3:ListBucketVersions", arn)
    elif "uploads" in query:
        yield Access("s3:ListBucketMultipartUploads", arn)
    else:
        yield Access("s3:ListBucket", arn)


def _object_action(method: str, query: Mapping[str, list[str]]) -> str:
    if method in {"GET", "HEAD"}:
        return "ListMultipartUploadParts" if "uploadId" in query else "GetObject"
    if method == "DELETE":
        return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
    return "PutObject"
