"""Misbehaviour on request: what the server does wrong, to which calls, and how often.

A fault has a `kind`, a `target` and `times`, the number of calls it spoils (null: until cleared),
after letting `after` calls through. Kinds of the transport, for any target:

- `latency`: answers `seconds` late.
- `throttled`: 429, with `Retry-After: retry_after` when that is given.
- `internal_error`, `bad_gateway`, `unavailable`: 500, 502, 503.
- `dropped`: half of the answer, then the connection closes although more was announced.
- `truncated`: half of the answer as if it were whole, so JSON that cannot be parsed.
- `wrong_key`: 401 as for an unknown key.
- `expired`: 403 as for a signed URL whose time is over.
- `graphql_error`: a GraphQL error with `message`.

Targets: `graphql` (every call), the root field of an operation (`assets`, `countAssets`,
`projects`, `labels`, ...), `content` (the label documents and jsonContent behind signed URLs),
`media`. The default is `graphql`; for `expired` it is `content`.

Kinds of the data, whose target is implied:

- `access_lost`: the project (`project_id`, default all) is not visible: empty lists, count 0.
- `shifting_pages`: after a page of assets was answered, an asset that is listed before it vanishes
  (`change: "remove"`) or a new one is put before it (`change: "insert"`), with its event.
- `stale_content`: a change to a label becomes visible late, after `seconds` or after `reads`
  answers. `lag: "late"`: the label is not listed (reads: pages that would have shown it).
  `lag: "former"`: it is listed with its former content (reads: of its document).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any, Literal, get_args

TransportKind = Literal[
    "latency",
    "throttled",
    "internal_error",
    "bad_gateway",
    "unavailable",
    "dropped",
    "truncated",
    "wrong_key",
    "expired",
    "graphql_error",
]
DataKind = Literal["access_lost", "shifting_pages", "stale_content"]
TRANSPORT_KINDS: frozenset[str] = frozenset(get_args(TransportKind))
DATA_KINDS: frozenset[str] = frozenset(get_args(DataKind))


@dataclass(slots=True)
class Fault:
    """One kind of misbehaviour; see the module for the meaning of each field."""

    kind: str
    target: str = ""
    times: int | None = 1
    after: int = 0
    seconds: float = 0.0
    retry_after: int | None = None
    message: str = "Internal server error"
    project_id: str | None = None
    change: Literal["remove", "insert"] = "remove"
    lag: Literal["late", "former"] = "former"
    reads: int | None = None
    spoiled: int = field(default=0)

    def __post_init__(self) -> None:
        if self.kind not in TRANSPORT_KINDS | DATA_KINDS:
            raise ValueError(f"unknown fault {self.kind!r}")
        if not self.target:
            self.target = "content" if self.kind == "expired" else "graphql"

    def take(self) -> bool:
        """Counts one call that it applies to; whether that call is spoiled."""
        if self.times is not None and self.spoiled >= self.times:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.spoiled += 1
        return True


class FaultBoard:
    """The faults that are set. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def set(self, kind: str, **settings: Any) -> Fault:
        """Adds a fault. Raises ValueError or TypeError for a kind or setting that isn't one."""
        fault = Fault(kind, **settings)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self, kind: str | None = None) -> None:
        """Removes the faults of one kind, or all of them."""
        with self._lock:
            self._faults = [one for one in self._faults if kind is not None and one.kind != kind]

    def listing(self) -> list[dict[str, Any]]:
        """The faults as they are set, with how many calls each has spoiled."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def on_call(self, targets: Iterable[str]) -> list[Fault]:
        """The transport faults that spoil this call, counted."""
        if not self._faults:
            return []
        wanted = frozenset(targets)
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.kind in TRANSPORT_KINDS and fault.target in wanted and fault.take()
            ]

    def on_data(self, kind: DataKind, project_id: str | None = None) -> Fault | None:
        """The fault of this kind that applies to the project now, counted."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                concerned = fault.project_id is None or fault.project_id == project_id
                if fault.kind == kind and concerned and fault.take():
                    return fault
        return None
