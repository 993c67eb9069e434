"""What the gates of an export decide: pure rules over one manifest and the one that it replaces.

Everything that they remember is in the manifest. So a decision is committed with what it is about,
and a crash between the two cannot be.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from kili_export.archives.manifest import (
    HoldReason,
    LatestHold,
    Manifest,
    NamedSnapshots,
    ReviewCount,
)
from kili_export.core.publish_rules import HoldRules, PublishRules, SnapshotRules

_FIRST_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)
"""Where periods begin, so that a week begins on a Monday."""


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What a run knows beside the manifest: its time, and what it changed and counted."""

    now: datetime
    run_id: str
    changed_assets: int = 0
    review: ReviewCount | None = None


@dataclass(frozen=True, slots=True)
class Gates:
    """What a manifest says of an export's gates."""

    latest: LatestHold | None = None
    review: ReviewCount | None = None
    snapshots: NamedSnapshots | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> "Gates":
        """What this manifest says of them."""
        return cls(manifest.latest, manifest.review, manifest.snapshots)

    @classmethod
    def after(
        cls, rules: PublishRules | None, before: Manifest | None, made: Manifest, facts: GateFacts
    ) -> "Gates":
        """What the manifest `made` is to say, which replaces `before`."""
        when = None if rules is None else rules.snapshot_when
        hold = None if rules is None else rules.hold_latest_while
        return cls(
            _latest(hold, before, made, facts),
            facts.review,
            _snapshots(when, before, made, facts),
        )


def are_gates_due(rules: PublishRules | None, manifest: Manifest, now: datetime) -> bool:
    """Whether the gates decide otherwise by now, though nothing of the export changed."""
    facts = GateFacts(now, "", review=manifest.review)
    return Gates.after(rules, manifest, manifest, facts) != Gates.of(manifest)


def reason_of_hold(manifest: Manifest) -> str:
    """Why `latest.zip` is held back, as a sentence without its end; empty where it is not."""
    review = manifest.review
    counted = f"{review.reviewed} of {review.assets} assets are reviewed" if review else ""
    texts = {"classes_change": "the classes changed", "reviewed_below": counted}
    return ", and ".join(texts[one] for one in manifest.latest.held) if manifest.latest else ""


def automatic_name(published_at: datetime, generation: int) -> str:
    """The name of a snapshot that an export names by itself: of one generation, always the same."""
    return f"auto-{published_at.astimezone(UTC):%Y-%m-%dT%H%MZ}-g{generation}"


def _latest(
    hold: HoldRules | None, before: Manifest | None, made: Manifest, facts: GateFacts
) -> LatestHold | None:
    former = before.latest if before else None
    holds = former if former is not None and former.held and not former.released else None
    is_new = _is_new(before, made)
    other_classes = before is not None and before.classes != made.classes
    classes_at = facts.now if other_classes else holds.classes_at if holds else None
    reasons: tuple[HoldReason, ...] = ()
    if _is_held_for_classes(hold, classes_at, facts.now):
        reasons = ("classes_change",)
    else:
        classes_at = None
    if _is_reviewed_below(hold, facts.review):
        reasons = (*reasons, "reviewed_below")
    if reasons and holds is not None:
        return holds.model_copy(update={"held": reasons, "classes_at": classes_at})
    if reasons and (is_new or other_classes):
        copied = before.archive.generation if before and before.latest_key else None
        return LatestHold(
            generation=copied,
            held=reasons,
            since=facts.now,
            run_id=facts.run_id,
            classes_at=classes_at,
        )
    if is_new:
        return None
    if former is not None and former.held:
        return LatestHold(
            generation=former.generation, held=(), since=facts.now, run_id=facts.run_id
        )
    return former


def _is_held_for_classes(
    hold: HoldRules | None, classes_at: datetime | None, now: datetime
) -> bool:
    if hold is None or hold.classes_change is None or classes_at is None:
        return False
    if hold.classes_change is True:
        return True
    return now < classes_at + timedelta(hours=hold.classes_change.for_hours)


def _is_reviewed_below(hold: HoldRules | None, review: ReviewCount | None) -> bool:
    if hold is None or hold.reviewed_below is None or review is None:
        return False
    # As it was declared: the nearest binary number may be above it.
    return review.reviewed < Fraction(str(hold.reviewed_below)) * review.assets


def _snapshots(
    when: SnapshotRules | None, before: Manifest | None, made: Manifest, facts: GateFacts
) -> NamedSnapshots | None:
    if when is None:
        return None
    former = before.snapshots if before else None
    counted = (former or NamedSnapshots(at=facts.now)).counting(
        facts.changed_assets if _is_new(before, made) else 0
    )
    if counted.generation >= made.generation:
        return counted
    was_reviewed = (
        former is not None and before is not None and _all_reviewed(before.review, before)
    )
    is_due = (
        (when.changed is not None and counted.changed >= when.changed)
        or _period_began(when.hours, counted.at, facts.now)
        or (when.reviewed is not None and _all_reviewed(facts.review, made) and not was_reviewed)
    )
    if not is_due:
        return counted
    return NamedSnapshots(
        name=automatic_name(made.published_at, made.generation),
        generation=made.generation,
        at=facts.now,
    )


def _period_began(hours: int | None, since: datetime, now: datetime) -> bool:
    if hours is None:
        return False
    period = timedelta(hours=hours)
    # An earlier one too: the clock may have been ahead for a while.
    return (now - _FIRST_MONDAY) // period != (since - _FIRST_MONDAY) // period


def _all_reviewed(review: ReviewCount | None, manifest: Manifest) -> bool:
    """An asset in quarantine counts as not reviewed, because its state is not known."""
    if review is None or manifest.quarantined:
        return False
    return 0 < review.assets == review.reviewed


def _is_new(before: Manifest | None, made: Manifest) -> bool:
    return before is None or made.generation != before.generation
