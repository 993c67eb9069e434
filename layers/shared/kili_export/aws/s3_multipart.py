"""One object out of many parts: copied by the server where it can, uploaded where it must."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from kili_export.aws.s3_errors import is_absent, s3_error, s3_errors
from kili_export.core.errors import (
    ConflictError,
    ExportError,
    OutOfTime,
    TransientError,
    Unavailable,
)
from kili_export.splicing.upload_parts import BufferPart, CopyPart, Part
from kili_export.storage.object_store import BegunUpload, LongUploads, SentPart

COPIES_AT_ONCE: Final = 16
UPLOADS_AT_ONCE: Final = 4
BUFFERED_BYTES: Final = 96 << 20
Assemble = Callable[[BufferPart], bytes | bytearray]
CompletedPart = dict[str, Any]
_P = TypeVar("_P", CopyPart, BufferPart)


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """Where an upload goes. `common` goes with each request, `encryption` with the first."""

    bucket: str
    key: str
    common: Mapping[str, Any] = field(default_factory=dict)
    encryption: Mapping[str, Any] = field(default_factory=dict)
    source_owner: Mapping[str, Any] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """What every request names."""
        return {"Bucket": self.bucket, "Key": self.key, **self.common}


class MultipartUpload:
    """One upload, from its first request to its last. Leaves nothing behind unless it succeeds.

    With `uploads` it stays when time is up or the server does not answer, to be continued.
    """

    def __init__(
        self,
        client: Any,
        target: UploadTarget,
        assemble: Assemble,
        uploads: LongUploads | None = None,
    ) -> None:
        self._client = client
        self._target = target
        self._assemble = assemble
        self._uploads = uploads
        self._sent: dict[int, CompletedPart] = {}

    def run(
        self,
        parts: Sequence[Part],
        *,
        create: Mapping[str, Any],
        condition: Mapping[str, Any],
        plan: str = "",
    ) -> str:
        """Writes the object and answers its ETag.

        `create` are further arguments of the first request, `condition` of the last; `plan` is
        the digest of the parts, where another invocation may go on. Raises ConflictError when a
        source changed or the condition does not hold, OutOfTime when time is up.
        """
        self._sent = {}
        upload_id = self._resume(parts, plan) or self._create(create, plan)
        try:
            self._send(upload_id, parts)
            etag = self._complete(upload_id, condition)
        except BaseException as error:
            if self._uploads is not None and isinstance(error, (OutOfTime, TransientError)):
                self._pause(upload_id, plan, error)
            else:
                self._abort(upload_id, error)
            raise
        self._ended()
        return etag

    def _resume(self, parts: Sequence[Part], plan: str) -> str | None:
        """The upload that an earlier invocation left, or None; learns what the server has."""
        begun = self._uploads.begun(self._target.key) if self._uploads is not None else None
        if begun is None:
            return None
        if begun.plan != plan:
            # Made of something else: what it was for is not wanted any more.
            self._abort(begun.upload_id, None)
            return None
        try:
            self._sent = self._present(begun, parts)
        except ConflictError:
            # Somebody ended it.
            self._ended()
            return None
        return begun.upload_id

    def _present(self, begun: BegunUpload, parts: Sequence[Part]) -> dict[int, CompletedPart]:
        """The parts that the server has, by number, as far as the last request can name them.

        That wants the checksum of each. AWS lists it; of a server that does not, it is known from
        the answer to the part, if its caller could still record it.
        """
        recorded = {(part.number, part.etag.strip('"')): part.checksum for part in begun.sent}
        present = {}
        pages = self._client.get_paginator("list_parts").paginate(
            **self._target.request(), UploadId=begun.upload_id
        )
        with s3_errors("ListParts"):
            for listed in (one for page in pages for one in page.get("Parts", ())):
                number = int(listed["PartNumber"])
                checksum = recorded.get((number, listed["ETag"].strip('"')))
                part = _completed(number, {"ChecksumCRC32": checksum, **listed})
                fits = number <= len(parts) and listed["Size"] == parts[number - 1].length
                if fits and part.get("ChecksumCRC32"):
                    present[number] = part
        return present

    def _pause(self, upload_id: str, plan: str, reason: BaseException) -> None:
        """Records how far it came. A failure here is added to the reason and must not hide it."""
        sent = tuple(
            SentPart(number, part["ETag"], part.get("ChecksumCRC32", ""))
            for number, part in sorted(self._sent.items())
        )
        try:
            self._record(BegunUpload(upload_id, plan, sent))
        except ExportError as error:
            reason.add_note(f"What was sent of {self._target.key} could not be recorded: {error}")

    def _create(self, create: Mapping[str, Any], plan: str) -> str:
        with s3_errors("CreateMultipartUpload"):
            answer = self._client.create_multipart_upload(
                **self._target.request(),
                **self._target.encryption,
                **create,
                ChecksumAlgorithm="CRC32",
            )
        upload_id = str(answer["UploadId"])
        try:
            self._record(BegunUpload(upload_id, plan))
        except BaseException as error:
            self._abort(upload_id, error)
            raise
        return upload_id

    def _send(self, upload_id: str, parts: Sequence[Part]) -> None:
        """All parts that are not there, in parallel; memory holds a few assembled ones at most.

        Raises OutOfTime when time is up before they are done, Unavailable when this invocation
        came no further at all.
        """
        largest = max((part.length for part in parts if isinstance(part, BufferPart)), default=1)
        before = len(self._sent)
        uploads = max(1, min(UPLOADS_AT_ONCE, BUFFERED_BYTES // max(1, largest)))
        with ExitStack() as pools:
            copying = ThreadPoolExecutor(COPIES_AT_ONCE, "s3-copy")
            pools.callback(copying.shutdown, cancel_futures=True)
            uploading = ThreadPoolExecutor(uploads, "s3-upload")
            pools.callback(uploading.shutdown, cancel_futures=True)
            futures: list[Future[None]] = []
            for number, part in enumerate(parts, start=1):
                if number in self._sent:
                    continue
                if isinstance(part, CopyPart):
                    futures.append(
                        copying.submit(self._in_time, self._copy, upload_id, number, part)
                    )
                else:
                    futures.append(
                        uploading.submit(self._in_time, self._upload, upload_id, number, part)
                    )
            try:
                _wait(futures)
            except OutOfTime as error:
                if len(self._sent) > before or self._has_ended_any():
                    raise
                # Another invocation would come no further either.
                raise Unavailable(f"{error}, and there was no time to go on") from error

    def _in_time(
        self, send: Callable[[str, int, _P], CompletedPart], upload_id: str, number: int, part: _P
    ) -> None:
        if self._uploads is not None and self._uploads.is_time_up():
            raise OutOfTime(f"{self._target.key} is not complete yet")
        self._sent[number] = send(upload_id, number, part)

    def _copy(self, upload_id: str, number: int, part: CopyPart) -> CompletedPart:
        try:
            answer = self._client.upload_part_copy(
                **self._target.request(),
                **self._target.source_owner,
                UploadId=upload_id,
                PartNumber=number,
                CopySource={"Bucket": self._target.bucket, "Key": part.source.key},
                CopySourceIfMatch=part.source.etag,
                **_range(part),
            )
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and is_absent(error):
                raise ConflictError(f"S3 UploadPartCopy: {part.source.key} is gone") from error
            raise s3_error("UploadPartCopy", error) from error
        return _completed(number, answer.get("CopyPartResult", {}))

    def _upload(self, upload_id: str, number: int, part: BufferPart) -> CompletedPart:
        body = self._assemble(part)
        with s3_errors("UploadPart"):
            answer = self._client.upload_part(
                **self._target.request(),
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ChecksumAlgorithm="CRC32",
            )
        return _completed(number, answer)

    def _complete(self, upload_id: str, condition: Mapping[str, Any]) -> str:
        completed = [self._sent[number] for number in sorted(self._sent)]
        with s3_errors("CompleteMultipartUpload"):
            answer = self._client.complete_multipart_upload(
                **self._target.request(),
                **condition,
                UploadId=upload_id,
                MultipartUpload={"Parts": completed},
            )
        if not answer.get("ETag"):
            raise Unavailable("S3 CompleteMultipartUpload: answered without an ETag")
        return str(answer["ETag"])

    def _abort(self, upload_id: str, reason: BaseException | None) -> None:
        """Ends the upload. A failure here is added to the reason and must not hide it."""
        try:
            # A conflict says that somebody ended it already.
            with suppress(ConflictError), s3_errors("AbortMultipartUpload"):
                self._client.abort_multipart_upload(**self._target.request(), UploadId=upload_id)
        except ExportError as error:
            if reason is None:
                raise
            reason.add_note(f"The upload {upload_id} of {self._target.key} stays behind: {error}")
            return
        self._ended()

    def _record(self, upload: BegunUpload) -> None:
        if self._uploads is not None:
            self._uploads.record(self._target.key, upload)

    def _has_ended_any(self) -> bool:
        return self._uploads is not None and self._uploads.has_ended_any()

    def _ended(self) -> None:
        if self._uploads is not None:
            self._uploads.ended(self._target.key)


def _range(part: CopyPart) -> dict[str, str]:
    """The range to copy; none for a whole object, because small ones have to be copied whole."""
    if part.start == 0 and part.length == part.source.size:
        return {}
    return {"CopySourceRange": f"bytes={part.start}-{part.start + part.length - 1}"}


def _wait(futures: Collection[Future[None]]) -> None:
    """Until all are done. The first failure is raised at once, but that time is up last.

    Until then what had begun goes to its end.
    """
    late: list[OutOfTime] = []
    for future in as_completed(futures):
        try:
            future.result()
        except OutOfTime as error:
            late.append(error)
    if late:
        raise late[0]


def _completed(number: int, answer: Mapping[str, Any]) -> CompletedPart:
    if not answer.get("ETag"):
        raise Unavailable(f"S3: part {number} was answered without an ETag")
    part: CompletedPart = {"PartNumber": number, "ETag": answer["ETag"]}
    if answer.get("ChecksumCRC32"):
        part["ChecksumCRC32"] = answer["ChecksumCRC32"]
    return part
