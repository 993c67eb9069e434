"""Gates of an export: what names snapshots by itself, and what holds `latest.zip` back."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, model_validator

from kili_export.core.document import Document

_MOST_HOURS: Final = 8760
_HOURS_A_DAY: Final = 24
_DAYS_A_WEEK: Final = 7
_EVERY: Final = f"must be day, week or a whole number of hours, at most {_MOST_HOURS}"
_CLASSES: Final = f"must be true or {{for_hours: HOURS}}, HOURS a whole number up to {_MOST_HOURS}"


def _is_hours(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_HOURS


def _checked_every(value: object) -> object:
    if value is None or value in ("day", "week") or _is_hours(value):
        return value
    raise ValueError(_EVERY)


def _checked_classes(value: object) -> object:
    if isinstance(value, ForHours):
        return value
    if value is None or value is True:
        return value
    if isinstance(value, dict) and value.keys() == {"for_hours"} and _is_hours(value["for_hours"]):
        return value
    raise ValueError(_CLASSES)


class SnapshotRules(Document):
    """When an export names a snapshot by itself: one of the conditions is enough.

    `changed`: so many assets changed since the last one. `every`: a day, a week (of UTC, from
    Monday) or so many hours began since. `reviewed`: every asset is reviewed, and was not before.
    Of the snapshots that were named so, the last `keep` stay.
    """

    changed: Annotated[StrictInt, Field(ge=1)] | None = None
    every: Annotated[Literal["day", "week"] | StrictInt | None, BeforeValidator(_checked_every)] = (
        None
    )
    reviewed: Literal["all"] | None = None
    keep: Annotated[StrictInt, Field(ge=1, le=1000)] = 10

    @model_validator(mode="after")
    def _some(self) -> "SnapshotRules":
        if self.changed is None and self.every is None and self.reviewed is None:
            raise ValueError("give one of changed, every and reviewed")
        return self

    @property
    def hours(self) -> int | None:
        """The length of a period in hours; None without `every`."""
        if self.every == "day":
            return _HOURS_A_DAY
        return _HOURS_A_DAY * _DAYS_A_WEEK if self.every == "week" else self.every


class ForHours(Document):
    """For how many hours something lasts."""

    for_hours: StrictInt


class HoldRules(Document):
    """While what `latest.zip` stays at a former generation: one of the conditions is enough.

    `classes_change`: the project's classes changed, and that was less than so many hours ago, or
    nobody released it since. `reviewed_below`: a smaller share of the assets is reviewed.
    """

    classes_change: Annotated[
        Literal[True] | ForHours | None, BeforeValidator(_checked_classes)
    ] = None
    reviewed_below: Annotated[StrictFloat, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _some(self) -> "HoldRules":
        if self.classes_change is None and self.reviewed_below is None:
            raise ValueError("give one of classes_change and reviewed_below")
        return self


class PublishRules(Document):
    """The gates of an export."""

    snapshot_when: SnapshotRules | None = None
    hold_latest_while: HoldRules | None = None

    @model_validator(mode="before")
    @classmethod
    def _some(cls, declared: Any) -> Any:
        if declared == {}:
            raise ValueError("give one of snapshot_when and hold_latest_while")
        return declared

    @property
    def counts_reviewed(self) -> bool:
        """Whether a condition asks how many assets are reviewed."""
        when, hold = self.snapshot_when, self.hold_latest_while
        return (when is not None and when.reviewed is not None) or (
            hold is not None and hold.reviewed_below is not None
        )
