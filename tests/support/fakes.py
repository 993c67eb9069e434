"""In-memory stand-ins for the ports, with the conditions of the real ones.

Each calls `Interleaving.reach(step)` at the start of every operation, so that a test can let
somebody else act at exactly that moment: `fake.interleaving.before("clear", action)`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from kili_export.changes.events.pending_changes import PendingChange
from kili_export.changes.events.replay_events import EventsCursor
from kili_export.core.errors import ConflictError, IntegrityError, Unavailable
from kili_export.costs.usage import TrafficCount
from kili_export.runs.held_removals import HeldRemovals
from kili_export.runs.lease import Lease
from kili_export.splicing.upload_parts import BufferPart, CopyPart, CopyRange, InlineBytes, Part
from kili_export.storage.object_store import LongUploads, StoredObject

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class Interleaving:
    """What happens, once each, right before named steps."""

    actions: dict[str, list[Callable[[], None]]] = field(default_factory=lambda: defaultdict(list))
    steps: list[str] = field(default_factory=list)

    def before(self, step: str, action: Callable[[], None]) -> None:
        """Runs `action` right before the next time that `step` is reached."""
        self.actions[step].append(action)

    def reach(self, step: str) -> None:
        """Tells that a step begins."""
        self.steps.append(step)
        if self.actions[step]:
            self.actions[step].pop(0)()


@dataclass(slots=True)
class ManualClock:
    """Time that passes only when told, and in `sleep`."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass(slots=True)
class CountingTokens:
    """Tokens that count up, so that a test can read them."""

    issued: int = 0

    def token(self) -> str:
        self.issued += 1
        return f"{self.issued:016x}"


@dataclass(slots=True)
class InMemoryObjects:
    """A bucket. Conditions hold as on S3: for writes, reads and the sources of copies."""

    stored: dict[str, tuple[bytes, StoredObject]] = field(default_factory=dict)
    interleaving: Interleaving = field(default_factory=Interleaving)
    requests: list[tuple[str, str]] = field(default_factory=list)
    bytes_down: int = 0
    bytes_up: int = 0
    uploads: set[str] = field(default_factory=set)
    """Keys of uploads that somebody began and left."""
    clock: ManualClock = field(default_factory=ManualClock)
    """Tells when objects are written."""
    keeps_versions: bool = False
    versions: list[tuple[str, bytes]] = field(default_factory=list)
    """What was overwritten or deleted, oldest first, if the bucket keeps it."""

    def head(self, key: str) -> StoredObject | None:
        self._note("head", key)
        found = self.stored.get(key)
        return found[1] if found else None

    def get(self, key: str, *, if_match: str | None = None) -> tuple[bytes, StoredObject] | None:
        self._note("get", key)
        found = self.stored.get(key)
        if found is None:
            return None
        self._check_source(key, if_match)
        self.bytes_down += len(found[0])
        return found

    def get_range(self, key: str, start: int, length: int, *, if_match: str | None = None) -> bytes:
        self._note("get_range", key)
        data = self._read(key, start, length, if_match)
        self.bytes_down += length
        return data

    def download(self, key: str, target: BinaryIO, *, if_match: str | None = None) -> StoredObject:
        found = self.get(key, if_match=if_match)
        if found is None:
            raise IntegrityError(f"{key} does not exist")
        target.write(found[0])
        return found[1]

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
        del content_type
        self._note("put", key)
        self.bytes_up += len(data)
        return self._store(key, bytes(data), if_match, if_none_match, metadata)

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
        del content_type, uploads
        self._note("compose", key)
        data = b"".join(map(self._part, parts))
        about = {**(metadata or {}), "plan": plan}
        try:
            return self._store(key, data, if_match, if_none_match, about)
        except ConflictError:
            if plan and key in self.stored and self.stored[key][1].metadata.get("plan") == plan:
                return self.stored[key][1]
            raise

    def composed(
        self, key: str, plan: str, *, uploads: LongUploads | None = None
    ) -> StoredObject | None:
        del uploads
        found = self.head(key)
        return found if found is not None and found.metadata.get("plan") == plan else None

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._note("delete", key)
            self._keep_version(key)
            self.stored.pop(key, None)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        self._note("list", prefix)
        for key in sorted(self.stored):
            if key.startswith(prefix):
                yield self.stored[key][1]

    def folders(self, prefix: str) -> Iterator[str]:
        found = {key.removeprefix(prefix) for key in self.stored if key.startswith(prefix)}
        yield from sorted({rest.partition("/")[0] for rest in found if "/" in rest})

    def delete_versions(self, prefix: str, *, current: bool, keep: Collection[str] = ()) -> int:
        self._note("delete_versions", prefix)
        former = [one for one in self.versions if one[0].startswith(prefix)]
        self.versions = [one for one in self.versions if not one[0].startswith(prefix)]
        present = [
            key for key in self.stored if current and key.startswith(prefix) and key not in keep
        ]
        for key in present:
            del self.stored[key]
        return len(former) + len(present)

    def abort_uploads(self, prefix: str) -> int:
        self._note("abort_uploads", prefix)
        left = {key for key in self.uploads if key.startswith(prefix)}
        self.uploads -= left
        return len(left)

    def snapshot(self) -> TrafficCount:
        """The traffic so far: the fake is its own `Traffic`."""
        counts: dict[str, int] = {}
        for operation, _ in self.requests:
            counts[operation] = counts.get(operation, 0) + 1
        return TrafficCount(counts, self.bytes_down, self.bytes_up)

    def _note(self, operation: str, key: str) -> None:
        self.requests.append((operation, key))
        self.interleaving.reach(operation)

    def _part(self, part: Part) -> bytes:
        if isinstance(part, CopyPart):
            return self._source(part)
        assert isinstance(part, BufferPart)
        return b"".join(map(self._piece, part.pieces))

    def _piece(self, piece: CopyRange | InlineBytes) -> bytes:
        if isinstance(piece, InlineBytes):
            self.bytes_up += piece.length
            return bytes(piece.data[:])
        self.bytes_down += piece.length
        self.bytes_up += piece.length
        return self._source(piece)

    def _source(self, piece: CopyPart | CopyRange) -> bytes:
        if piece.source.key not in self.stored:
            raise ConflictError(f"{piece.source.key} is gone")
        return self._read(piece.source.key, piece.start, piece.length, piece.source.etag)

    def _read(self, key: str, start: int, length: int, etag: str | None) -> bytes:
        if key not in self.stored:
            raise IntegrityError(f"{key} does not exist")
        self._check_source(key, etag)
        data = self.stored[key][0][start : start + length]
        if len(data) != length:
            raise IntegrityError(f"{key} has no {length} bytes at {start}")
        return data

    def _keep_version(self, key: str) -> None:
        if self.keeps_versions and key in self.stored:
            self.versions.append((key, self.stored[key][0]))

    def _check_source(self, key: str, etag: str | None) -> None:
        if etag is not None and self.stored[key][1].etag != etag:
            raise ConflictError(f"{key} changed")

    def _store(
        self,
        key: str,
        data: bytes,
        if_match: str | None,
        if_none_match: bool,
        metadata: Mapping[str, str] | None,
    ) -> StoredObject:
        current = self.stored.get(key)
        if if_none_match and current is not None:
            raise ConflictError(f"{key} exists")
        if if_match is not None and (current is None or current[1].etag != if_match):
            raise ConflictError(f"{key} is not {if_match}")
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        stored = StoredObject(key, etag, len(data), dict(metadata or {}), self.clock.now())
        self._keep_version(key)
        self.stored[key] = (data, stored)
        return self.stored[key][1]


@dataclass(slots=True)
class InMemoryChanges:
    """Change marks."""

    held: dict[tuple[str, str], PendingChange] = field(default_factory=dict)
    interleaving: Interleaving = field(default_factory=Interleaving)

    def mark(
        self,
        project_id: str,
        subject: str,
        *,
        version: str,
        at: datetime,
        label_id: str | None = None,
    ) -> None:
        self.interleaving.reach("mark")
        before = self.held.get((project_id, subject))
        labels = before.label_ids if before else frozenset()
        self.held[project_id, subject] = PendingChange(
            project_id,
            subject,
            version,
            first_event_at=before.first_event_at if before else at,
            last_event_at=at,
            label_ids=labels | {label_id} if label_id else labels,
        )

    def marks(self, project_id: str) -> Iterator[PendingChange]:
        self.interleaving.reach("marks")
        yield from [mark for (owner, _), mark in self.held.items() if owner == project_id]

    def clear(self, marks: Iterable[PendingChange]) -> int:
        self.interleaving.reach("clear")
        current = [mark for mark in marks if self._is_current(mark)]
        for mark in current:
            del self.held[mark.project_id, mark.subject]
        return len(current)

    def postpone(self, marks: Iterable[tuple[PendingChange, datetime]]) -> int:
        self.interleaving.reach("postpone")
        current = [(mark, until) for mark, until in marks if self._is_current(mark)]
        for mark, until in current:
            key = (mark.project_id, mark.subject)
            attempts = self.held[key].attempts + 1
            self.held[key] = replace(self.held[key], attempts=attempts, retry_at=until)
        return len(current)

    def subjects(self, project_id: str) -> set[str]:
        """What is marked, for assertions."""
        return {subject for owner, subject in self.held if owner == project_id}

    def _is_current(self, mark: PendingChange) -> bool:
        stored = self.held.get((mark.project_id, mark.subject))
        return stored is not None and stored.version == mark.version


@dataclass(slots=True)
class InMemoryProjectState:
    """Leases, windows, held removals and cursors."""

    leases: dict[str, Lease] = field(default_factory=dict)
    windows: set[tuple[str, int]] = field(default_factory=set)
    removals: dict[str, HeldRemovals] = field(default_factory=dict)
    permissions: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, EventsCursor] = field(default_factory=dict)
    interleaving: Interleaving = field(default_factory=Interleaving)

    def read(self, project_id: str) -> Lease | None:
        self.interleaving.reach("read lease")
        return self.leases.get(project_id)

    def take(
        self, project_id: str, *, holder: str, expires_at: datetime, seen: Lease | None
    ) -> Lease | None:
        self.interleaving.reach("take")
        current = self.leases.get(project_id)
        if _identity(current) != _identity(seen):
            return None
        token = current.token + 1 if current else 1
        announced = current.announced_up_to if current else 0
        self.leases[project_id] = Lease(project_id, token, holder, expires_at, announced)
        return self.leases[project_id]

    def release(self, lease: Lease, *, announced: bool) -> bool:
        self.interleaving.reach("release")
        current = self.leases.get(lease.project_id)
        if _identity(current) != _identity(lease):
            return False
        up_to = lease.token if announced else lease.announced_up_to
        self.leases[lease.project_id] = replace(lease, holder=None, announced_up_to=up_to)
        return True

    def is_started(self, project_id: str, window: int) -> bool:
        self.interleaving.reach("is started")
        return (project_id, window) in self.windows

    def record_started(self, project_id: str, window: int, *, expires: datetime) -> None:
        del expires
        self.interleaving.reach("record started")
        self.windows.add((project_id, window))

    def held(self, project_id: str) -> HeldRemovals | None:
        return self.removals.get(project_id)

    def hold(self, removals: HeldRemovals) -> None:
        self.removals[removals.project_id] = removals

    def drop(self, project_id: str) -> None:
        self.removals.pop(project_id, None)

    def confirm(self, project_id: str, count: int) -> None:
        self.removals.pop(project_id, None)
        self.permissions[project_id] = count

    def confirmed(self, project_id: str) -> int:
        return self.permissions.get(project_id, 0)

    def settle(self, project_id: str, count: int) -> None:
        if self.permissions.get(project_id) == count:
            del self.permissions[project_id]

    def cursor(self, project_id: str) -> EventsCursor | None:
        return self.cursors.get(project_id)

    def move(self, project_id: str, cursor: EventsCursor) -> None:
        self.cursors[project_id] = cursor


def _identity(lease: Lease | None) -> tuple[int, str | None] | None:
    return (lease.token, lease.holder) if lease else None


@dataclass(slots=True)
class RecordingWorkflow:
    """A state machine that only notes what was started. `running` holds executions' ARNs."""

    started: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    calls: int = 0
    interleaving: Interleaving = field(default_factory=Interleaving)

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        self.interleaving.reach("start")
        self.calls += 1
        if name in self.started:
            return False
        self.started[name] = dict(execution_input)
        return True

    def is_running(self, execution_arn: str) -> bool:
        self.interleaving.reach("is running")
        return execution_arn in self.running


@dataclass(slots=True)
class RecordingPublisher:
    """An event bus that keeps what was sent."""

    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    interleaving: Interleaving = field(default_factory=Interleaving)

    def publish(self, detail_type: str, detail: Mapping[str, Any]) -> None:
        self.interleaving.reach("publish")
        self.sent.append((detail_type, dict(detail)))


@dataclass(slots=True)
class ListedSecrets:
    """Secrets as given; `reads` counts how often they were asked for."""

    secrets: tuple[str, ...]
    reads: int = 0
    are_down: bool = False

    def accepted(self) -> tuple[str, ...]:
        self.reads += 1
        if self.are_down:
            raise Unavailable("Secrets Manager does not answer")
        return self.secrets
