"""The settings of a deployed stack, from its outputs and parameters."""

from typing import Final

from kili_export.aws.cloudformation import describe_stack
from kili_export.core.errors import InvalidConfiguration
from kili_export.wiring.settings import Settings

OUTPUTS: Final = {
    "BucketName": "BUCKET_NAME",
    "CopiesBucketName": "COPIES_BUCKET_NAME",
    "TableName": "TABLE_NAME",
    "StateMachineArn": "STATE_MACHINE_ARN",
    "EventBusName": "EVENT_BUS_NAME",
    "KiliApiKeySecretArn": "KILI_API_KEY_SECRET_ID",
    "KiliKeyPrefix": "KILI_KEY_PREFIX",
    "WebhookSecretArn": "WEBHOOK_SECRET_ID",
    "NotifyQueueUrl": "NOTIFY_QUEUE_URL",
    "KiliApiEndpoint": "KILI_API_ENDPOINT",
}
"""Outputs of the template, under the names by which the functions know them."""
PARAMETERS: Final = {
    "KiliRequestsPerMinute": "KILI_REQUESTS_PER_MINUTE",
    "PrivateNetworks": "PRIVATE_NETWORKS",
    "MaxConcurrency": "MAX_CONCURRENCY",
    "WindowSeconds": "WINDOW_SECONDS",
    "SettleSeconds": "SETTLE_SECONDS",
    "SliceAssets": "SLICE_ASSETS",
    "LatestCopyLimit": "LATEST_COPY_LIMIT",
    "ArchiveBudgetCents": "ARCHIVE_BUDGET_CENTS",
    "RetainedGenerations": "RETAINED_GENERATIONS",
    "RetentionHours": "RETENTION_HOURS",
    "MediaFileLimit": "MEDIA_FILE_LIMIT",
    "LogLevel": "LOG_LEVEL",
}
"""Parameters of the template, likewise: all that become settings of the functions."""


def deployed_stack(name: str) -> tuple[Settings, str]:
    """The settings of a stack, and the address of its webhook (empty when it has no such output).

    Raises InvalidConfiguration or Unavailable.
    """
    stack = describe_stack(name)
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
    missing = sorted(OUTPUTS.keys() - outputs.keys())
    if missing:
        raise InvalidConfiguration(
            f"The stack {name} has no output {missing[0]}: it is not one of this application's."
        )
    environment = {variable: outputs[output] for output, variable in OUTPUTS.items()}
    environment |= {
        variable: parameters[parameter]
        for parameter, variable in PARAMETERS.items()
        if parameter in parameters
    }
    return Settings.from_environment(environment), outputs.get("WebhookUrl", "")
