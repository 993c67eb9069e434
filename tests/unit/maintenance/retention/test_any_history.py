"""Whatever happens to an export, nothing that is needed is deleted, and all that is not goes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from kili_export.archives.manifest import Manifest
from kili_export.core.bucket_layout import manifest_key
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.reading.take_snapshot import delete_snapshot, take_snapshot
from tests.support.fakes import InMemoryObjects, ManualClock
from tests.support.made_up_generations import EXPORT, PROJECT, manifest_of, named_keys

RULES = RetentionRules(generations=3, recent=timedelta(hours=24))
SNAPSHOTS = ("one", "two")


@dataclass
class Life:
    """An export as its runs go by, and what a reader may rely on."""

    clock: ManualClock = field(default_factory=ManualClock)
    objects: InMemoryObjects = field(default_factory=InMemoryObjects)
    current: Manifest | None = None
    former: list[tuple[Manifest, datetime]] = field(default_factory=list)
    pinned: dict[str, Manifest] = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        self.objects.clock = self.clock

    @property
    def retain(self) -> ApplyRetention:
        return ApplyRetention(self.objects, self.clock, RULES)

    def act(self, step: str) -> None:
        """One step of an export's life."""
        match step:
            case (
                "publish"
                | "publish delta"
                | "publish ledger"
                | "crash before"
                | "crash at commit"
                | "crash after"
            ):
                self._run(step)
            case "snapshot":
                free = [name for name in SNAPSHOTS if name not in self.pinned]
                if free and self.current is not None:
                    take_snapshot(self.objects, PROJECT, EXPORT, free[0])
                    self.pinned[free[0]] = self.current
            case "unpin":
                if self.pinned:
                    name, _ = self.pinned.popitem()
                    delete_snapshot(self.objects, PROJECT, EXPORT, name)

    def _run(self, step: str) -> None:
        self.runs += 1
        previous = self.current
        ledger_alone = step == "publish ledger" and previous is not None
        number = (previous.generation if previous else 0) + (not ledger_alone)
        made = manifest_of(
            number,
            f"run{self.runs}",
            self.clock.now(),
            previous,
            ledger_alone=ledger_alone,
            followed=step == "publish delta",
        )
        for key in named_keys(made) - self.objects.stored.keys():
            self.objects.put(key, b"-")
        if step == "crash before":
            return
        self.retain.remember(previous)
        if step == "crash at commit":
            return
        self.objects.put(manifest_key(PROJECT, EXPORT), made.to_bytes())
        if previous is not None:
            self.former.append((previous, self.clock.now()))
        self.current = made
        if step != "crash after":
            self.retain.delete_expired(PROJECT, EXPORT)

    def needed(self) -> set[str]:
        """What readers may count on."""
        if self.current is None:
            return set()
        downloading = [
            one for one, until in self.former if until >= self.clock.now() - RULES.recent
        ]
        read_ledgers = [
            one for one, until in self.former if until >= self.clock.now() - RULES.ledgers
        ]
        # Who goes back to a generation by its number takes it as it was left.
        as_left = {one.generation: one for one in (*(one for one, _ in self.former), self.current)}
        numbered = [
            as_left[number]
            for back in range(RULES.generations + 1)
            if (number := self.current.generation - back) in as_left
        ]
        chosen = set().union(*(named_keys(one) for one in (*numbered, *read_ledgers)))
        for one in downloading:
            chosen |= named_keys(one) - {one.ledger.key}
        for snapshot in self.pinned.values():
            chosen |= {snapshot.archive.key, snapshot.ledger.key}
            chosen |= {delta.key for delta in snapshot.deltas}
        return chosen

    def archives(self) -> set[str]:
        """The archives and ledgers that are there."""
        return {key for key in self.objects.stored if "/archives/" in key or "/ledgers/" in key}


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["publish"] * 4
            + ["publish delta"] * 4
            + ["publish ledger", "crash before", "crash at commit", "crash after"]
            + ["snapshot", "unpin"]
        ),
        st.sampled_from([0, 60, 1800, 6 * 3600, 30 * 3600, 30 * 86400]),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(steps)
def test_what_is_current_pinned_or_recent_is_never_deleted(steps: list[tuple[str, int]]) -> None:
    life = Life()
    for step, seconds in steps:
        life.act(step)
        missing = life.needed() - life.objects.stored.keys()
        assert not missing, f"after {step}: {sorted(missing)} are gone"
        life.clock.advance(seconds)


@settings(max_examples=60)
@given(steps)
def test_what_nobody_needs_is_gone_when_time_has_passed(steps: list[tuple[str, int]]) -> None:
    life = Life()
    for step, seconds in steps:
        life.act(step)
        life.clock.advance(seconds)
    life.act("publish")
    life.clock.advance(25 * 3600)
    life.act("publish")
    life.clock.advance(25 * 3600)
    life.retain.delete_expired(PROJECT, EXPORT)
    needed = {key for key in life.needed() if "/deltas/" not in key}
    assert life.archives() == needed
