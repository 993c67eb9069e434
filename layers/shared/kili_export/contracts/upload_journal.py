"""What an invocation leaves for the next one of its run: copies go on where they stopped."""

from typing import Literal

from pydantic import Field

from kili_export.contracts.base import Document


class OpenUpload(Document):
    """An upload that is not completed; `plan` is the digest of its parts.

    `sent` are parts that are known to be there: number, ETag, checksum.
    """

    upload_id: str
    plan: str
    sent: tuple[tuple[int, str, str], ...] = ()


class UploadJournal(Document):
    """The uploads of one export that a run began, by the key that they write.

    `attempt` is what the run's keys carry: who goes on with an upload goes on with its names.
    """

    schema_version: Literal[1] = 1
    run_id: str
    attempt: str
    uploads: dict[str, OpenUpload] = Field(default_factory=dict)
