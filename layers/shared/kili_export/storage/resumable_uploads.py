"""Keeps account of uploads that take several invocations, in one small object for each export."""

import logging
from typing import Literal

from pydantic import Field, ValidationError

from kili_export.core.bucket_layout import uploads_key
from kili_export.core.clock import RandomSource, TimeLeft
from kili_export.core.document import Document
from kili_export.storage.object_store import BegunUpload, ObjectStore, SentPart

_log = logging.getLogger(__name__)


class OpenUpload(Document):
    """An upload that is not completed; `plan` is the digest of its parts.

    `sent` are parts that are known to be there: number, ETag, checksum.
    """

    upload_id: str
    plan: str
    sent: tuple[tuple[int, str, str], ...] = ()


class UploadCheckpoints(Document):
    """The uploads of one export that a run began, by the key that they write.

    `attempt` is what the run's keys carry: who goes on with an upload goes on with its names.
    """

    schema_version: Literal[1] = 1
    run_id: str
    attempt: str
    uploads: dict[str, OpenUpload] = Field(default_factory=dict)


class ResumableUploads:
    """The uploads of one run for one export.

    What other runs left in the journal is not looked at: who plans a run ends their uploads.
    Nothing is written as long as no upload is long. Without `time_left` there is no limit.
    """

    def __init__(
        self,
        objects: ObjectStore,
        time_left: TimeLeft | None,
        *,
        project_id: str,
        export: str,
        run_id: str,
        random: RandomSource,
        is_first: bool = False,
    ) -> None:
        """Reads the journal. Begins a new attempt unless an invocation of this run left one.

        With `is_first` no invocation can have left one, and nothing is read.
        """
        self._objects = objects
        self._time_left = time_left
        self.key = uploads_key(project_id, export)
        found = None if is_first else self._read(run_id)
        self._has_ended_any = False
        self._journal = found or UploadCheckpoints(
            run_id=run_id, attempt=f"{run_id}-{random.token()}"
        )

    @property
    def attempt(self) -> str:
        """What the names of new objects carry."""
        return self._journal.attempt

    def begun(self, key: str) -> BegunUpload | None:
        """The upload that an earlier invocation began, if it is not known to have ended."""
        upload = self._journal.uploads.get(key)
        if upload is None:
            return None
        sent = tuple(SentPart(*part) for part in upload.sent)
        return BegunUpload(upload.upload_id, upload.plan, sent)

    def record(self, key: str, upload: BegunUpload) -> None:
        """There is such an upload from now on, or it came so far."""
        sent = tuple((part.number, part.etag, part.checksum) for part in upload.sent)
        opened = OpenUpload(upload_id=upload.upload_id, plan=upload.plan, sent=sent)
        self._write({**self._journal.uploads, key: opened})

    def ended(self, key: str) -> None:
        """It is completed, or given up."""
        self._has_ended_any = True
        self._write({name: one for name, one in self._journal.uploads.items() if name != key})

    def is_time_up(self) -> bool:
        """Whether nothing more may be begun in this invocation."""
        return self._time_left is not None and self._time_left.is_up()

    def has_ended_any(self) -> bool:
        """Whether this invocation came to the end of an upload."""
        return self._has_ended_any

    def _read(self, run_id: str) -> UploadCheckpoints | None:
        found = self._objects.get(self.key)
        if found is None:
            return None
        try:
            journal = UploadCheckpoints.from_bytes(found[0])
        except (ValidationError, ValueError):
            _log.warning("%s cannot be read; uploads start again", self.key)
            return None
        return journal if journal.run_id == run_id else None

    def _write(self, uploads: dict[str, OpenUpload]) -> None:
        self._journal = self._journal.model_copy(update={"uploads": uploads})
        # Not on any condition: another invocation of this run would write the same, and of what
        # it does not know the next run ends the upload.
        self._objects.put(self.key, self._journal.to_bytes(), content_type="application/json")
