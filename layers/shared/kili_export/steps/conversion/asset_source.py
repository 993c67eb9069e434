"""What is asked of Kili about assets, and what comes back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, Self

from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import AssetError
from kili_export.core.export_options import ExportOptions, ExportType
from kili_export.core.project import Project

FORMATS_WITHOUT_JSON_CONTENT = frozenset({"kili", "raw"})
"""Formats that write `jsonContent` as Kili answers it and never read what it points to."""


@dataclass(frozen=True, slots=True)
class FetchNeeds:
    """Which parts of an asset the exports of a project need together.

    `latest_label`, `latest_labels` and `labels` are Kili's three selections of labels with their
    contents; `json_content` is the document that an asset's `jsonContent` points to.
    """

    input_type: str
    latest_label: bool = False
    latest_labels: bool = False
    labels: bool = False
    json_content: bool = False

    @classmethod
    def of(cls, project: Project, exports: Iterable[ExportOptions]) -> Self:
        """What the exports need, taken together."""
        wanted = list(exports)
        types = {options.export_type for options in wanted}
        return cls(
            input_type=project.input_type,
            latest_label=ExportType.LATEST in types,
            latest_labels=ExportType.LATEST_FROM_LAST_STEP in types,
            labels=bool(types & {ExportType.LATEST_FROM_ALL_STEPS, ExportType.NORMAL}),
            json_content=any(
                _reads_json_content(options) or options.with_assets for options in wanted
            ),
        )


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What became of each asset that was asked for: exactly one of the three.

    `missing` are those that Kili confirmed not to have in the project any more. `unreachable` are
    those of the failed whose storage did not answer, while it answered for no other asset either:
    the storage may be down, or the fault may be theirs.
    """

    assets: tuple[FetchedAsset, ...] = ()
    missing: tuple[str, ...] = ()
    failed: Mapping[str, AssetError] = field(default_factory=dict)
    unreachable: frozenset[str] = frozenset()


def _reads_json_content(options: ExportOptions) -> bool:
    return (
        options.format not in FORMATS_WITHOUT_JSON_CONTENT
        or options.normalized_coordinates is not None
    )


@dataclass(frozen=True, slots=True)
class FetchedMedium:
    """A media file that was fetched. `size` is in bytes, `sha256` in hexadecimal digits.

    `content_type` is what the storage calls it, empty when it does not tell.
    """

    size: int
    crc32: int
    sha256: str
    content_type: str


class AssetSource(Protocol):
    """Kili, as far as assets, their labels and their media are fetched.

    All methods raise AccessDenied for a refused key, and TransientError to be tried again later.
    `filters` are the SDK's `asset_filter_kwargs`, and `label_type_in` besides.
    """

    def fetch_assets(
        self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds
    ) -> FetchResult:
        """The assets with all that `needs` names, the contents of their labels included.

        An asset with a label whose content cannot be read fails; it is never given with an empty
        label. Where the storage answers for none of them, the assets are listed as unreachable.
        """

    def matching_ids(
        self, project_id: str, asset_ids: Sequence[str], filters: Mapping[str, Any]
    ) -> frozenset[str]:
        """Those of the assets that match the filters.

        Raises AccessDenied when assets do not and the project is not visible any more.
        """

    def fetch_media(self, url: str, target: IO[bytes], *, largest: int) -> FetchedMedium:
        """Streams the file behind an asset's address into `target`, from where that stands.

        An address that stands for the file of an answer is one that Kili is asked for.
        Raises RequestRefused when the address is refused, or has more than `largest` bytes, and
        Unavailable when its storage does not answer, or not with as many bytes as it promised;
        `target` is then as it was.
        """
