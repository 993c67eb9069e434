"""Kili's listing of a project's assets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kili_export.core.project import Project


@dataclass(frozen=True, slots=True)
class ListingPosition:
    """Where a listing that is read in pages has come to.

    `seen` assets were given, `offset` is where the server's next page begins, and `recent` are the
    ids of the last ones that were given, which show whether the pages have shifted.
    """

    offset: int = 0
    seen: int = 0
    recent: tuple[str, ...] = ()


FROM_THE_BEGINNING = ListingPosition()


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """One asset of a listing. `order_key` and `fingerprint` equal those of its FetchedAsset."""

    asset_id: str
    external_id: str
    order_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Some assets of a listing, and where to go on after them; with the last one it is whole."""

    assets: tuple[ListedAsset, ...]
    position: ListingPosition
    is_last: bool


class KiliListing(Protocol):
    """Kili, as far as projects and their assets are listed.

    All methods raise AccessDenied for a refused key, and TransientError to be tried again later.
    RequestRefused is raised when Kili understood a request and refuses it. `filters` are the
    SDK's `asset_filter_kwargs`, and `label_type_in` besides; a step name that the project does
    not have raises InvalidConfiguration.
    """

    def project(self, project_id: str) -> Project:
        """The project. Raises AccessDenied when it does not exist or the key cannot see it."""

    def count_assets(self, project_id: str, filters: Mapping[str, Any] | None = None) -> int:
        """How many assets the project has, or how many of them match."""

    def list_asset_ids(
        self, project_id: str, filters: Mapping[str, Any] | None = None
    ) -> Iterator[ListedAsset]:
        """Every asset, or every matching one, once, in server order.

        Verified against Kili's own count before the first is given: raises Unavailable when the
        listing cannot be brought to agree with it, because assets come and go meanwhile.
        """

    def list_pages(
        self, project_id: str, position: ListingPosition = FROM_THE_BEGINNING
    ) -> Iterator[ListedPage]:
        """Every asset, once, in server order, page by page; from a position on that was given.

        What was there all the time is not missed, if the pages are read to their end; an asset that
        went away meanwhile may be among them. Raises Unavailable when Kili counts more than it
        lists, and ConflictError when so much went away that the listing must be started again.
        """
