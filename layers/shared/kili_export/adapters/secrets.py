"""Reads secrets from Secrets Manager."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from kili_export.adapters.aws_errors import error_code, translated
from kili_export.domain.errors import InvalidConfiguration
from kili_export.ports import Clock

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
            raise InvalidConfiguration(f"the secret {self.secret_id} has no value; put one into it")
        values = [current["SecretString"]]
        if self.clock.now() - current["CreatedDate"] < self.rotation:
            former = self._version("AWSPREVIOUS")
            values += [former["SecretString"]] if former else []
        return tuple(value for value in values if value)

    def value(self) -> str:
        """The current secret. Raises InvalidConfiguration when it has no value."""
        current = self._version("AWSCURRENT")
        if current is None or not current["SecretString"].strip():
            raise InvalidConfiguration(f"the secret {self.secret_id} has no value; put one into it")
        return current["SecretString"].strip()

    def _version(self, stage: str) -> "GetSecretValueResponseTypeDef | None":
        try:
            with translated(_SERVICE):
                return self.client.get_secret_value(SecretId=self.secret_id, VersionStage=stage)
        except InvalidConfiguration as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and error_code(cause) == "ResourceNotFoundException":
                return None
            raise
