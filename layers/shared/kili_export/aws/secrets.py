"""Reads secrets from Secrets Manager."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from kili_export.aws.aws_errors import error_code, translated
from kili_export.core.clock import Clock
from kili_export.core.errors import InvalidConfiguration

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

_SERVICE = "Secrets Manager"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One secret, with its former value for `rotation` after a change."""

    client: "SecretsManagerClient"
    secret_id: str
    clock: Clock
    rotation: timedelta

    def accepted(self) -> tuple[str, ...]:
        """The current secret and, for a while after it was changed, the former."""
        current = self._version("AWSCURRENT")
        if current is None:
            raise self._missing()
        values = [current["SecretString"]]
        if self.clock.now() - current["CreatedDate"] < self.rotation:
            former = self._version("AWSPREVIOUS")
            values += [former["SecretString"]] if former else []
        # Many a tool puts the end of a line behind what it stores; no header can hold it.
        return tuple(value.strip() for value in values if value.strip())

    def value(self) -> str:
        """The current secret. Raises InvalidConfiguration when it has no value."""
        current = self._version("AWSCURRENT")
        if current is None or not current["SecretString"].strip():
            raise self._missing()
        return current["SecretString"].strip()

    def versions(self) -> Iterator[str]:
        """The current secret, then the one that is to follow it, then the former.

        While a secret is being changed, any of them may be the one that its service accepts. Each
        is read when it is asked for. Raises InvalidConfiguration when there is no current one.
        """
        yield self.value()
        for stage in ("AWSPENDING", "AWSPREVIOUS"):
            found = self._version(stage)
            if found is not None and found["SecretString"].strip():
                yield found["SecretString"].strip()

    def _missing(self) -> InvalidConfiguration:
        return InvalidConfiguration(
            f"the secret {self.secret_id} does not exist or has no value; put one into it"
        )

    def _version(self, stage: str) -> "GetSecretValueResponseTypeDef | None":
        try:
            with translated(_SERVICE):
                return self.client.get_secret_value(SecretId=self.secret_id, VersionStage=stage)
        except InvalidConfiguration as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and error_code(cause) == "ResourceNotFoundException":
                return None
            raise
