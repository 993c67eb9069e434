"""The base of every document that crosses a boundary."""

from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from kili_export.core.errors import ConflictError


def is_none(value: object) -> bool:
    """For fields that are left out of a document while they have no value."""
    return value is None


def is_zero(value: object) -> bool:
    """For numbers and marks that are left out of a document while they say nothing."""
    return not value


class Document(BaseModel):
    """Immutable, and strict about names: a key that is not declared is an error."""

    # Errors end in logs, and what cannot be read may hold people.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def to_bytes(self) -> bytes:
        """The document as JSON in UTF-8."""
        return orjson.dumps(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote. Raises pydantic's ValidationError."""
        return cls.model_validate(orjson.loads(data))

    @classmethod
    def from_payload(cls, payload: Any) -> Self:
        """Reads what another function of this application handed over.

        Raises ConflictError when that is not what this version reads: both are ours, so the other
        one is of another version. The values are not shown: they may be anything.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as error:
            fields = sorted({".".join(map(str, one["loc"])) for one in error.errors()})
            raise ConflictError(
                f"a {cls.__name__} of another version, by its fields {', '.join(fields[:5])}"
            ) from None


class PublishedDocument(Document):
    """A document that readers of other versions have, and that later ones may add fields to.

    Its `schema_version` is another one when who does not know a change must not go on.
    """

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what this version or another one wrote: fields that it lacks are passed over.

        Raises pydantic's ValidationError.
        """
        return cls.model_validate(orjson.loads(data), extra="ignore")
