"""The frozen inputs of a run: what every worker of it goes by."""

from datetime import datetime
from typing import Final, Literal

import orjson
from pydantic import Field, ValidationError

from kili_export.core.document import Document, is_none, is_zero
from kili_export.core.errors import ConflictError, IntegrityError
from kili_export.core.export_options import (
    OptionsDocument,
)
from kili_export.core.project import ProjectDocument
from kili_export.core.publish_rules import PublishRules
from kili_export.costs.usage import Usage
from kili_export.formats.common.format import ExportFormat
from kili_export.formats.registry import format_of
from kili_export.runs.full_export_session import SessionStep
from kili_export.runs.messages import ResultsLocation
from kili_export.storage.object_store import ObjectStore

PLAN_VERSION: Final = 2
"""To be raised with any change of what a run's workers are handed: plan, items, results.

Workers of another version refuse the plan then, and a later run does the work.
"""


class ExportPlan(Document):
    """What a run does with one export.

    `manifest_etag` and `generation` are those of the manifest that the plan was made from, or of
    the tombstone in its place, None and 0 when there was neither. `definition` is the hash of
    options, interface and converter, `converter` the version of the format that planned the run.
    `pseudonym_key` is what authors' pseudonyms are made with, None where none are.
    A `slice` is converted and not published: a later run makes a `rebuild` of all of them, from
    `earlier_results`, oldest first, and its own. `rewrite`: an archive that deltas follow is
    written again, though nothing else may have changed. `publish` are its gates. `tree`: its files
    are objects too.
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
    publish: PublishRules | None = Field(default=None, exclude_if=is_none)
    tree: bool = Field(default=False, exclude_if=is_zero)


class RunPlan(Document):
    """Everything that the workers of a run go by.

    `listed_assets` is how many assets Kili had when they were listed (rebuild), else None.
    `confirmed_removals` lets that many assets vanish where a person said so. `session` is there
    when exports are made again in slices. `resumed_results` are those of runs that failed, for
    assets that this run need not convert again. `registration` is the incarnation of the
    registration that the run works for.
    """

    schema_version: Literal[2] = PLAN_VERSION
    project_id: str
    registration: str | None = None
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
    spent: Usage = Usage()

    def export(self, name: str) -> ExportPlan:
        """The plan of one export. Raises KeyError when the run does not have it."""
        for export in self.exports:
            if export.name == name:
                return export
        raise KeyError(name)


def load_plan(objects: ObjectStore, plan_key: str) -> RunPlan:
    """The plan of a run. Raises IntegrityError when it is not there or cannot be read.

    Raises ConflictError when another version wrote it: while one is deployed, functions of both
    are at work, and this release does not know what a plan of the other asks for.
    """
    found = objects.get(plan_key)
    if found is None:
        raise IntegrityError(f"the run's plan {plan_key} does not exist")
    try:
        content = orjson.loads(found[0])
        _check_version(content)
        return RunPlan.model_validate(content)
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"the run's plan {plan_key} cannot be read") from error


def _check_version(content: object) -> None:
    written = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(written, int) and written != PLAN_VERSION:
        raise ConflictError(
            f"the run was planned in version {written} of plans, and this is {PLAN_VERSION}; a "
            "later run does it"
        )


def planned_format(export: ExportPlan) -> ExportFormat:
    """The format that an export was planned with. Raises ConflictError for another version.

    While a new version is deployed, functions of both are at work. What one planned the other
    must not convert: the definition would vouch for files that it does not describe.
    """
    found = format_of(export.options.to_options())
    # Plans of versions that wrote none are taken as they are.
    if export.converter not in {"", found.version}:
        raise ConflictError(
            f"export {export.name} was planned for version {export.converter!r} of its converter, "
            f"and this is {found.version!r}; a later run makes it"
        )
    return found
