"""Secrets in a file that its owner alone can read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kili_export.core.errors import InvalidConfiguration


@dataclass(frozen=True, slots=True)
class FileSecret:
    """One secret of a file that holds them by their names. It is read when it is asked for."""

    path: Path
    secret_id: str

    def accepted(self) -> tuple[str, ...]:
        """See WebhookSecrets: the one that is stored."""
        return (self.value(),)

    def value(self) -> str:
        """The secret. Raises InvalidConfiguration when it has no value."""
        value = self._read().get(self.secret_id, "")
        if not isinstance(value, str) or not value.strip():
            raise InvalidConfiguration(
                f"the secret {self.secret_id} does not exist or has no value in {self.path}"
            )
        return value.strip()

    def versions(self) -> Iterator[str]:
        """The one that is stored. Raises InvalidConfiguration when there is none."""
        yield self.value()

    def _read(self) -> Mapping[str, object]:
        try:
            found = json.loads(self.path.read_bytes())
        except (OSError, ValueError) as error:
            raise InvalidConfiguration(
                f"the secrets of {self.path} cannot be read: {error}"
            ) from error
        if not isinstance(found, dict):
            raise InvalidConfiguration(f"the secrets of {self.path} cannot be read")
        return found
