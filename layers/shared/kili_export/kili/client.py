"""Kili as the use cases see it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any, Self

from kili_export.changes.comparison.kili_listing import (
    FROM_THE_BEGINNING,
    ListedAsset,
    ListedPage,
    ListingPosition,
)
from kili_export.changes.events.replay_events import RecordedEvent
from kili_export.core.clock import Clock
from kili_export.core.errors import AccessDenied, IntegrityError, InvalidConfiguration
from kili_export.core.project import Project
from kili_export.core.urls import AnswerFile, answer_file_at
from kili_export.kili.answers import (
    Row,
    address,
    asset_rows,
    count,
    listed_asset,
    project_of,
    rows,
    step_ids,
)
from kili_export.kili.fetching import AssetFetcher
from kili_export.kili.filters import asset_where, chunks, wheres
from kili_export.kili.http.addresses import AddressRules, Network
from kili_export.kili.http.api_keys import ApiKey
from kili_export.kili.http.downloads import ATTEMPTS, LARGEST_DOCUMENT, JsonDownloads
from kili_export.kili.http.endpoint import KiliEndpoint
from kili_export.kili.http.guarded_connections import ConnectionGuard
from kili_export.kili.http.media_downloads import MediaDownloads
from kili_export.kili.http.retrying import ProcessRateLimiter, RateLimiter, RetryPolicy
from kili_export.kili.http.traffic import KiliTraffic
from kili_export.kili.http.transport import GraphQLTransport, new_http_client
from kili_export.kili.key_check import KeyCheck, check_key
from kili_export.kili.listing import PAGE, ReadPage, list_consistently, read_pages
from kili_export.kili.past_events import events_since
from kili_export.kili.queries import (
    ANSWER_FILE_ADDRESS,
    COUNT_ASSETS,
    SchemaAdapter,
    listed_assets,
    project_query,
)
from kili_export.kili.rows import RowReader
from kili_export.kili.webhooks import Webhooks
from kili_export.reading.rows.field_selection import FieldSelection
from kili_export.reading.rows.kili_rows import RowPage
from kili_export.reading.rows.label_choice import LabelChoice
from kili_export.steps.conversion.asset_source import FetchedMedium, FetchNeeds, FetchResult

STEPS_ARE_FRESH_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class KiliSettings:
    """How to reach Kili and how much to ask of it.

    `patience_seconds` is how long one failing request is retried, `largest_document` the bytes
    of a label's content that are read at most. Contents and media are fetched from public
    addresses, from Kili's own API, and from `private_networks`.
    """

    endpoint: str
    api_key: ApiKey | str = field(repr=False)
    requests_per_minute: int = 250
    patience_seconds: float = 60.0
    largest_document: int = LARGEST_DOCUMENT
    private_networks: tuple[Network, ...] = ()


class KiliClient:
    """Implements KiliListing, AssetSource, PastEvents, KiliRows. Threads may share it."""

    def __init__(
        self,
        transport: GraphQLTransport,
        downloads: JsonDownloads,
        clock: Clock,
        traffic: KiliTraffic,
    ) -> None:
        self.traffic = traffic
        self._transport = transport
        self._clock = clock
        self._dialect = SchemaAdapter(transport)
        self._fetcher = AssetFetcher(self._dialect, downloads, self._project_row)
        self._media = MediaDownloads(downloads, clock, traffic)
        self._rows = RowReader(transport, downloads, self._project_row)
        self._webhooks = Webhooks(transport)
        self._steps: dict[str, tuple[datetime, dict[str, list[str]]]] = {}

    @classmethod
    def connect(
        cls, settings: KiliSettings, clock: Clock, budget: RateLimiter | None = None
    ) -> Self:
        """A client that sends nothing yet. Raises InvalidConfiguration for a bad address or key.

        Without a `budget` to share, this process takes `requests_per_minute` for itself.
        """
        endpoint = KiliEndpoint(settings.endpoint, settings.api_key)
        guard = ConnectionGuard(AddressRules(settings.private_networks), endpoint.origin)
        http = new_http_client(guard)
        traffic = KiliTraffic()
        policy = RetryPolicy(clock, settings.patience_seconds)
        pace = budget or ProcessRateLimiter(clock, settings.requests_per_minute)
        downloads = JsonDownloads(
            endpoint,
            http,
            RetryPolicy(clock, settings.patience_seconds, most_attempts=ATTEMPTS),
            traffic,
            settings.largest_document,
        )
        transport = GraphQLTransport(endpoint, http, pace, policy, traffic)
        return cls(transport, downloads, clock, traffic)

    def check_key(self) -> KeyCheck:
        """Whether Kili takes the key. Raises AccessDenied when it does not."""
        return check_key(self._transport)

    @property
    def endpoint(self) -> KiliEndpoint:
        """Where Kili is, and the key."""
        return self._transport.endpoint

    def project(self, project_id: str) -> Project:
        """See KiliListing."""
        return project_of(self._project_row(project_id))

    def count_assets(self, project_id: str, filters: Mapping[str, Any] | None = None) -> int:
        """See KiliListing."""
        resolved = self._resolved(project_id, filters or {})
        return sum(self._count(where) for where in wheres(project_id, resolved))

    def list_asset_ids(
        self, project_id: str, filters: Mapping[str, Any] | None = None
    ) -> Iterator[ListedAsset]:
        """See KiliListing."""
        resolved = self._resolved(project_id, filters or {})
        for where in wheres(project_id, resolved):
            yield from (listed_asset(row) for row in self._list(project_id, where))

    def list_pages(
        self, project_id: str, position: ListingPosition = FROM_THE_BEGINNING
    ) -> Iterator[ListedPage]:
        """See KiliListing."""
        where = asset_where(project_id, {})
        pages = read_pages(
            self._page_reader(where),
            lambda: self._count(where),
            position,
            lambda: self._project_row(project_id),
        )
        for found, after, is_last in pages:
            yield ListedPage(tuple(map(listed_asset, found)), after, is_last)

    def fetch_assets(
        self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds
    ) -> FetchResult:
        """See AssetSource."""
        return self._fetcher.fetch(project_id, asset_ids, needs)

    def matching_ids(
        self, project_id: str, asset_ids: Sequence[str], filters: Mapping[str, Any]
    ) -> frozenset[str]:
        """See AssetSource."""
        resolved = self._resolved(project_id, filters)
        found = self._matching(project_id, asset_ids, resolved)
        others = [asset_id for asset_id in asset_ids if asset_id not in found]
        if not others:
            return found
        # A project that cannot be seen any more answers as if nothing matched.
        self._project_row(project_id)
        return found | self._matching(project_id, others, resolved)

    def _matching(
        self, project_id: str, asset_ids: Sequence[str], resolved: Mapping[str, Any]
    ) -> frozenset[str]:
        found: set[str] = set()
        for where in wheres(project_id, resolved):
            for some in chunks(list(dict.fromkeys(asset_ids)), PAGE):
                found |= self._fetcher.matching(where, some)
        return frozenset(found)

    def fetch_media(self, url: str, target: IO[bytes], *, largest: int) -> FetchedMedium:
        """See AssetSource."""
        file = answer_file_at(url)
        return self._media.fetch(self._signed(file) if file else url, target, largest)

    def events_since(
        self,
        project_id: str,
        *,
        created_at_gte: str | None = None,
        from_event_id: str | None = None,
    ) -> Iterator[RecordedEvent]:
        """See PastEvents."""
        return events_since(self._transport, project_id, created_at_gte, from_event_id)

    def find_assets(self, project_id: str, filters: Mapping[str, Any]) -> list[str]:
        """See KiliRows."""
        return self._rows.find_assets(project_id, self._resolved(project_id, filters))

    def find_labels(
        self, project_id: str, filters: Mapping[str, Any], choice: LabelChoice
    ) -> list[str]:
        """See KiliRows."""
        resolved = self._resolved(project_id, filters, "asset_step_name_in", "asset_step_id_in")
        return self._rows.find_labels(project_id, resolved, choice)

    def iter_assets(
        self, project: Project, asset_ids: Sequence[str], fields: FieldSelection
    ) -> Iterator[RowPage]:
        """See KiliRows."""
        return self._rows.pages(project, asset_ids, fields)

    def iter_labels(
        self, project: Project, label_ids: Sequence[str], fields: FieldSelection
    ) -> Iterator[RowPage]:
        """See KiliRows."""
        return self._rows.pages(project, label_ids, fields)

    def install_webhook(self, project_id: str, url: str, header: str, name: str) -> None:
        """Makes Kili call `url` for the project's changes, with `header` as Authorization.

        Installing again replaces what is there under `name`, a name of the whole organization.
        """
        self._webhooks.install(project_id, url, header, name)

    def remove_webhook(self, project_id: str, name: str) -> None:
        """Deletes the webhook, for all projects that use it; one that is absent is no error."""
        self._webhooks.remove(project_id, name)

    def _signed(self, file: AnswerFile) -> str:
        """Where the file is now; the address is good for a short time."""
        variables = {
            "projectId": file.project_id,
            "assetId": file.asset_id,
            "fileId": file.file_id,
        }
        return address(self._transport.execute(ANSWER_FILE_ADDRESS, variables))

    def _project_row(self, project_id: str) -> Row:
        variables = {"where": {"id": project_id}, "first": 1, "skip": 0}
        found = rows(self._dialect.ask(project_query, variables), "projects")
        if not found:
            raise AccessDenied(
                f"project {project_id} is not found, or not visible with this API key"
            )
        if found[0].get("id") != project_id:
            raise IntegrityError("Kili answered another project than was asked for")
        return found[0]

    def _count(self, where: dict[str, Any]) -> int:
        return count(self._transport.execute(COUNT_ASSETS, {"where": where}))

    def _list(self, project_id: str, where: dict[str, Any]) -> list[Row]:
        return list_consistently(
            self._page_reader(where),
            lambda: self._count(where),
            reassure=lambda: self._project_row(project_id),
        )

    def _page_reader(self, where: dict[str, Any]) -> ReadPage:
        def read_page(skip: int, first: int) -> list[Row]:
            variables = {"where": where, "first": first, "skip": skip}
            return asset_rows(self._dialect.ask(listed_assets, variables))

        return read_page

    def _resolved(
        self,
        project_id: str,
        filters: Mapping[str, Any],
        by_name: str = "step_name_in",
        by_id: str = "step_id_in",
    ) -> dict[str, Any]:
        """The filters with the names of steps replaced by their ids."""
        resolved = {name: value for name, value in filters.items() if name != by_name}
        if not filters.get(by_name):
            return resolved
        ids = self._step_ids(project_id)
        unknown = [name for name in filters[by_name] if name not in ids]
        if unknown:
            raise InvalidConfiguration(
                f"{by_name}: project {project_id} has no step {unknown[0]!r}; "
                f"it has {', '.join(map(repr, ids)) or 'none'}"
            )
        resolved[by_id] = [one for name in filters[by_name] for one in ids[name]]
        return resolved

    def _step_ids(self, project_id: str) -> dict[str, list[str]]:
        now = self._clock.now()
        read_at, ids = self._steps.get(project_id, (None, {}))
        if read_at is None or now - read_at > STEPS_ARE_FRESH_FOR:
            ids = step_ids(self._project_row(project_id))
            self._steps[project_id] = (now, ids)
        return ids
