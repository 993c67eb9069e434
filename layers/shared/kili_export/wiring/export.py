"""An export at an address, for programs: opened with a reader's own credentials."""

from dataclasses import dataclass
from typing import Any

from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import read_manifest
from kili_export.aws.client import readers_client
from kili_export.aws.readers_bucket import ReadersBucket
from kili_export.aws.s3_traffic import S3Traffic
from kili_export.reading.export_address import ExportAddress
from kili_export.reading.published_export import PublishedExport


@dataclass(frozen=True, slots=True)
class Access:
    """How a reader reaches S3: boto3's defaults where nothing is given."""

    endpoint_url: str | None = None
    profile: str | None = None
    region: str | None = None

    def bucket(self, name: str) -> tuple[ReadersBucket, S3Traffic]:
        """A bucket's part for readers, and what is moved from it. Raises InvalidConfiguration."""
        client = readers_client(
            endpoint_url=self.endpoint_url, profile=self.profile, region=self.region
        )
        return ReadersBucket(client, name), S3Traffic(client)


class Export(PublishedExport):
    """What is current in an export when it is opened, by its address in the bucket.

    A reader needs `s3:GetObject` and `s3:ListBucket` on `exports/{project}/{export}/`. May be used
    by several threads, in forked processes, and be pickled: the copy is of the same generation.
    """

    def __init__(
        self,
        address: str,
        *,
        endpoint_url: str | None = None,
        profile: str | None = None,
        region: str | None = None,
    ) -> None:
        """`address` is `s3://BUCKET/exports/PROJECT/EXPORT`. Reads the manifest.

        Credentials are those that boto3 finds; `endpoint_url` names another S3 than AWS's. Raises
        InvalidConfiguration when nothing is published there.
        """
        self._open(address, Access(endpoint_url, profile, region), None)

    def _open(self, address: str, access: Access, manifest: Manifest | None) -> None:
        self.address, self._access = address, access
        place = ExportAddress.parse(address)
        objects, _ = access.bucket(place.bucket)
        found = manifest or read_manifest(objects, place.project_id, place.export)
        super().__init__(objects, found)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.address, self._access, self.manifest)


def _again(address: str, access: Access, manifest: Manifest) -> Export:
    """The same generation, opened by another process."""
    export = Export.__new__(Export)
    export._open(address, access, manifest)  # noqa: SLF001 it is made here
    return export
