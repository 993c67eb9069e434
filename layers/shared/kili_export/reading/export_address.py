"""Addresses of exports: `s3://BUCKET/exports/PROJECT/EXPORT`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from kili_export.core.errors import InvalidConfiguration
from kili_export.core.project import PROJECT_ID
from kili_export.registration.declaration import EXPORT_NAME

SCHEME: Final = "s3://"
_BUCKET: Final = r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
_ADDRESS: Final = re.compile(
    rf"s3://{_BUCKET}/exports/({PROJECT_ID.pattern})"
    rf"/({EXPORT_NAME.pattern})/?"
)

_PREFIX: Final = re.compile(rf"s3://{_BUCKET}/((?:[^/\x00-\x1f]+/)*[^/\x00-\x1f]+)/?")
_OF_EXPORTS: Final = frozenset({"exports", "registrations", "runs", "state"})
"""What the bucket of a stack holds."""


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


def is_address(place: str | Path) -> bool:
    """Whether a place for files is in a bucket. Raises InvalidConfiguration for such a Path.

    A Path has one slash where an address has two.
    """
    if isinstance(place, Path) and place.parts[:1] == (SCHEME.removesuffix("//"),):
        raise InvalidConfiguration(f"{str(place)!r} is a Path; give an address as a text.")
    return str(place).startswith(SCHEME)


def parse_prefix(text: str) -> tuple[str, str]:
    """The bucket and the prefix, with a slash at its end, that a set of files is written below.

    Raises InvalidConfiguration for anything else, and for what may be a stack's own.
    """
    found = _PREFIX.fullmatch(text)
    if found is None or not {".", ".."}.isdisjoint(found[2].split("/")):
        raise InvalidConfiguration(
            f"{text[:200]!r} is not a place for files: take {SCHEME}BUCKET/PREFIX"
        )
    if found[2].partition("/")[0] in _OF_EXPORTS:
        raise InvalidConfiguration(
            f"{text[:200]!r} may be where a stack keeps its own: take a prefix that begins"
            f" otherwise than with {', '.join(sorted(_OF_EXPORTS))}."
        )
    return found[1], f"{found[2]}/"
