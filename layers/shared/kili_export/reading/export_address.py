"""Addresses of exports: `s3://BUCKET/exports/PROJECT/EXPORT`."""

import re
from dataclasses import dataclass
from typing import Final, Self

from kili_export.core.errors import InvalidConfiguration
from kili_export.core.project import PROJECT_ID
from kili_export.registration.declaration import EXPORT_NAME

SCHEME: Final = "s3://"
_ADDRESS: Final = re.compile(
    rf"s3://([a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9])/exports/({PROJECT_ID.pattern})"
    rf"/({EXPORT_NAME.pattern})/?"
)


@dataclass(frozen=True, slots=True)
class ExportAddress:
    """Where an export is published."""

    bucket: str
    project_id: str
    export: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises InvalidConfiguration for anything else."""
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise InvalidConfiguration(
                f"{text[:200]!r} is not the address of an export:"
                f" {SCHEME}BUCKET/exports/PROJECT_ID/EXPORT"
            )
        return cls(*found.groups())
