"""What CloudFormation says about a deployed stack."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from kili_export.aws.client import aws_client
from kili_export.core.errors import InvalidConfiguration, Unavailable


def describe_stack(name: str) -> Mapping[str, Any]:
    """The stack of this name. Raises InvalidConfiguration or Unavailable when it cannot be read."""
    try:
        answer = aws_client("cloudformation").describe_stacks(StackName=name)
    except ClientError as error:
        raise InvalidConfiguration(
            f"The stack {name} cannot be read: {error.response['Error']['Message']}. Its region "
            "and the credentials come from the usual AWS environment (AWS_PROFILE, AWS_REGION)."
        ) from error
    except NoRegionError:
        raise
    except BotoCoreError as error:
        raise Unavailable(f"CloudFormation cannot be asked about {name}: {error}") from error
    stack: Mapping[str, Any] = answer["Stacks"][0]
    return stack
