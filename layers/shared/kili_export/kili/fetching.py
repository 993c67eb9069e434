"""Fetches assets with the contents of their labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kili_export.core.asset import FetchedAsset
from kili_export.core.errors import AssetError, IntegrityError, Unavailable
from kili_export.kili.answers import Row, asset_rows
from kili_export.kili.contents import Source, fetched_asset, sources
from kili_export.kili.filters import asset_where, chunks
from kili_export.kili.http.downloads import Document, Expired, JsonDownloads, Outcome, Unreachable
from kili_export.kili.queries import SchemaAdapter, full_assets, matching_assets
from kili_export.steps.conversion.asset_source import FetchNeeds, FetchResult

PAGE = 50
VIDEO_PAGE = 10
Reassure = Callable[[str], Any]
"""Reads the project, to know that it is still there and visible."""


@dataclass(slots=True)
class _Chunk:
    """What is known so far of the assets of one query."""

    rows: dict[str, Row] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    outcomes: dict[Source, Outcome] = field(default_factory=dict)
    broken: dict[str, AssetError] = field(default_factory=dict)

    def unreachable(self, needs: FetchNeeds) -> frozenset[str]:
        """The assets whose storage did not answer, if it answered for none of the chunk."""
        if not is_storage_silent(self.outcomes):
            return frozenset()
        return frozenset(
            asset_id
            for asset_id, row in self.rows.items()
            if any(isinstance(self.outcomes[key], Unreachable) for key in sources(row, needs))
        )


class AssetFetcher:
    """Fetches assets by id, in queries of as many as Kili's own client takes at once.

    Storage that refuses an address is taken for an expired signature: the asset is asked for
    once more and then fails. A storage that does not answer fails the asset too. Where it did not
    answer for any of them, which may be no asset's fault, they are listed as unreachable as well.
    """

    def __init__(
        self, dialect: SchemaAdapter, downloads: JsonDownloads, reassure: Reassure
    ) -> None:
        self._dialect = dialect
        self._downloads = downloads
        self._reassure = reassure

    def fetch(self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds) -> FetchResult:
        """See AssetSource.fetch_assets."""
        assets: list[FetchedAsset] = []
        missing: list[str] = []
        failed: dict[str, AssetError] = {}
        unreachable: set[str] = set()
        page = VIDEO_PAGE if needs.input_type == "VIDEO" else PAGE
        for some in chunks(list(dict.fromkeys(asset_ids)), page):
            chunk = self._chunk(project_id, some, needs)
            missing += chunk.missing
            for asset_id, row in chunk.rows.items():
                try:
                    assets.append(fetched_asset(row, needs, chunk.outcomes))
                except (AssetError, IntegrityError) as error:
                    failed[asset_id] = _failure(asset_id, error)
            failed.update(chunk.broken)
            unreachable |= chunk.unreachable(needs)
        return FetchResult(tuple(assets), tuple(missing), failed, frozenset(unreachable))

    def _chunk(self, project_id: str, asset_ids: list[str], needs: FetchNeeds) -> _Chunk:
        chunk = _Chunk()
        self._read(chunk, project_id, asset_ids, needs)
        expired = [
            asset_id
            for asset_id, row in chunk.rows.items()
            if any(isinstance(chunk.outcomes[key], Expired) for key in sources(row, needs))
        ]
        if expired:
            for asset_id in expired:
                del chunk.rows[asset_id]
            self._read(chunk, project_id, expired, needs)
        return chunk

    def _read(
        self, chunk: _Chunk, project_id: str, asset_ids: list[str], needs: FetchNeeds
    ) -> None:
        found, absent = self._rows(project_id, asset_ids, needs)
        chunk.missing += absent
        urls: dict[Source, str] = {}
        for asset_id, row in found.items():
            try:
                urls.update(sources(row, needs))
                chunk.rows[asset_id] = row
            except IntegrityError as error:
                chunk.broken[asset_id] = _failure(asset_id, error)
        chunk.outcomes.update(self._downloads.all(urls))

    def _rows(
        self, project_id: str, asset_ids: list[str], needs: FetchNeeds
    ) -> tuple[dict[str, Row], list[str]]:
        """The assets by id, and those that Kili confirmed not to have."""
        found = self._query(project_id, asset_ids, needs)
        unanswered = [asset_id for asset_id in asset_ids if asset_id not in found]
        if not unanswered:
            return found, []
        # An empty answer is also what a project gives that cannot be seen any more.
        self._reassure(project_id)
        still_there = self.matching(asset_where(project_id, {}), unanswered)
        if still_there:
            found.update(self._query(project_id, sorted(still_there), needs))
            if not still_there <= found.keys():
                raise Unavailable("Kili answers for some assets now and then only")
        return found, [asset_id for asset_id in unanswered if asset_id not in still_there]

    def _query(
        self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds
    ) -> dict[str, Row]:
        where = {**asset_where(project_id, {}), "idIn": list(asset_ids)}
        variables = {"where": where, "first": len(asset_ids), "skip": 0}
        answered = asset_rows(self._dialect.ask(full_assets(needs), variables))
        return _asked_for(answered, asset_ids)

    def matching(self, where: Mapping[str, Any], asset_ids: Sequence[str]) -> frozenset[str]:
        """Those of at most a hundred assets that meet a condition."""
        variables = {
            "where": {**where, "idIn": list(asset_ids)},
            "first": len(asset_ids),
            "skip": 0,
        }
        answered = asset_rows(self._dialect.ask(matching_assets, variables))
        return frozenset(_asked_for(answered, asset_ids))


def _asked_for(answered: list[Row], asset_ids: Sequence[str]) -> dict[str, Row]:
    found = {row["id"]: row for row in answered}
    if found.keys() - set(asset_ids):
        raise IntegrityError("Kili answered assets that were not asked for")
    return found


def is_storage_silent(outcomes: Mapping[Source, Outcome]) -> bool:
    """Whether nothing could be downloaded, and something did not answer."""
    found = outcomes.values()
    return any(isinstance(one, Unreachable) for one in found) and not any(
        isinstance(one, Document) for one in found
    )


def raise_if_storage_is_down(outcomes: Mapping[Source, Outcome]) -> None:
    """Raises Unavailable when nothing could be downloaded and no asset is to blame for it."""
    if not is_storage_silent(outcomes):
        return
    for outcome in outcomes.values():
        if isinstance(outcome, Unreachable):
            raise Unavailable(f"Kili's storage does not answer: {outcome.reason}")


def _failure(asset_id: str, error: Exception) -> AssetError:
    return error if isinstance(error, AssetError) else AssetError(str(error), asset_id=asset_id)
