"""The part of S3 that this system asks for, in memory, behind S3's own protocol.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
Whatever it does not know it refuses as NotImplemented.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from devtools.faults.wire import Answer, Request

_XML: Final = {"content-type": "application/xml"}
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_METADATA: Final = "x-amz-meta-"


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    data: bytes
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that was begun and not ended. Parts by number."""

    key: str
    begun: datetime
    metadata: Mapping[str, str]
    parts: Mapping[int, bytes] = field(default_factory=dict)


class Refused(Exception):
    """An error answer of S3."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Bucket:
    """What is stored. Values are immutable: a copy of the two mappings is a copy of all."""

    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    begun: int = 0

    def copy(self) -> Self:
        """The same, to be changed apart."""
        return replace(self, objects=dict(self.objects), uploads=dict(self.uploads))

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys below a prefix, in S3's order."""
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))


class S3Service:
    """Answers requests in path style about one bucket."""

    def __init__(self, bucket: Bucket, now: Callable[[], datetime]) -> None:
        self.bucket = bucket
        self._now = now

    def answer(self, operation: str, request: Request) -> Answer:
        """The answer to an operation, by its name in the API."""
        handle = _OPERATIONS.get(operation, S3Service.refuse)
        try:
            return handle(self, _Asked.of(request))
        except Refused as refused:
            body = f"<Error><Code>{refused.code}</Code><Message>{refused.code}</Message></Error>"
            return Answer(refused.status, body.encode() if request.method != "HEAD" else b"", _XML)

    def refuse(self, asked: "_Asked") -> Answer:
        """Any operation that is not implemented here."""
        del asked
        raise Refused(501, "NotImplemented")

    # ------------------------------------------------------------------ objects

    def head(self, asked: "_Asked") -> Answer:
        """HeadObject."""
        found = self._found(asked.key)
        return Answer(200, b"", _described(found, len(found.data)))

    def get(self, asked: "_Asked") -> Answer:
        """GetObject, whole or in part, on condition of an ETag."""
        found = self._found(asked.key)
        wanted = asked.headers.get("if-match")
        if wanted is not None and wanted != found.etag:
            raise Refused(412, "PreconditionFailed")
        data = found.data
        if "range" in asked.headers:
            data = _range(data, asked.headers["range"])
            return Answer(206, data, _described(found, len(data)))
        return Answer(200, data, _described(found, len(data)))

    def put(self, asked: "_Asked") -> Answer:
        """PutObject, with S3's conditions."""
        self._check(asked)
        stored = self._store(asked.key, asked.body, asked.metadata())
        return Answer(200, b"", {"etag": stored.etag})

    def delete_many(self, asked: "_Asked") -> Answer:
        """DeleteObjects, quietly."""
        for entry in _elements(asked.body, "Object"):
            self.bucket.objects.pop(_text(entry, "Key"), None)
        return Answer(200, b"<DeleteResult></DeleteResult>", _XML)

    def list_objects(self, asked: "_Asked") -> Answer:
        """ListObjectsV2 in one page: with a delimiter the folders alone, else the keys."""
        prefix, delimiter = asked.query.get("prefix", ""), asked.query.get("delimiter")
        if delimiter:
            below = (key.removeprefix(prefix) for key in self.bucket.keys(prefix))
            folders = dict.fromkeys(one.split(delimiter)[0] for one in below if delimiter in one)
            return _page(
                "ListBucketResult",
                [
                    f"<CommonPrefixes><Prefix>{escape(prefix + one + delimiter)}</Prefix>"
                    "</CommonPrefixes>"
                    for one in folders
                ],
            )
        rows = [
            f"<Contents><Key>{escape(key)}</Key><ETag>{escape(found.etag)}</ETag>"
            f"<Size>{len(found.data)}</Size><LastModified>{_iso(found.modified)}</LastModified>"
            "</Contents>"
            for key in self.bucket.keys(prefix)
            for found in [self.bucket.objects[key]]
        ]
        return _page("ListBucketResult", rows)

    def list_versions(self, asked: "_Asked") -> Answer:
        """ListObjectVersions of a bucket that keeps none but the present ones."""
        rows = [
            f"<Version><Key>{escape(key)}</Key><VersionId>null</VersionId>"
            "<IsLatest>true</IsLatest></Version>"
            for key in self.bucket.keys(asked.query.get("prefix", ""))
        ]
        return _page("ListVersionsResult", rows)

    # ------------------------------------------------------------------ uploads

    def create_upload(self, asked: "_Asked") -> Answer:
        """CreateMultipartUpload."""
        self.bucket.begun += 1
        upload_id = f"upload-{self.bucket.begun}"
        self.bucket.uploads[upload_id] = Upload(asked.key, self._now(), asked.metadata())
        body = f"<R><Key>{escape(asked.key)}</Key><UploadId>{upload_id}</UploadId></R>"
        return Answer(200, body.encode(), _XML)

    def upload_part(self, asked: "_Asked") -> Answer:
        """UploadPart."""
        etag = self._keep_part(asked, asked.body)
        return Answer(200, b"", {"etag": etag, "x-amz-checksum-crc32": _crc32(asked.body)})

    def copy_part(self, asked: "_Asked") -> Answer:
        """UploadPartCopy, on condition of the source's ETag."""
        source = unquote(asked.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        found = self._found(source)
        if asked.headers.get("x-amz-copy-source-if-match") not in {None, found.etag}:
            raise Refused(412, "PreconditionFailed")
        data = found.data
        if "x-amz-copy-source-range" in asked.headers:
            data = _range(data, asked.headers["x-amz-copy-source-range"])
        etag = self._keep_part(asked, data)
        body = (
            f"<CopyPartResult><ETag>{escape(etag)}</ETag>"
            f"<ChecksumCRC32>{_crc32(data)}</ChecksumCRC32></CopyPartResult>"
        )
        return Answer(200, body.encode(), _XML)

    def complete_upload(self, asked: "_Asked") -> Answer:
        """CompleteMultipartUpload, with S3's conditions."""
        upload = self._upload(asked)
        self._check(asked)
        numbers = [int(_text(part, "PartNumber")) for part in _elements(asked.body, "Part")]
        etags = [_text(part, "ETag") for part in _elements(asked.body, "Part")]
        if numbers != sorted(set(numbers)):
            raise Refused(400, "InvalidPartOrder")
        for number, etag in zip(numbers, etags, strict=True):
            if number not in upload.parts or _etag(upload.parts[number]) != etag:
                raise Refused(400, "InvalidPart")
        data = b"".join(upload.parts[number] for number in numbers)
        stored = self._store(asked.key, data, upload.metadata, parts=len(numbers))
        del self.bucket.uploads[asked.query["uploadId"]]
        body = f"<R><Key>{escape(asked.key)}</Key><ETag>{escape(stored.etag)}</ETag></R>"
        return Answer(200, body.encode(), _XML)

    def abort_upload(self, asked: "_Asked") -> Answer:
        """AbortMultipartUpload."""
        self._upload(asked)
        del self.bucket.uploads[asked.query["uploadId"]]
        return Answer(204, b"", {})

    def list_uploads(self, asked: "_Asked") -> Answer:
        """ListMultipartUploads."""
        prefix = asked.query.get("prefix", "")
        rows = [
            f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{upload_id}</UploadId>"
            f"<Initiated>{_iso(upload.begun)}</Initiated></Upload>"
            for upload_id, upload in self.bucket.uploads.items()
            if upload.key.startswith(prefix)
        ]
        return _page("ListMultipartUploadsResult", rows)

    def list_parts(self, asked: "_Asked") -> Answer:
        """ListParts."""
        upload = self._upload(asked)
        rows = [
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(_etag(data))}</ETag>"
            f"<Size>{len(data)}</Size><ChecksumCRC32>{_crc32(data)}</ChecksumCRC32></Part>"
            for number, data in sorted(upload.parts.items())
        ]
        return _page("ListPartsResult", rows)

    # ------------------------------------------------------------------ details

    def _found(self, key: str) -> Stored:
        found = self.bucket.objects.get(key)
        if found is None:
            raise Refused(404, "NoSuchKey")
        return found

    def _upload(self, asked: "_Asked") -> Upload:
        upload = self.bucket.uploads.get(asked.query["uploadId"])
        if upload is None or upload.key != asked.key:
            raise Refused(404, "NoSuchUpload")
        return upload

    def _check(self, asked: "_Asked") -> None:
        present = self.bucket.objects.get(asked.key)
        if asked.headers.get("if-none-match") == "*" and present is not None:
            raise Refused(412, "PreconditionFailed")
        if "if-match" in asked.headers:
            if present is None:
                raise Refused(404, "NoSuchKey")
            if present.etag != asked.headers["if-match"]:
                raise Refused(412, "PreconditionFailed")

    def _store(
        self, key: str, data: bytes, metadata: Mapping[str, str], *, parts: int = 0
    ) -> Stored:
        etag = _etag(data)
        if parts:
            etag = f'{etag[:-1]}-{parts}"'
        self.bucket.objects[key] = Stored(data, etag, self._now(), metadata)
        return self.bucket.objects[key]

    def _keep_part(self, asked: "_Asked", data: bytes) -> str:
        upload = self._upload(asked)
        parts = {**upload.parts, int(asked.query["partNumber"]): data}
        self.bucket.uploads[asked.query["uploadId"]] = replace(upload, parts=parts)
        return _etag(data)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, taken apart."""

    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, request: Request) -> Self:
        parts = urlsplit(request.url)
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(key, query, request.headers, request.body)

    def metadata(self) -> dict[str, str]:
        return {
            name.removeprefix(_METADATA): value
            for name, value in self.headers.items()
            if name.startswith(_METADATA)
        }


_OPERATIONS: Final[Mapping[str, Callable[[S3Service, _Asked], Answer]]] = {
    "HeadObject": S3Service.head,
    "GetObject": S3Service.get,
    "PutObject": S3Service.put,
    "DeleteObjects": S3Service.delete_many,
    "ListObjectsV2": S3Service.list_objects,
    "ListObjectVersions": S3Service.list_versions,
    "CreateMultipartUpload": S3Service.create_upload,
    "UploadPart": S3Service.upload_part,
    "UploadPartCopy": S3Service.copy_part,
    "CompleteMultipartUpload": S3Service.complete_upload,
    "AbortMultipartUpload": S3Service.abort_upload,
    "ListMultipartUploads": S3Service.list_uploads,
    "ListParts": S3Service.list_parts,
}


def _described(stored: Stored, length: int) -> dict[str, str]:
    metadata = {f"{_METADATA}{name}": value for name, value in stored.metadata.items()}
    return {
        **metadata,
        "etag": stored.etag,
        "content-length": str(length),
        "last-modified": format_datetime(stored.modified, usegmt=True),
    }


def _range(data: bytes, wanted: str) -> bytes:
    found = _RANGE.fullmatch(wanted)
    if found is None or int(found[1]) >= len(data):
        raise Refused(416, "InvalidRange")
    last = int(found[2]) if found[2] else len(data) - 1
    return data[int(found[1]) : last + 1]


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _page(root: str, rows: list[str]) -> Answer:
    body = f"<{root}><IsTruncated>false</IsTruncated>{''.join(rows)}</{root}>"
    return Answer(200, body.encode(), _XML)


def _elements(body: bytes, name: str) -> Iterator[ET.Element]:
    # What is parsed here was written by botocore a moment ago.
    for element in ET.fromstring(body).iter():  # noqa: S314
        if element.tag.rpartition("}")[2] == name:
            yield element


def _text(element: ET.Element, name: str) -> str:
    return next(one.text or "" for one in element if one.tag.rpartition("}")[2] == name)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
