"""What the pseudonyms of a project's authors are made with."""

from typing import Annotated, Literal

from pydantic import Field

from kili_export.contracts.base import Document


class PseudonymKey(Document):
    """256 random bits as hexadecimal digits. Whoever has them can tell authors again."""

    schema_version: Literal[1] = 1
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
