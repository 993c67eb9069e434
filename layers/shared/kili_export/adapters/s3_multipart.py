"""One object out of many parts: copied by the server where it can, uploaded where it must."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from kili_export.adapters.s3_errors import is_absent, s3_error, s3_errors
from kili_export.domain.archive.parts import BufferPart, CopyPart, Part
from kili_export.domain.errors import ConflictError, ExportError, Unavailable

COPIES_AT_ONCE: Final = 16
UPLOADS_AT_ONCE: Final = 4
BUFFERED_BYTES: Final = 96 << 20

Assemble = Callable[[BufferPart], bytes | bytearray]
CompletedPart = dict[str, Any]


class UploadJournal(Protocol):
    """Is told of uploads, so that somebody else can end or continue them after a crash."""

    def began(self, key: str, upload_id: str) -> None:
        """An upload exists from now on."""

    def ended(self, key: str, upload_id: str) -> None:
        """It does not exist any more: completed or aborted."""


class NoJournal:
    """Where nobody asks."""

    def began(self, key: str, upload_id: str) -> None:
        """Nothing to do."""

    def ended(self, key: str, upload_id: str) -> None:
        """Nothing to do."""


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
    """One upload, from its first request to its last. Leaves nothing behind unless it succeeds."""

    def __init__(
        self,
        client: Any,
        target: UploadTarget,
        assemble: Assemble,
        journal: UploadJournal,
    ) -> None:
        self._client = client
        self._target = target
        self._assemble = assemble
        self._journal = journal

    def run(
        self, parts: Sequence[Part], *, create: Mapping[str, Any], condition: Mapping[str, Any]
    ) -> str:
        """Writes the object and answers its ETag.

        `create` are further arguments of the first request, `condition` of the last. Raises
        ConflictError when a source changed or the condition does not hold.
        """
        upload_id = self._create(create)
        try:
            completed = self._send(upload_id, parts)
            etag = self._complete(upload_id, completed, condition)
        except BaseException as error:
            self._abort(upload_id, error)
            raise
        self._journal.ended(self._target.key, upload_id)
        return etag

    def _create(self, create: Mapping[str, Any]) -> str:
        with s3_errors("CreateMultipartUpload"):
            answer = self._client.create_multipart_upload(
                **self._target.request(),
                **self._target.encryption,
                **create,
                ChecksumAlgorithm="CRC32",
            )
        upload_id = str(answer["UploadId"])
        try:
            self._journal.began(self._target.key, upload_id)
        except BaseException as error:
            self._abort(upload_id, error)
            raise
        return upload_id

    def _send(self, upload_id: str, parts: Sequence[Part]) -> list[CompletedPart]:
        """All parts, in parallel; memory holds a few assembled ones at most."""
        largest = max((part.length for part in parts if isinstance(part, BufferPart)), default=1)
        uploads = max(1, min(UPLOADS_AT_ONCE, BUFFERED_BYTES // max(1, largest)))
        with ExitStack() as pools:
            copying = ThreadPoolExecutor(COPIES_AT_ONCE, "s3-copy")
            pools.callback(copying.shutdown, cancel_futures=True)
            uploading = ThreadPoolExecutor(uploads, "s3-upload")
            pools.callback(uploading.shutdown, cancel_futures=True)
            futures: list[Future[CompletedPart]] = []
            for number, part in enumerate(parts, start=1):
                if isinstance(part, CopyPart):
                    futures.append(copying.submit(self._copy, upload_id, number, part))
                else:
                    futures.append(uploading.submit(self._upload, upload_id, number, part))
            completed = _results(futures)
        return sorted(completed, key=lambda part: int(part["PartNumber"]))

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

    def _complete(
        self, upload_id: str, completed: list[CompletedPart], condition: Mapping[str, Any]
    ) -> str:
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

    def _abort(self, upload_id: str, reason: BaseException) -> None:
        """Ends the upload. What fails here is told with the reason and must not hide it."""
        try:
            # A conflict says that somebody ended it already.
            with suppress(ConflictError), s3_errors("AbortMultipartUpload"):
                self._client.abort_multipart_upload(**self._target.request(), UploadId=upload_id)
        except ExportError as error:
            reason.add_note(f"The upload {upload_id} of {self._target.key} stays behind: {error}")
            return
        self._journal.ended(self._target.key, upload_id)


def _range(part: CopyPart) -> dict[str, str]:
    """The range to copy; none for a whole object, because small ones have to be copied whole."""
    if part.start == 0 and part.length == part.source.size:
        return {}
    return {"CopySourceRange": f"bytes={part.start}-{part.start + part.length - 1}"}


def _results(futures: Iterable[Future[CompletedPart]]) -> list[CompletedPart]:
    """What all of them gave; the first failure is raised at once."""
    return [future.result() for future in as_completed(futures)]


def _completed(number: int, answer: Mapping[str, Any]) -> CompletedPart:
    if not answer.get("ETag"):
        raise Unavailable(f"S3: part {number} was answered without an ETag")
    part: CompletedPart = {"PartNumber": number, "ETag": answer["ETag"]}
    if "ChecksumCRC32" in answer:
        part["ChecksumCRC32"] = answer["ChecksumCRC32"]
    return part
