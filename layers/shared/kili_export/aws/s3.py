"""The bucket, by boto3's S3 client."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final

from botocore.exceptions import BotoCoreError, ClientError

from kili_export.aws.parallel_reads import ParallelReads
from kili_export.aws.s3_errors import is_absent, s3_error, s3_errors
from kili_export.aws.s3_multipart import MultipartUpload, UploadTarget
from kili_export.aws.s3_requests import (
    BODY_ATTEMPTS,
    condition_of,
    conflict_if_absent,
    fits_xml,
    match,
    read_again,
    stored_object,
)
from kili_export.core.errors import ConflictError, IntegrityError, Unavailable
from kili_export.splicing.part_reads import Read, assembled
from kili_export.splicing.upload_parts import BufferPart, Part
from kili_export.storage.object_store import LongUploads, StoredObject

_CHUNK: Final = 1 << 20
_KEYS_PER_DELETE: Final = 1000
_PLAN: Final = "plan"


class S3ObjectStore:
    """One bucket.

    `encryption` are arguments of every write (`ServerSideEncryption`, `SSEKMSKeyId`), None leaves
    it to the bucket. `expected_owner` is the account that must own the bucket. The client's
    connection pool should hold 40 connections for `compose` to use its threads.
    """

    def __init__(
        self,
        client: Any,
        bucket: str,
        *,
        encryption: Mapping[str, str] | None = None,
        expected_owner: str | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._encryption = dict(encryption or {})
        self._common = {"ExpectedBucketOwner": expected_owner} if expected_owner else {}
        self._read_all = ParallelReads(self._read)
        self._source_owner = {"ExpectedSourceBucketOwner": expected_owner} if expected_owner else {}

    def head(self, key: str) -> StoredObject | None:
        """What is stored under `key`, or None."""
        try:
            answer = self._client.head_object(**self._request(key))
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and is_absent(error):
                return None
            raise s3_error("HeadObject", error) from error
        return stored_object(key, answer)

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        """The whole object, or None. Raises ConflictError when it is not `if_match` any more."""

        def fetch() -> tuple[bytes, StoredObject] | None:
            answer = self._get(key, match(if_match))
            if answer is None:
                return None
            return answer["Body"].read(), stored_object(key, answer)

        return read_again(fetch)

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        """Exactly `length` bytes from offset `start`.

        Raises IntegrityError when there are fewer, ConflictError when it is not `if_match`.
        """
        if length == 0:
            return b""

        def fetch() -> bytes:
            wanted = {"Range": f"bytes={start}-{start + length - 1}", **match(if_match)}
            answer = self._get(key, wanted)
            if answer is None:
                raise IntegrityError(f"{key} does not exist")
            if answer["ContentLength"] != length:
                raise IntegrityError(
                    f"{key}: {length} bytes from {start} were asked for, "
                    f"{answer['ContentLength']} are there"
                )
            return bytes(answer["Body"].read())

        return read_again(fetch)

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """Streams the object into `target`. Raises IntegrityError when it does not exist.

        A connection that breaks is taken up again where it broke, from the same version.
        """
        answer = self._get(key, match(if_match))
        if answer is None:
            raise IntegrityError(f"{key} does not exist")
        stored = stored_object(key, answer)
        written = 0
        for _ in range(BODY_ATTEMPTS):
            try:
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    target.write(chunk)
                    written += len(chunk)
            except BotoCoreError as error:
                reason = s3_error("GetObject", error)
            else:
                reason = Unavailable(f"S3 GetObject: {key} ended after {written} bytes")
            if written == stored.size:
                return stored
            rest = {"Range": f"bytes={written}-", **match(stored.etag)}
            answer = self._get(key, rest)
            if answer is None:
                raise ConflictError(f"{key} went while it was read") from reason
        raise reason

    def put(
        self,
        key: str,
        data: bytes | bytearray,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> StoredObject:
        """Writes the object whole. Raises ConflictError when a condition does not hold."""
        condition = condition_of(if_match, if_none_match=if_none_match)
        return self._put(key, data, condition, dict(metadata or {}), content_type)

    def _put(
        self,
        key: str,
        data: bytes | bytearray,
        condition: Mapping[str, str],
        metadata: dict[str, str],
        content_type: str,
    ) -> StoredObject:
        try:
            answer = self._client.put_object(
                **self._request(key),
                **self._encryption,
                **condition,
                Body=data,
                Metadata=metadata,
                ContentType=content_type,
                ChecksumAlgorithm="CRC32",
            )
        except (BotoCoreError, ClientError) as error:
            written = self._written_before(key, data, error)
            if written is None:
                raise conflict_if_absent("PutObject", error) from error
            return written
        return StoredObject(key, str(answer["ETag"]), len(data), metadata)

    def compose(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
        plan: str = "",
        uploads: LongUploads | None = None,
    ) -> StoredObject:
        """Writes one object out of copied ranges and bytes, as planned.

        Nothing is visible, and no upload is left behind, unless it succeeds. Raises ConflictError
        when a source changed or a condition does not hold.

        `plan`, the digest of the parts, is kept with the object: one that was made by the same
        plan counts as written, whatever the conditions. With `uploads` besides, what was copied
        stays when the time is up, then OutOfTime is raised, or when the bucket does not answer
        for a while; the same call continues from there.
        """
        if uploads is not None and (written := self.composed(key, plan, uploads=uploads)):
            return written
        about = {**(metadata or {}), **({_PLAN: plan} if plan else {})}
        condition = condition_of(if_match, if_none_match=if_none_match)
        try:
            return self._compose(key, parts, condition, about, content_type, plan, uploads)
        except ConflictError:
            composed = self.composed(key, plan) if plan else None
            if composed is None:
                raise
            return composed

    def _compose(
        self,
        key: str,
        parts: Sequence[Part],
        condition: Mapping[str, str],
        metadata: dict[str, str],
        content_type: str,
        plan: str,
        uploads: LongUploads | None,
    ) -> StoredObject:
        if len(parts) == 1 and isinstance(parts[0], BufferPart):
            return self._put(key, self.assemble(parts[0]), condition, metadata, content_type)
        target = UploadTarget(self._bucket, key, self._common, self._encryption, self._source_owner)
        etag = MultipartUpload(self._client, target, self.assemble, uploads).run(
            parts,
            create={"Metadata": metadata, "ContentType": content_type},
            condition=condition,
            plan=plan,
        )
        return StoredObject(key, etag, sum(part.length for part in parts), metadata)

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        """The object, if it was made by this plan; `uploads` then know no upload of it any more."""
        found = self.head(key)
        if found is None or found.metadata.get(_PLAN) != plan:
            return None
        # An earlier invocation wrote it, which copies other objects since, or could not tell.
        if uploads is not None and uploads.begun(key) is not None:
            uploads.ended(key)
        return found

    def assemble(self, part: BufferPart) -> bytearray:
        """The bytes of a part. Raises ConflictError when a source changed or is gone."""
        return assembled(part, self._read_all)

    def _read(self, read: Read) -> bytes:
        source = read.source
        try:
            return self.get_range(source.key, read.start, read.length, if_match=source.etag)
        except IntegrityError as error:
            raise ConflictError(f"a source of the archive changed: {error}") from error

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; those that do not exist are no error."""
        self._delete({"Key": key} for key in keys)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, by key."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, **self._common
        )
        with s3_errors("ListObjectsV2"):
            for page in pages:
                for found in page.get("Contents", []):
                    yield StoredObject(
                        found["Key"], found["ETag"], found["Size"], modified=found["LastModified"]
                    )

    def folders(self, prefix: str) -> Iterator[str]:
        """The names below `prefix` that others are below."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/", **self._common
        )
        with s3_errors("ListObjectsV2"):
            for page in pages:
                for found in page.get("CommonPrefixes", []):
                    yield found["Prefix"].removeprefix(prefix).removesuffix("/")

    def delete_versions(self, prefix: str, *, current: bool, keep: Collection[str] = ()) -> int:
        """Removes former versions under `prefix`, with `current` present ones but `keep` too."""
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix, **self._common
        )
        versions, markers = list[Mapping[str, str]](), list[Mapping[str, str]]()
        with s3_errors("ListObjectVersions"):
            # Of a tree with a million files no more is held than goes.
            for page in pages:
                versions += [
                    _version(one)
                    for one in page.get("Versions", [])
                    if (current and one["Key"] not in keep) or not one["IsLatest"]
                ]
                markers += map(_version, page.get("DeleteMarkers", []))
        # Markers go after what they hide: before it they would bring it back.
        self._delete(versions)
        self._delete(markers)
        return len(versions)

    def abort_uploads(self, prefix: str) -> int:
        """Ends every upload under `prefix` that is not completed; answers how many there were.

        Only who alone may write there can know that nobody works on them.
        """
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=prefix, **self._common
        )
        count = 0
        with s3_errors("ListMultipartUploads"):
            for upload in (one for page in pages for one in page.get("Uploads", [])):
                self._client.abort_multipart_upload(
                    **self._request(upload["Key"]), UploadId=upload["UploadId"]
                )
                count += 1
        return count

    def _delete(self, chosen: Iterable[Mapping[str, str]]) -> None:
        remaining = iter(chosen)
        while batch := list(islice(remaining, _KEYS_PER_DELETE)):
            for alone in (one for one in batch if not fits_xml(one["Key"])):
                with s3_errors("DeleteObject"):
                    self._client.delete_object(Bucket=self._bucket, **alone, **self._common)
            listed = [one for one in batch if fits_xml(one["Key"])]
            if not listed:
                continue
            with s3_errors("DeleteObjects"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": listed, "Quiet": True}, **self._common
                )
            for refused in answer.get("Errors", []):
                error = ClientError({"Error": refused}, "DeleteObjects")
                raise s3_error("DeleteObjects", error) from error

    def _request(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": key, **self._common}

    def _get(self, key: str, conditions: Mapping[str, Any]) -> Any:
        try:
            return self._client.get_object(**self._request(key), **conditions)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and is_absent(error):
                return None
            raise s3_error("GetObject", error) from error

    def _written_before(
        self, key: str, data: bytes | bytearray, error: Exception
    ) -> StoredObject | None:
        """What is stored, if an earlier attempt of the same request wrote it.

        When an answer is lost the client asks again, and a condition that held the first time
        fails the second time because of what the first wrote.
        """
        retried = isinstance(error, ClientError) and error.response["ResponseMetadata"].get(
            "RetryAttempts"
        )
        if not retried or not isinstance(s3_error("PutObject", error), ConflictError):
            return None
        found = self.get(key)
        return found[1] if found and found[0] == data else None


def _version(listed: Mapping[str, Any]) -> Mapping[str, str]:
    return {"Key": listed["Key"], "VersionId": listed["VersionId"]}
