"""Where a command reads an export from: a stack, or a bucket with a reader's own credentials."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass

from kili_export.archives.manifest_store import read_manifest
from kili_export.cli.services import StackServices
from kili_export.cli.stack_connection import connect
from kili_export.core.errors import InvalidConfiguration
from kili_export.costs.usage import Traffic
from kili_export.reading.published_export import PublishedExport
from kili_export.storage.object_store import ObjectStore
from kili_export.wiring.readers_access import ReadersAccess


@dataclass(frozen=True, slots=True)
class ReadingSource:
    """The bucket, and what is moved from it."""

    objects: ObjectStore
    traffic: Traffic
    target: Callable[[str], ObjectStore]
    """Another bucket by its name, reached with the same credentials."""

    @classmethod
    def of(cls, arguments: Namespace) -> "ReadingSource":
        """The one that the arguments name. Raises InvalidConfiguration and Unavailable."""
        access = ReadersAccess(arguments.endpoint_url, arguments.profile, arguments.region)
        if arguments.bucket is None:
            if access != ReadersAccess():
                raise InvalidConfiguration(
                    "--endpoint-url, --profile and --region go with an address: "
                    "s3://BUCKET/exports/PROJECT_ID/EXPORT"
                )
            services = StackServices.of(connect(arguments))
            application = services.application
            return cls(services.objects, application.traffic, application.bucket)
        if arguments.state or arguments.stack_name:
            raise InvalidConfiguration(
                "An address names its bucket: leave out --state and --stack-name."
            )
        return cls(*access.bucket(arguments.bucket), access.target)

    def export(self, arguments: Namespace) -> PublishedExport:
        """What is current in the export that the arguments name. Raises InvalidConfiguration."""
        manifest = read_manifest(self.objects, arguments.project_id, arguments.export)
        return PublishedExport(self.objects, manifest)
