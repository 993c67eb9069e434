"""What the use cases need of the outside world, as protocols.

Adapters implement these; tests pass in-memory fakes. Every method may raise `TransientError`
(try again later) and `AccessDenied`; other errors are named with each method.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, BinaryIO, Protocol

from kili_export.contracts.folder_state import FolderState
from kili_export.contracts.spending import Spent
from kili_export.domain.archive.parts import Part
from kili_export.domain.change_events import ChangeEvent
from kili_export.domain.fetching import (
    FROM_THE_BEGINNING,
    FetchNeeds,
    FetchResult,
    ListedAsset,
    ListedPage,
    ListingPosition,
)
from kili_export.domain.kili_fields import FieldSelection
from kili_export.domain.label_choice import LabelChoice
from kili_export.domain.media import FrameCut
from kili_export.domain.project import Project
from kili_export.domain.removals import Losses
from kili_export.domain.request_budget import BudgetRules, BudgetState
from kili_export.domain.syncing import FolderChange


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of one object in the bucket. `size` is in bytes; `etag` as S3 gives it.

    `modified` is when it was written, known of what was listed alone.
    """

    key: str
    etag: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that the server has. `checksum` is as the server answered it, empty without one."""

    number: int
    etag: str
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """An upload that is not completed. `plan` is the digest of the parts that it is made of.

    `sent` are those that are known to be there; the server may have more.
    """

    upload_id: str
    plan: str
    sent: tuple[SentPart, ...] = ()


class LongUploads(Protocol):
    """Lets the writing of one object take several invocations."""

    def begun(self, key: str) -> BegunUpload | None:
        """The upload that an earlier invocation began, if it is not known to have ended."""

    def record(self, key: str, upload: BegunUpload) -> None:
        """There is such an upload from now on, or it came so far."""

    def ended(self, key: str) -> None:
        """It is completed, or given up."""

    def is_time_up(self) -> bool:
        """Whether nothing more may be begun in this invocation."""

    def has_ended_any(self) -> bool:
        """Whether this invocation came to the end of an upload."""


class ObjectStore(Protocol):
    """One bucket."""

    def head(self, key: str) -> StoredObject | None:
        """What is stored under `key`, or None."""

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        """The whole object, or None. Raises ConflictError when it is not `if_match` any more."""

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        """Exactly `length` bytes from offset `start`.

        Raises IntegrityError when there are fewer, ConflictError when it is not `if_match`.
        """

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        """Streams the object into `target`. Raises IntegrityError when it does not exist."""

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> StoredObject:
        """Writes the object whole. Raises ConflictError when a condition does not hold."""

    def compose(
        self,
        key: str,
        parts: Sequence[Part],
        *,
        if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/zip",
        plan: str = "",
        uploads: LongUploads | None = None,
    ) -> StoredObject:
        """Writes one object out of copied ranges and bytes, as planned.

        Nothing is visible, and no upload is left behind, unless it succeeds. Raises ConflictError
        when a source changed or a condition does not hold.

        `plan`, the digest of the parts, is kept with the object: one that was made by the same
        plan counts as written, whatever the conditions. With `uploads` besides, what was copied
        stays when the time is up, then OutOfTime is raised, or when the bucket does not answer
        for a while; the same call goes on from there.
        """

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        """The object, if it was made by this plan; `uploads` then know no upload of it any more."""

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; those that do not exist are no error."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, by key."""

    def delete_versions(self, prefix: str, *, current: bool) -> int:
        """Removes former versions of what is or was under `prefix`; answers how many.

        With `current` the present versions go too. A bucket without versions has none to remove.
        """

    def abort_uploads(self, prefix: str) -> int:
        """Ends uploads under `prefix` that somebody began and left; answers how many."""


@dataclass(frozen=True, slots=True)
class TrafficCount:
    """What one process moved so far: requests by operation, bytes both ways."""

    requests: Mapping[str, int]
    bytes_down: int
    bytes_up: int


class Traffic(Protocol):
    """Counts what a client moves."""

    def snapshot(self) -> TrafficCount:
        """The counts since the process began."""


class TimeLeft(Protocol):
    """What is left of an invocation."""

    def is_up(self) -> bool:
        """Whether nothing more may be begun that takes long."""


class Meter(Protocol):
    """Counts what one invocation uses."""

    def spent(self) -> Spent:
        """What was used until now."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The present, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Waits."""


class RandomSource(Protocol):
    """The only source of randomness."""

    def token(self) -> str:
        """Sixteen hexadecimal digits that nobody else has."""


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """A stored hint that something changed. `version` is random and changes with every event.

    `subject` is an asset or the project as a whole (`kili_export.domain.marks`). `label_ids` are
    labels that events named and that must be readable before the mark is done with. `attempts`
    counts the runs since the last event that could not clear the mark; none is due before
    `retry_at`.
    """

    project_id: str
    subject: str
    version: str
    first_event_at: datetime
    last_event_at: datetime
    label_ids: frozenset[str] = frozenset()
    attempts: int = 0
    retry_at: datetime | None = None


class ChangeStore(Protocol):
    """The change marks of all projects. What was read is never older than what was written."""

    def mark(
        self,
        project_id: str,
        subject: str,
        *,
        version: str,
        at: datetime,
        label_id: str | None = None,
    ) -> None:
        """Stores a mark, or stores it anew: another version, no attempts, due at once.

        The first event's time and the labels that earlier events named stay.
        """

    def marks(self, project_id: str) -> Iterator[ChangeMark]:
        """Every mark of the project."""

    def clear(self, marks: Iterable[ChangeMark]) -> int:
        """Removes marks that still have the version given; others stay. Answers how many went."""

    def postpone(self, marks: Iterable[tuple[ChangeMark, datetime]]) -> int:
        """Counts an attempt on marks that still have the version given, and when to try again."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish a project. `token` grows with every holder; nobody holds it if None.

    Until `expires_at` the holder is believed to be at work without asking. Of what holders up to
    the token `told` published, consumers were told for sure.
    """

    project_id: str
    token: int
    holder: str | None
    expires_at: datetime
    told: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether its last holder gave it back with everything done."""
        return self.holder is None and self.told >= self.token


class LeaseStore(Protocol):
    """The lease of each project."""

    def read(self, project_id: str) -> Lease | None:
        """The lease as it is now, None when nobody ever held it."""

    def take(
        self, project_id: str, *, holder: str, expires_at: datetime, seen: Lease | None
    ) -> Lease | None:
        """Takes the lease if it is still as `seen`, with the next token; otherwise None."""

    def release(self, lease: Lease, *, told: bool) -> bool:
        """Gives it back if it is still this holder's with this token; the token stays.

        With `told` consumers were told of all that was published under it and before.
        """


class WindowStore(Protocol):
    """Which windows of a project have an execution."""

    def is_started(self, project_id: str, window: int) -> bool:
        """Whether it was recorded that the window's execution was started."""

    def record_started(self, project_id: str, window: int, *, expires: datetime) -> None:
        """Records it, until `expires` at least."""


@dataclass(frozen=True, slots=True)
class HeldRemovals:
    """Removals that wait for a person's word: `count` at most in one export.

    `exports` are those that cannot be published before it, because a rebuild was held. `failed`
    of the assets are in Kili yet and could not be exported, `left` are let through by no filter.
    """

    project_id: str
    run_id: str
    count: int
    at: datetime
    exports: frozenset[str] = frozenset()
    failed: int = 0
    left: int = 0

    @property
    def losses(self) -> Losses:
        """The assets by why they would go."""
        return Losses(self.count - self.failed - self.left, self.failed, self.left)


class RemovalStore(Protocol):
    """Removals that were held, and how many a person allowed."""

    def held(self, project_id: str) -> HeldRemovals | None:
        """What waits for confirmation."""

    def hold(self, removals: HeldRemovals) -> None:
        """Stores what waits, in place of what waited before."""

    def drop(self, project_id: str) -> None:
        """Nothing waits any more."""

    def confirm(self, project_id: str, count: int) -> None:
        """Allows that many removals, and nothing waits any more."""

    def confirmed(self, project_id: str) -> int:
        """How many removals are allowed beyond the usual."""

    def settle(self, project_id: str, count: int) -> None:
        """Ends the permission for `count` removals; one for another number stays."""


@dataclass(frozen=True, slots=True)
class EventsCursor:
    """The last of Kili's recorded events that was taken into account.

    `thorough`: what was read asks for a thorough comparison, which was not made yet.
    """

    event_id: str
    created_at: str
    thorough: bool = False


class CursorStore(Protocol):
    """How far the list of Kili's past events was read, for each project."""

    def cursor(self, project_id: str) -> EventsCursor | None:
        """Where reading stopped, None before the first time."""

    def move(self, project_id: str, cursor: EventsCursor) -> None:
        """Stores where reading stopped."""


@dataclass(frozen=True, slots=True)
class TakenCalls:
    """When calls may be made, none when too many are taken already; and the budget after that.

    Times are microseconds since 1970 by the budget's own clock.
    """

    places: tuple[int, ...]
    state: BudgetState


class BudgetStore(Protocol):
    """The calls to Kili that all workers of one key share (see domain.request_budget)."""

    def now(self) -> int:
        """The present by the clock that all workers share."""

    def take(self, rules: BudgetRules, count: int) -> TakenCalls:
        """Takes places for `count` calls; nobody else gets them. They need not be given back."""

    def resume_at(self) -> int:
        """Until when everybody is to wait, because Kili asked one of them to."""

    def pause(self, until: int) -> None:
        """Makes everybody wait until then."""


class WebhookSecrets(Protocol):
    """The secret that Kili sends with every call."""

    def accepted(self) -> tuple[str, ...]:
        """What is accepted now: the current secret and, for a while after a change, the former."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """Starts an execution. False when that name was already used (running or ended)."""

    def is_running(self, execution_arn: str) -> bool:
        """Whether that execution still runs. False too when it is not known."""


class EventPublisher(Protocol):
    """The event bus that consumers listen to."""

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Sends one event."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of Kili's own list of past events."""

    event_id: str
    created_at: str
    event: ChangeEvent


@dataclass(frozen=True, slots=True)
class FetchedMedium:
    """A media file that was fetched. `size` is in bytes, `sha256` in hexadecimal digits.

    `content_type` is what the storage calls it, empty when it does not tell.
    """

    size: int
    crc32: int
    sha256: str
    content_type: str


class FrameCutter(Protocol):
    """Cuts videos into frames."""

    def is_there(self) -> bool:
        """Whether anything can be cut."""

    def cut(
        self, file: IO[bytes], start: int, size: int, cut: FrameCut
    ) -> Generator[bytes, None, None]:
        """The frames of the video in a part of a file, each as a JPEG, in their order.

        What is written behind that part meanwhile does not matter. Raises RequestRefused when
        the video cannot be cut.
        """


class KiliApi(Protocol):
    """Kili, as far as exports need it. All methods raise AccessDenied for a refused key.

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
        lists, and ConflictError when so much went away that the listing must be begun anew.
        """

    def fetch_assets(
        self, project_id: str, asset_ids: Sequence[str], needs: FetchNeeds
    ) -> FetchResult:
        """The assets with all that `needs` names, the contents of their labels included.

        An asset with a label whose content cannot be read fails; it is never given with an empty
        label. Raises Unavailable when Kili's storage as a whole does not answer.
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

    def events_since(
        self,
        project_id: str,
        *,
        created_at_gte: str | None = None,
        from_event_id: str | None = None,
    ) -> Iterator[RecordedEvent]:
        """Past events, first to last, each once, from a moment or from an event on.

        Whether the event of `from_event_id` itself is among them is up to the server.
        """

    def install_webhook(self, project_id: str, url: str, header: str, name: str) -> None:
        """Makes Kili call `url` for the project's changes, with `header` as Authorization.

        Installing again replaces what is there under `name`, a name of the whole organization.
        """

    def remove_webhook(self, project_id: str, name: str) -> None:
        """Deletes the webhook, for all projects that use it; one that is not there is no error."""


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

    `filters` are those of `contracts.row_filters`; a field that the server does not have raises
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


@dataclass(frozen=True, slots=True)
class FollowedFiles:
    """What a folder holds: its state (None before the first time), its files by path.

    `damaged` are files that are gone, or are not any more what was written.
    """

    state: FolderState | None
    files: Mapping[str, str]
    damaged: frozenset[str] = frozenset()


class FollowingFolder(Protocol):
    """A folder that is kept equal to an export. Contents are told by digests (`domain.digests`).

    Nothing outside of it is written, and no symbolic link below it is followed.
    """

    def read(self, *, verify: bool) -> FollowedFiles:
        """What it holds; a change that was begun and interrupted is completed first.

        With `verify` every file is read, without it only looked at.
        """

    def strangers(self) -> frozenset[str]:
        """Files below it that it did not write."""

    def occupied(self, wanted: Mapping[str, str]) -> Mapping[str, bool]:
        """Those of the paths where something is: whether it is a file with that digest."""

    def is_staged(self, path: str, digest: str) -> bool:
        """Whether the contents that are to be written there were fetched before."""

    def stage(self, path: str, digest: str, chunks: Iterable[bytes]) -> None:
        """Keeps contents until they are written. Raises IntegrityError unless they are these."""

    def change(self, change: FolderChange, state: FolderState) -> None:
        """Removes and writes, from what was staged; afterwards the folder has this state."""
