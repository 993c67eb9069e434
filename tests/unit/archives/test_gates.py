"""What gates decide, as pure rules: when a snapshot is named, and while what the copy is held."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kili_export.archives.gates import (
    GateFacts,
    Gates,
    are_gates_due,
    automatic_name,
    reason_of_hold,
)
from kili_export.archives.manifest import (
    ArchiveReference,
    ClassEntry,
    LatestHold,
    Manifest,
    Quarantined,
    ReviewCount,
)
from kili_export.core.publish_rules import PublishRules
from tests.support.sample_manifest import manifest_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)
CLASSES = tuple(ClassEntry(job="J", key=key, name=key) for key in ("A", "B"))


class History:
    """An export under rules, generation after generation. Time passes only when told."""

    def __init__(self, **rules: Any) -> None:
        self.rules: PublishRules | None = PublishRules.model_validate(rules) if rules else None
        self.now = NOON
        self.manifest: Manifest | None = None
        self.runs = 0

    def publish(
        self,
        *,
        changed: int = 1,
        reviewed: tuple[int, int] | None = None,
        classes: tuple[ClassEntry, ...] | None = None,
        broken: bool = False,
    ) -> Manifest:
        """A run. With `changed` 0 it changes no file."""
        before = self.manifest
        generation = (before.generation if before else 0) + (changed > 0)
        review = ReviewCount(assets=reviewed[1], reviewed=reviewed[0]) if reviewed else None
        known = before.classes if before else CLASSES[:1]
        failed = Quarantined(asset_id="a", error="e", since=NOON, run_id="r")
        made = manifest_of(
            generation=generation,
            published_at=self.now if changed or before is None else before.published_at,
            archive=ArchiveReference(
                key="a.zip", etag='"e"', size=1, members=1, generation=generation
            ),
            classes=known if classes is None else classes,
            quarantined=(failed,) if broken else (),
        )
        self.runs += 1
        facts = GateFacts(self.now, f"run{self.runs}", changed, review)
        gates = Gates.after(self.rules, before, made, facts)
        held = gates.latest is not None and bool(gates.latest.held)
        former_key = before.latest_key if before else None
        self.manifest = made.model_copy(
            update={
                "latest": gates.latest,
                "review": gates.review,
                "snapshots": gates.snapshots,
                "latest_key": former_key if held else "latest.zip",
            }
        )
        return self.manifest

    def wait(self, hours: float) -> bool:
        """Time passes; answers whether the gates ask for a run then."""
        self.now += hours * HOUR
        assert self.manifest is not None
        return are_gates_due(self.rules, self.manifest, self.now)

    def named(self) -> str | None:
        """The name of the last automatic snapshot."""
        assert self.manifest is not None
        return self.manifest.snapshots.name if self.manifest.snapshots else None

    def held(self) -> tuple[str, ...]:
        """Why the copy is held back."""
        assert self.manifest is not None
        return self.manifest.latest.held if self.manifest.latest else ()


def test_without_gates_a_manifest_has_none() -> None:
    export = History()
    for _ in range(3):
        export.publish(reviewed=None, classes=CLASSES)
        assert Gates.of(export.publish()) == Gates()
        assert not export.wait(1000)


def test_so_many_changes_name_a_snapshot_and_the_counting_begins_again() -> None:
    export = History(snapshot_when={"changed": 5})
    names = []
    for changed in (3, 1, 0, 1, 4, 7):
        export.publish(changed=changed)
        names.append(export.named())
    third, fifth = automatic_name(NOON, 3), automatic_name(NOON, 5)
    assert names == [None, None, None, third, third, fifth]
    assert third == "auto-2026-03-02T1200Z-g3"
    assert export.manifest is not None
    assert export.manifest.snapshots is not None
    assert export.manifest.snapshots.changed == 0


def test_a_clock_that_was_ahead_stops_no_snapshots() -> None:
    export = History(snapshot_when={"every": "day"})
    export.publish()
    assert export.wait(1000 * 24)
    export.publish()
    export.wait(-1000 * 24)
    export.publish()
    assert export.named() == automatic_name(export.now, 3)
    export.publish()
    assert export.named() == automatic_name(export.now, 3), "once for that day"


@pytest.mark.parametrize(
    ("every", "hours"),
    [("day", [12]), ("week", [6 * 24 + 12]), (6, [6]), (1, [1])],
)
def test_a_period_that_began_names_what_changed_since_the_last_one(
    every: object, hours: list[float]
) -> None:
    export = History(snapshot_when={"every": every})
    export.publish()
    assert export.named() is None
    assert not export.wait(hours[0] - 0.01)
    assert export.wait(0.01), "also where no change comes"
    export.publish(changed=0)
    assert export.named() == automatic_name(NOON, 1), (
        "the name is the generation's, not the clock's"
    )
    assert not export.wait(1000), "nothing changed since: no snapshot is needed"
    export.publish()
    assert export.named() == automatic_name(export.now, 2), "the first change of a later period"


def test_the_last_review_names_a_snapshot_once() -> None:
    export = History(snapshot_when={"reviewed": "all"})
    names = []
    for reviewed in ((0, 0), (1, 2), (2, 2), (2, 2), (2, 3), (3, 3)):
        export.publish(reviewed=reviewed)
        names.append(export.named())
    third, last = automatic_name(NOON, 3), automatic_name(NOON, 6)
    assert names == [None, None, third, third, third, last]


def test_a_review_that_changes_no_file_names_the_current_generation() -> None:
    export = History(snapshot_when={"reviewed": "all"})
    export.publish(reviewed=(1, 2))
    export.publish(changed=0, reviewed=(2, 2))
    assert export.named() == automatic_name(NOON, 1)


def test_of_an_asset_in_quarantine_nobody_knows_whether_it_is_reviewed() -> None:
    export = History(snapshot_when={"reviewed": "all"})
    export.publish(reviewed=(2, 2), broken=True)
    assert export.named() is None
    export.publish(reviewed=(3, 3))
    assert export.named() == automatic_name(NOON, 2)


def test_rules_that_are_declared_later_begin_then_and_end_with_their_declaration() -> None:
    export = History()
    export.publish()
    export.rules = PublishRules.model_validate({"snapshot_when": {"every": "day"}})
    assert export.wait(0)
    export.publish(changed=0)
    assert export.named() is None
    assert export.wait(24)
    export.publish(changed=0)
    assert export.named() == automatic_name(NOON, 1)
    export.rules = None
    assert export.wait(0)
    assert Gates.of(export.publish(changed=0)) == Gates()


def test_a_change_of_classes_holds_for_some_hours_and_another_one_again() -> None:
    export = History(hold_latest_while={"classes_change": {"for_hours": 4}})
    export.publish()
    assert export.held() == (), "the first classes are no change"
    held = export.publish(classes=CLASSES).latest
    assert held == LatestHold(
        generation=1, held=("classes_change",), since=NOON, run_id="run2", classes_at=NOON
    )
    assert not export.wait(3)
    export.publish(classes=CLASSES[1:])
    assert export.held(), "it changed again"
    assert export.manifest is not None
    assert export.manifest.latest is not None
    assert (export.manifest.latest.generation, export.manifest.latest.since) == (1, NOON)
    assert reason_of_hold(export.manifest) == "the classes changed"
    assert not export.wait(3)
    assert export.wait(1)
    let_out = export.publish(changed=0).latest
    assert let_out == LatestHold(generation=1, held=(), since=export.now, run_id="run4")
    assert not export.wait(1000)
    assert export.publish().latest is None


def test_without_hours_it_holds_until_somebody_releases() -> None:
    export = History(hold_latest_while={"classes_change": True})
    export.publish()
    export.publish(classes=CLASSES)
    assert not export.wait(10000)
    assert export.publish().latest is not None
    assert export.manifest is not None
    assert export.manifest.latest is not None
    released = export.manifest.latest.model_copy(update={"released": True})
    export.manifest = export.manifest.model_copy(update={"latest": released})
    assert export.wait(0), "the next run lets it out"
    export.publish(changed=0)
    assert export.held() == ()
    export.publish()
    assert export.held() == ()


@pytest.mark.parametrize(
    ("below", "reviewed", "holds"),
    [
        (0.9, (8, 10), True),
        (0.9, (9, 10), False),
        (0.07, (7, 100), False),
        (0.57, (57, 100), False),
        (1, (99, 100), True),
        (1, (100, 100), False),
        (0.5, (0, 0), False),
    ],
)
def test_a_share_is_counted_exactly(below: float, reviewed: tuple[int, int], holds: bool) -> None:
    export = History(hold_latest_while={"reviewed_below": below})
    export.publish(reviewed=reviewed)
    assert bool(export.held()) is holds


def test_the_first_generation_can_be_held_and_a_release_lasts_one_generation() -> None:
    export = History(hold_latest_while={"reviewed_below": 0.5})
    first = export.publish(reviewed=(0, 4))
    assert first.latest is not None
    assert (first.latest.generation, first.latest_key) == (None, None)
    assert reason_of_hold(first) == "0 of 4 assets are reviewed"
    released = first.latest.model_copy(update={"released": True})
    export.manifest = first.model_copy(update={"latest": released})
    assert export.publish(changed=0, reviewed=(0, 4)).latest_key == "latest.zip"
    assert not export.wait(100), "only a later generation is held again"
    again = export.publish(reviewed=(1, 4))
    assert again.latest is not None
    assert again.latest.generation == 1
    export.publish(changed=0, reviewed=(2, 4))
    assert export.held() == (), "a review is enough, whatever it changes"


STEPS = st.lists(
    st.tuples(
        st.floats(0, 40),
        st.integers(0, 6),
        st.integers(0, 4),
        st.sampled_from([CLASSES, CLASSES[:1], CLASSES[1:]]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "snapshot_when": st.fixed_dictionaries(
            {"changed": st.integers(1, 9)},
            optional={
                "every": st.sampled_from(["day", "week", 1, 7]),
                "reviewed": st.just("all"),
            },
        ),
        "hold_latest_while": st.fixed_dictionaries(
            {"reviewed_below": st.sampled_from([0.25, 0.5, 1])},
            optional={"classes_change": st.sampled_from([True, {"for_hours": 5}])},
        ),
    },
)


@given(RULES, STEPS)
def test_deciding_twice_decides_nothing_else(
    rules: dict[str, Any], steps: list[tuple[float, int, int, tuple[ClassEntry, ...], bool]]
) -> None:
    export = History(**rules)
    names: list[str] = []
    for hours, changed, reviewed, classes, broken in steps:
        export.now += hours * HOUR
        made = export.publish(
            changed=changed if export.manifest else 1,
            reviewed=(reviewed, 4),
            classes=classes,
            broken=broken,
        )
        assert not export.wait(0), "a run that finds the same has nothing to do"
        if made.snapshots and made.snapshots.name and made.snapshots.name not in names:
            assert made.snapshots.generation == made.generation, "only what is current is named"
            names.append(made.snapshots.name)
        if made.latest and made.latest.held:
            assert (made.latest.generation or 0) <= made.generation
    generations = [int(name.rpartition("-g")[2]) for name in names]
    assert generations == sorted(set(generations)), "one name for a generation"
