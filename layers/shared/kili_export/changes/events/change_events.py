"""What Kili tells of a change, and what it means for a project's exports."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from kili_export.core.export_options import (
    ExportOptions,
    ExportType,
)
from kili_export.registration.declaration import ProjectRegistration


class Action(StrEnum):
    """What a change asks for.

    RECONCILE: an unknown set of assets changed, so Kili and the exports must be compared. STOP:
    the project is closed; its last archives stay. IGNORE: it shows in no export.
    """

    EXPORT_ASSET = "export_asset"
    REMOVE_ASSET = "remove_asset"
    REBUILD = "rebuild"
    RECONCILE = "reconcile"
    STOP = "stop"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One event, as far as anything is believed of it: its name and ids.

    `name` is Kili's subject (`label.workflow.edited`) or the type of the older call
    (`onSubmit`). `fields` names what was updated, where the event tells.
    """

    name: str
    project_id: str
    asset_id: str | None = None
    label_id: str | None = None
    label_type: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportDependencies:
    """What the exports of one project depend on, taken together.

    `steps` holds when an export takes labels by workflow step or filters on steps; the others
    hold when an export filters on such things.
    """

    label_types: frozenset[str]
    marks: bool = False
    assignees: bool = False
    issues: bool = False
    steps: bool = False

    @classmethod
    def of(cls, exports: Iterable[ExportOptions]) -> Self:
        """The interests of exports with these options."""
        wanted = list(exports)
        filters = {name for options in wanted for name in options.filters}
        by_step = any(
            options.export_type
            in (ExportType.LATEST_FROM_LAST_STEP, ExportType.LATEST_FROM_ALL_STEPS)
            for options in wanted
        )
        return cls(
            label_types=frozenset(kind for options in wanted for kind in options.label_type_in),
            marks=any("_mark_" in name for name in filters),
            assignees=any(name.startswith("assignee_") for name in filters),
            issues=any(name.startswith("issue_") for name in filters),
            steps=by_step or any(name.startswith(("step_", "group_")) for name in filters),
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an event. `reason` says why nothing is done, empty otherwise."""

    action: Action
    reason: str = ""


Condition = Callable[[ChangeEvent, ExportDependencies], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the catalogue: the action, or IGNORE for `reason` when `when` does not hold."""

    action: Action
    when: Condition | None = None
    reason: str = ""

    def decide(self, event: ChangeEvent, interests: ExportDependencies) -> Decision:
        """What this row says of the event."""
        if self.action is Action.IGNORE or (self.when and not self.when(event, interests)):
            return Decision(Action.IGNORE, self.reason)
        if event.asset_id is None and self.names_an_asset:
            # It is known that some asset changed, not which one.
            return Decision(Action.RECONCILE)
        return Decision(self.action)

    @property
    def names_an_asset(self) -> bool:
        """Whether the action needs an asset's id."""
        return self.action in (Action.EXPORT_ASSET, Action.REMOVE_ASSET)


def interests_of(registration: ProjectRegistration) -> ExportDependencies:
    """What the project's exports depend on, for deciding about events."""
    return ExportDependencies.of(export.to_options() for export in registration.exports)
