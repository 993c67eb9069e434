from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from kili_export.aws.s3 import S3ObjectStore
from kili_export.aws.s3_errors import s3_error
from kili_export.core.errors import (
    AccessDenied,
    ConflictError,
    ExportError,
    IntegrityError,
    InvalidConfiguration,
    Throttled,
    Unavailable,
)
from kili_export.splicing.upload_parts import BufferPart, CopyPart, InlineBytes, Source


def answered(code: str, status: int = 400, **metadata: Any) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "?"},
            "ResponseMetadata": {"HTTPStatusCode": status, **metadata},  # type: ignore[typeddict-item]
        },
        "Operation",
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered("PreconditionFailed", 412), ConflictError),
        (answered("412", 412), ConflictError),
        (answered("ConditionalRequestConflict", 409), ConflictError),
        (answered("NoSuchUpload", 404), ConflictError),
        (answered("NoSuchKey", 404), IntegrityError),
        (answered("InvalidRange", 416), IntegrityError),
        (answered("EntityTooSmall"), IntegrityError),
        (answered("BadDigest"), IntegrityError),
        (answered("AccessDenied", 403), AccessDenied),
        (answered("403", 403), AccessDenied),
        (answered("SignatureDoesNotMatch", 403), AccessDenied),
        (answered("KMS.DisabledException"), AccessDenied),
        (answered("SlowDown", 503), Throttled),
        (answered("InternalError", 500), Unavailable),
        (answered("InternalError", 200), ExportError),
        (answered("RequestTimeout"), Unavailable),
        (answered("NoSuchBucket", 404), InvalidConfiguration),
        (answered("SomethingNew", 418), ExportError),
        (exceptions.EndpointConnectionError(endpoint_url="x"), Unavailable),
        (exceptions.ReadTimeoutError(endpoint_url="x"), Unavailable),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), Unavailable),
        (exceptions.NoCredentialsError(), AccessDenied),
        (exceptions.FlexibleChecksumError(error_msg="x"), IntegrityError),
    ],
)
def test_every_answer_has_a_name_of_ours(error: Exception, kind: type[ExportError]) -> None:
    assert type(s3_error("Operation", error)) is kind


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )


@pytest.fixture
def stubbed(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


class Breaking(BytesIO):
    """A body whose connection breaks after `left` bytes."""

    def __init__(self, data: bytes, left: int) -> None:
        super().__init__(data[:left])


def body(data: bytes, *, sent: int | None = None) -> dict[str, Any]:
    stream = Breaking(data, len(data) if sent is None else sent)
    return {"Body": StreamingBody(stream, len(data)), "ContentLength": len(data), "ETag": '"e"'}


def test_a_download_that_breaks_off_goes_on_where_it_was(client: Any, stubbed: Stubber) -> None:
    stubbed.add_response("get_object", body(b"0123456789", sent=4), {"Bucket": "b", "Key": "k"})
    stubbed.add_response(
        "get_object",
        body(b"456789"),
        {"Bucket": "b", "Key": "k", "Range": "bytes=4-", "IfMatch": '"e"'},
    )
    target = BytesIO()
    assert S3ObjectStore(client, "b").download("k", target).size == 10
    assert target.getvalue() == b"0123456789"


def test_a_download_that_changes_on_the_way_is_a_conflict(client: Any, stubbed: Stubber) -> None:
    stubbed.add_response("get_object", body(b"0123456789", sent=4))
    stubbed.add_client_error("get_object", "PreconditionFailed", http_status_code=412)
    with pytest.raises(ConflictError):
        S3ObjectStore(client, "b").download("k", BytesIO())


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.get("k"),
        lambda store: store.get_range("k", 0, 10),
        lambda store: store.download("k", BytesIO()),
    ],
)
def test_a_body_that_always_breaks_off_is_unavailable(
    client: Any, stubbed: Stubber, read: Callable[[S3ObjectStore], object]
) -> None:
    for _ in range(4):
        stubbed.add_response("get_object", body(b"0123456789", sent=0))
    with pytest.raises(Unavailable):
        read(S3ObjectStore(client, "b"))


def test_a_write_that_an_earlier_attempt_made_is_no_conflict(client: Any, stubbed: Stubber) -> None:
    retried = {"RetryAttempts": 1}
    for stored in (b"mine", b"theirs"):
        stubbed.add_client_error(
            "put_object", "PreconditionFailed", http_status_code=412, response_meta=retried
        )
        stubbed.add_response("get_object", body(stored))
    store = S3ObjectStore(client, "b")
    assert store.put("k", b"mine", if_none_match=True).etag == '"e"'
    with pytest.raises(ConflictError):
        store.put("k", b"mine", if_none_match=True)


def test_a_condition_that_fails_at_once_is_a_conflict(client: Any, stubbed: Stubber) -> None:
    stubbed.add_client_error(
        "put_object",
        "PreconditionFailed",
        http_status_code=412,
        response_meta={"RetryAttempts": 0},
    )
    with pytest.raises(ConflictError):
        S3ObjectStore(client, "b").put("k", b"mine", if_none_match=True)


def test_objects_that_could_not_be_deleted_are_an_error(client: Any, stubbed: Stubber) -> None:
    stubbed.add_response(
        "delete_objects", {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "?"}]}
    )
    with pytest.raises(AccessDenied):
        S3ObjectStore(client, "b").delete(["k"])


SOURCE = Source("base", '"e"', 10 << 20)


def begin_upload(stubbed: Stubber, **more: Any) -> None:
    stubbed.add_response(
        "create_multipart_upload",
        {"UploadId": "u"},
        {
            "Bucket": "b",
            "Key": "k",
            "Metadata": {},
            "ContentType": "application/zip",
            "ChecksumAlgorithm": "CRC32",
            **more,
        },
    )


def test_encryption_and_owners_go_with_the_requests_that_take_them(
    client: Any, stubbed: Stubber
) -> None:
    key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:key"}
    owner = {"ExpectedBucketOwner": "123456789012"}
    begin_upload(stubbed, **key, **owner)
    stubbed.add_response(
        "upload_part_copy",
        {"CopyPartResult": {"ETag": '"1"', "ChecksumCRC32": "AAAAAA=="}},
        {
            "Bucket": "b",
            "Key": "k",
            "UploadId": "u",
            "PartNumber": 1,
            "CopySource": {"Bucket": "b", "Key": "base"},
            "CopySourceRange": "bytes=5-8388612",
            "CopySourceIfMatch": '"e"',
            "ExpectedSourceBucketOwner": "123456789012",
            **owner,
        },
    )
    stubbed.add_response(
        "complete_multipart_upload",
        {"ETag": '"whole-1"'},
        {
            "Bucket": "b",
            "Key": "k",
            "UploadId": "u",
            "IfNoneMatch": "*",
            "MultipartUpload": {
                "Parts": [{"PartNumber": 1, "ETag": '"1"', "ChecksumCRC32": "AAAAAA=="}]
            },
            **owner,
        },
    )
    store = S3ObjectStore(client, "b", encryption=key, expected_owner="123456789012")
    stored = store.compose("k", [CopyPart(SOURCE, 5, 8 << 20)], if_none_match=True)
    assert (stored.etag, stored.size) == ('"whole-1"', 8 << 20)


def test_a_whole_object_is_copied_without_a_range(client: Any, stubbed: Stubber) -> None:
    begin_upload(stubbed)
    stubbed.add_response(
        "upload_part_copy",
        {"CopyPartResult": {"ETag": '"1"'}},
        {
            "Bucket": "b",
            "Key": "k",
            "UploadId": "u",
            "PartNumber": 1,
            "CopySource": {"Bucket": "b", "Key": "base"},
            "CopySourceIfMatch": '"e"',
        },
    )
    stubbed.add_response("complete_multipart_upload", {"ETag": '"whole-1"'})
    S3ObjectStore(client, "b").compose("k", [CopyPart(SOURCE, 0, SOURCE.size)])


def test_a_copy_that_is_answered_without_a_result_aborts_the_upload(
    client: Any, stubbed: Stubber
) -> None:
    begin_upload(stubbed)
    stubbed.add_response("upload_part_copy", {"CopyPartResult": {}})
    stubbed.add_response("abort_multipart_upload", {}, {"Bucket": "b", "Key": "k", "UploadId": "u"})
    with pytest.raises(Unavailable):
        S3ObjectStore(client, "b").compose("k", [CopyPart(SOURCE, 0, 8 << 20)])


def test_an_upload_that_cannot_be_aborted_is_told_with_the_reason(
    client: Any, stubbed: Stubber
) -> None:
    begin_upload(stubbed)
    stubbed.add_client_error("upload_part_copy", "PreconditionFailed", http_status_code=412)
    stubbed.add_client_error("abort_multipart_upload", "InternalError", http_status_code=500)
    with pytest.raises(ConflictError) as raised:
        S3ObjectStore(client, "b").compose("k", [CopyPart(SOURCE, 0, 8 << 20)])
    assert any("u of k stays behind" in note for note in raised.value.__notes__)


def test_one_buffer_is_written_at_once(client: Any, stubbed: Stubber) -> None:
    stubbed.add_response("put_object", {"ETag": '"e"'})
    stored = S3ObjectStore(client, "b").compose("k", [BufferPart((InlineBytes(b"abc"),))])
    assert (stored.key, stored.size) == ("k", 3)
