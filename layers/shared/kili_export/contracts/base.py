"""The base of every document that crosses a boundary."""

from typing import Self

import orjson
from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """Immutable, and strict about names: a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_bytes(self) -> bytes:
        """The document as JSON in UTF-8."""
        return orjson.dumps(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote. Raises pydantic's ValidationError."""
        return cls.model_validate(orjson.loads(data))
