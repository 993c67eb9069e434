"""The template as CloudFormation gets it: after the transform of SAM, for one stack's name."""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.support.template_document import template

REGION: Final = "eu-west-1"
_SOURCES: Final = {
    "CodeUri": "s3://bucket/code",
    "ContentUri": "s3://bucket/layer",
    "DefinitionUri": "s3://bucket/definition",
}
"""What `sam deploy` puts in place of the folders and files, which it uploads first."""


@cache
def _transformed() -> str:
    document = json.loads(json.dumps(template()))
    for resource in document["Resources"].values():
        for name, uploaded in _SOURCES.items():
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = uploaded
    session = boto3.Session(region_name=REGION)
    return json.dumps(Translator({}, Parser(), boto_session=session).translate(document, {}))


def transformed(stack_name: str) -> dict[str, Any]:
    """The transformed template, with the values that CloudFormation gives to pseudo parameters."""
    values = {
        "AWS::StackName": stack_name,
        "AWS::Region": REGION,
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    filled: dict[str, Any] = _fill(json.loads(_transformed()), values)
    return filled


def _fill(value: Any, values: Mapping[str, str]) -> Any:
    match value:
        case {"Ref": str(name)} if name in values:
            return values[name]
        case {"Fn::Sub": str(pattern)}:
            return _sub(pattern, values)
        case dict():
            return {key: _fill(item, values) for key, item in value.items()}
        case list():
            return [_fill(item, values) for item in value]
    return value


def _sub(pattern: str, values: Mapping[str, str]) -> Any:
    """The text; what names a resource or a parameter stays in it."""
    text = re.sub(r"\$\{([A-Za-z0-9:]+)\}", lambda found: values.get(found[1], found[0]), pattern)
    return {"Fn::Sub": text} if "${" in text else text
