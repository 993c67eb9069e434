"""Where a stack's servers are, and what its resources are called."""

from dataclasses import dataclass

_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs of the stack's servers."""

    s3: str
    stepfunctions: str

    def environment(self) -> dict[str, str]:
        """How boto3 finds them. A client of any other service of AWS reaches nothing."""
        return {
            "AWS_ENDPOINT_URL": _NOWHERE,
            "AWS_ENDPOINT_URL_S3": self.s3,
            "AWS_ENDPOINT_URL_SFN": self.stepfunctions,
        }


@dataclass(frozen=True, slots=True)
class ResourceNames:
    """What the resources are called on one machine."""

    bucket: str = "kili-exports"
    table: str = "kili-export-state"
    event_bus: str = "kili-exports"
    kili_secret: str = "kili-export/kili-api-key"  # noqa: S105 a name
    webhook_secret: str = "kili-export/webhook-secret"  # noqa: S105 a name
