"""The frozen inputs of a run: what every worker of it goes by."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from kili_export.contracts.base import Document
from kili_export.contracts.export_filters import FILTERS_BY_PEOPLE
from kili_export.contracts.rebuild_session import SessionStep
from kili_export.contracts.spending import Spent
from kili_export.contracts.subsets import SplitDocument
from kili_export.contracts.workflow import ResultsLocation
from kili_export.domain.options import (
    Authors,
    Compatibility,
    ExportOptions,
    ExportType,
    Layout,
)
from kili_export.domain.project import Project

PLAN_VERSION: Final = 1
"""To be raised with any change of what a run's workers are handed: plan, items, results.

Workers of another version refuse the plan then, and a later run does the work.
"""


class ProjectDocument(Document):
    """A project, as stored."""

    project_id: str
    title: str
    description: str | None = None
    input_type: str
    json_interface: dict[str, Any]
    geospatial_settings: dict[str, Any] | None = None
    workflow_version: str | None = None
    has_data_connections: bool = False

    @classmethod
    def of(cls, project: Project) -> "ProjectDocument":
        """The stored form of a project."""
        return cls(
            project_id=project.project_id,
            title=project.title,
            description=project.description,
            input_type=project.input_type,
            json_interface=dict(project.json_interface),
            geospatial_settings=(
                None if project.geospatial_settings is None else dict(project.geospatial_settings)
            ),
            workflow_version=project.workflow_version,
            has_data_connections=project.has_data_connections,
        )

    def to_project(self) -> Project:
        """The project that was stored."""
        return Project(**{name: getattr(self, name) for name in type(self).model_fields})


class OptionsDocument(Document):
    """The options of an export, as stored."""

    format: str
    layout: Layout = Layout.SPLIT
    single_file: bool = False
    with_assets: bool = False
    export_type: ExportType = ExportType.LATEST
    label_type_in: tuple[str, ...] = ("DEFAULT", "REVIEW")
    include_sent_back_labels: bool = True
    normalized_coordinates: bool | None = None
    asset_ids: tuple[str, ...] | None = None
    external_ids: tuple[str, ...] | None = None
    filters: dict[str, Any] = Field(default_factory=dict)
    compatibility: Compatibility = Compatibility.SDK
    split: SplitDocument | None = None
    authors: Authors = Authors.KEEP

    @classmethod
    def of(cls, options: ExportOptions) -> "OptionsDocument":
        """The stored form of options."""
        values = {name: getattr(options, name) for name in cls.model_fields}
        split = None if options.split is None else SplitDocument.of(options.split)
        return cls(**{**values, "filters": dict(options.filters), "split": split})

    def without_people(self) -> "OptionsDocument":
        """The same for whoever reads the exports: filters by people tell how many they name."""
        shown = {
            name: f"{len(value)} not shown" if name in FILTERS_BY_PEOPLE else value
            for name, value in self.filters.items()
        }
        return self.model_copy(update={"filters": shown})

    def to_options(self) -> ExportOptions:
        """The options that were stored."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        split = None if self.split is None else self.split.to_split()
        return ExportOptions(**{**values, "split": split})


class ExportPlan(Document):
    """What a run does with one export.

    `manifest_etag` and `generation` are those of the manifest that the plan was made from, None
    and 0 when there was none. `definition` is the hash of options, interface and converter,
    `converter` the version of the format that planned the run.
    `pseudonym_key` is what authors' pseudonyms are made with, None where none are.
    A `slice` is converted and not published: a later run makes a `rebuild` of all of them, from
    `earlier_results`, oldest first, and its own. `rewrite`: an archive that deltas follow is
    written anew, though nothing else may have changed.
    """

    name: str
    options: OptionsDocument
    mode: Literal["incremental", "rebuild", "slice"]
    reason: str = ""
    manifest_etag: str | None = None
    generation: int = 0
    definition: str
    converter: str = ""
    dated: str
    pseudonym_key: str | None = None
    earlier_results: tuple[ResultsLocation, ...] = ()
    rewrite: bool = False


class RunPlan(Document):
    """Everything that the workers of a run go by.

    `listed_assets` is how many assets Kili had when they were listed (rebuild), else None.
    `confirmed_removals` lets that many assets vanish where a person said so. `session` is there
    when exports are made anew in slices. `resumed_results` are those of runs that failed, for
    assets that this run need not convert again.
    """

    schema_version: Literal[1] = PLAN_VERSION
    project_id: str
    run_id: str
    token: int
    execution_arn: str
    started_at: datetime
    first_event_at: datetime | None = None
    project: ProjectDocument
    exports: tuple[ExportPlan, ...]
    listed_assets: int | None = None
    confirmed_removals: int = 0
    session: SessionStep | None = None
    resumed_results: tuple[ResultsLocation, ...] = ()
    spent: Spent = Spent()

    def export(self, name: str) -> ExportPlan:
        """The plan of one export. Raises KeyError when the run does not have it."""
        for export in self.exports:
            if export.name == name:
                return export
        raise KeyError(name)


class MarkLine(Document):
    """One change mark that the run answers for: clearing it needs the same version."""

    subject: str
    version: str
    attempts: int = 0


class FollowedExports(Document):
    """Which exports change marks are answered for, and why the others are left out.

    An export that is not followed missed changes: it is made anew before it is followed again.
    """

    schema_version: Literal[1] = 1
    names: frozenset[str] = frozenset()
    left_out: dict[str, str] = Field(default_factory=dict)
