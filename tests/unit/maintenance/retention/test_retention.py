"""What retention keeps, deletes and survives."""

from datetime import timedelta

import pytest

from kili_export.archives.manifest import CHAIN_LENGTH, Manifest
from kili_export.core.bucket_layout import history_key, manifest_key, snapshot_key
from kili_export.core.errors import Unavailable
from kili_export.maintenance.retention.apply_retention import ApplyRetention
from kili_export.maintenance.retention.retention_rules import RetentionRules
from kili_export.reading.take_snapshot import take_snapshot
from tests.support.fakes import InMemoryObjects, ManualClock
from tests.support.made_up_generations import EXPORT, PROJECT, manifest_of, named_keys

RULES = RetentionRules(generations=2, recent=timedelta(hours=24))
HOUR = 3600


class Export:
    """An export that publishes when it is told to."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.objects = InMemoryObjects(clock=self.clock)
        self.retain = ApplyRetention(self.objects, self.clock, RULES)
        self.current: Manifest | None = None
        self.runs = 0

    def publish(self, count: int = 1, *, every: float = 0) -> list[str]:
        """Publishes generations. Answers what the last one's retention deleted."""
        deleted: list[str] = []
        for _ in range(count):
            self.clock.advance(every)
            self.commit()
            deleted = self.retain.delete_expired(PROJECT, EXPORT)
        return deleted

    def commit(self, *, ledger_alone: bool = False) -> None:
        """Publishes without looking after what is old."""
        self.runs += 1
        number = (self.current.generation if self.current else 0) + (not ledger_alone)
        made = manifest_of(
            number,
            f"run{self.runs}",
            self.clock.now(),
            self.current,
            ledger_alone=ledger_alone,
        )
        for key in named_keys(made) - self.objects.stored.keys():
            self.objects.put(key, b"-")
        self.retain.remember(self.current)
        self.objects.put(manifest_key(PROJECT, EXPORT), made.to_bytes())
        self.current = made

    def generations(self, kind: str = "archives") -> list[int]:
        """Those that are there."""
        keys = [key for key in self.objects.stored if f"/{kind}/" in key]
        return sorted(int(key.rpartition("/")[2].partition("-")[0]) for key in keys)


@pytest.fixture
def export() -> Export:
    return Export()


def test_generations_go_by_number_once_they_are_old(export: Export) -> None:
    export.publish(6, every=30 * HOUR)
    assert export.generations() == [4, 5, 6]
    assert export.generations("ledgers") == [4, 5, 6]


def test_everything_of_the_last_hours_stays_however_much_it_is(export: Export) -> None:
    export.publish(30, every=HOUR)
    assert export.generations() == list(range(5, 31))


def test_ledgers_of_one_generation_go_by_age_but_for_the_last(export: Export) -> None:
    export.publish(3, every=30 * HOUR)
    for _ in range(20):
        export.clock.advance(30 * HOUR)
        export.commit(ledger_alone=True)
        export.retain.delete_expired(PROJECT, EXPORT)
    assert export.generations("ledgers") == [1, 2, 3, 3], "the one before was current just now"
    export.publish(2, every=30 * HOUR)
    assert export.generations("ledgers") == [3, 4, 5]
    assert export.generations() == [3, 4, 5]


def test_ledgers_of_the_last_hours_go_while_their_archives_stay(export: Export) -> None:
    export.publish(4, every=30 * HOUR)
    export.publish(26, every=HOUR / 4)
    assert export.generations() == list(range(3, 31))
    assert export.generations("ledgers") == [25, 26, 27, 28, 29, 30], "of an hour"
    export.publish(every=2 * HOUR)
    assert export.generations("ledgers") == [29, 30, 31], "the last two before the current one"


def test_the_ledger_of_a_snapshot_outlasts_that_hour(export: Export) -> None:
    export.publish(3, every=30 * HOUR)
    take_snapshot(export.objects, PROJECT, EXPORT, "kept")
    export.publish(30, every=HOUR / 4)
    assert export.generations("ledgers")[0] == 3


def test_a_ledger_that_a_run_is_about_to_name_stays(export: Export) -> None:
    export.publish(4, every=30 * HOUR)
    made = manifest_of(5, "slow", export.clock.now(), export.current)
    export.objects.put(made.ledger.key, b"-")
    export.publish(8, every=HOUR / 4)
    assert made.ledger.key in export.objects.stored, "its archive may take hours"


def test_a_generation_that_was_current_for_a_month_stays_for_downloads(export: Export) -> None:
    export.publish(10, every=30 * HOUR)
    export.clock.advance(30 * 24 * HOUR)
    export.publish(5, every=1)
    assert 10 in export.generations(), "it was current a few seconds ago"
    export.clock.advance(25 * HOUR)
    export.publish()
    assert 10 not in export.generations()


def test_it_stays_also_when_the_run_that_replaced_it_crashed(export: Export) -> None:
    export.publish(10, every=30 * HOUR)
    export.clock.advance(30 * 24 * HOUR)
    export.commit()
    export.clock.advance(1)
    export.publish(5, every=1)
    assert {10, 11} <= set(export.generations())


def test_the_deltas_of_the_chain_stay_whatever_their_age(export: Export) -> None:
    export.publish(CHAIN_LENGTH + 10, every=30 * HOUR)
    assert export.current is not None
    assert len(export.current.recent_deltas) == CHAIN_LENGTH
    named = {delta.key for delta in export.current.recent_deltas}
    assert named <= export.objects.stored.keys()
    assert 8 not in export.generations("deltas"), "no manifest that is kept names it"


def test_what_a_crash_left_goes_when_it_is_old(export: Export) -> None:
    export.publish(2, every=30 * HOUR)
    left = manifest_of(3, "crashed", export.clock.now(), export.current)
    for key in named_keys(left) - export.objects.stored.keys():
        export.objects.put(key, b"-")
    assert export.publish(every=HOUR) == []
    export.clock.advance(25 * HOUR)
    deleted = export.retain.delete_expired(PROJECT, EXPORT)
    assert [key for key in deleted if "crashed" not in key] == []
    assert len(deleted) == 3, "its archive, its delta and its ledger"


def test_names_of_another_kind_are_left_alone(export: Export) -> None:
    foreign = f"exports/{PROJECT}/{EXPORT}/archives/of-mine.zip"
    export.objects.put(foreign, b"-")
    export.publish(6, every=30 * HOUR)
    assert foreign in export.objects.stored


def test_what_a_snapshot_names_stays_while_others_go(export: Export) -> None:
    export.publish(3, every=30 * HOUR)
    take_snapshot(export.objects, PROJECT, EXPORT, "kept")
    export.publish(5, every=30 * HOUR)
    assert 3 in export.generations()
    assert 4 not in export.generations()


def test_a_snapshot_that_cannot_be_read_stops_all_deleting(export: Export) -> None:
    export.publish(4, every=30 * HOUR)
    before = set(export.generations())
    export.objects.put(snapshot_key(PROJECT, EXPORT, "broken"), b"{")
    export.publish(4, every=30 * HOUR)
    assert before <= set(export.generations())


def test_a_history_that_cannot_be_read_is_started_again_and_deletes_nothing_at_first(
    export: Export,
) -> None:
    export.publish(4, every=30 * HOUR)
    before = set(export.generations())
    export.objects.put(history_key(PROJECT, EXPORT), b"{")
    export.publish(every=30 * HOUR)
    assert before <= set(export.generations())
    export.publish(5, every=30 * HOUR)
    assert not before & set(export.generations())


def test_a_bucket_that_does_not_answer_does_not_fail_the_run(export: Export) -> None:
    export.publish(6, every=30 * HOUR)
    failed = []

    def fail() -> None:
        failed.append(export.objects.interleaving.steps[-1])
        raise Unavailable("S3 is down")

    for step in ("list", "get", "delete"):
        export.clock.advance(30 * HOUR)
        export.commit()
        before = set(export.objects.stored)
        export.objects.interleaving.before(step, fail)
        assert export.retain.delete_expired(PROJECT, EXPORT) == []
        assert set(export.objects.stored) == before
    assert failed == ["list", "get", "delete"], "the bucket was not asked"
    # Archives and ledgers had their time meanwhile; deltas belong to the chain.
    assert len(export.retain.delete_expired(PROJECT, EXPORT)) == 6
    assert export.generations() == [7, 8, 9]


def test_the_history_does_not_grow_beyond_what_is_kept(export: Export) -> None:
    export.publish(50, every=30 * HOUR)
    assert len(export.objects.stored[history_key(PROJECT, EXPORT)][0]) < 1500
