"""Kili, as far as assets and labels are read one by one (a port).

Every method may raise `TransientError` (try again later) and `AccessDenied`; other errors are named
with each method.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kili_export.core.project import Project
from kili_export.reading.rows.field_selection import FieldSelection
from kili_export.reading.rows.label_choice import LabelChoice


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some of the assets or labels that were asked for: each id is in exactly one of the three.

    `rows` hold the fields that were selected, by id, in the order in which they were asked for.
    `failed` tells why others cannot be given, `gone` are those that Kili does not have any more.
    """

    rows: Mapping[str, Mapping[str, Any]]
    failed: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


class KiliRows(Protocol):
    """Kili, as far as assets and labels are read one by one. Raises as KiliApi does.

    `filters` are those of `reading.rows.row_filters`; a field that the server does not have raises
    RequestRefused.
    """

    def project(self, project_id: str) -> Project:
        """The project. Raises AccessDenied when it does not exist or the key cannot see it."""

    def find_assets(self, project_id: str, filters: Mapping[str, Any]) -> list[str]:
        """The ids of the assets that match, each once, in server order."""

    def find_labels(
        self, project_id: str, filters: Mapping[str, Any], choice: LabelChoice
    ) -> list[str]:
        """The ids of the labels that match and that the choice leaves, each once, likewise."""

    def iter_assets(
        self, project: Project, asset_ids: Sequence[str], fields: FieldSelection
    ) -> Iterator[RowPage]:
        """Those assets, a page at a time.

        `jsonResponse`, `jsonMetadata` and `jsonContent` come parsed, from where their URLs point
        to. What cannot be read fails its asset; it is never given as something empty.
        """

    def iter_labels(
        self, project: Project, label_ids: Sequence[str], fields: FieldSelection
    ) -> Iterator[RowPage]:
        """Those labels, likewise."""
