"""What programs import from `kili_export`: an export, opened where it is published."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self, TypeVar

from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import read_manifest
from kili_export.reading.export_address import ExportAddress, is_address, parse_prefix
from kili_export.reading.followed_prefix import FollowedPrefix
from kili_export.reading.following_folder import FollowingFolder
from kili_export.reading.published_export import PublishedExport
from kili_export.wiring.readers_access import ReadersAccess

_Kind = TypeVar("_Kind", bound="Export")


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
        place = ExportAddress.parse(address)
        self._open(place, ReadersAccess(endpoint_url, profile, region), None)

    @classmethod
    def local(cls, project_id: str, name: str, *, state: str | Path | None = None) -> Self:
        """An export of the stack that runs on this machine, by its state directory.

        Without `state` it is that of `$KILI_EXPORT_STATE`, or the default one. Raises
        InvalidConfiguration when no stack runs there, or nothing is published.
        """
        # Programs that read from S3 need nothing of it.
        from kili_export.local.stack.state_directory import (  # noqa: PLC0415
            StateDirectory,
            default_state,
        )

        running = StateDirectory(Path(state) if state else default_state()).running()
        keys = (running.aws_access_key_id, running.aws_secret_access_key)
        access = ReadersAccess(running.s3_endpoint, region=running.region, keys=keys)
        place = ExportAddress.parse(f"s3://{running.bucket}/exports/{project_id}/{name}")
        return _opened(cls, place, access)

    def _folder(self, directory: str | Path) -> AbstractContextManager[FollowingFolder]:
        """A folder, or a prefix of a bucket that is reached as the export is."""
        if not is_address(directory):
            return super()._folder(directory)
        bucket, prefix = parse_prefix(str(directory))
        return FollowedPrefix.open(self._access.target(bucket), prefix)

    def _open(self, place: ExportAddress, access: ReadersAccess, manifest: Manifest | None) -> None:
        self._place, self._access = place, access
        objects, _ = access.bucket(place.bucket)
        super().__init__(
            objects, manifest or read_manifest(objects, place.project_id, place.export)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (type(self), self._place, self._access, self.manifest)


def _opened(
    kind: type[_Kind], place: ExportAddress, access: ReadersAccess, manifest: Manifest | None = None
) -> _Kind:
    """An export that needs no address as text, at a generation if one is given."""
    export = kind.__new__(kind)
    export._open(place, access, manifest)  # noqa: SLF001 it is made here
    return export
