"""Reads the frozen inputs of a run, and refuses those of another version."""

import orjson
from pydantic import ValidationError

from kili_export.contracts.run_plan import PLAN_VERSION, ExportPlan, RunPlan
from kili_export.domain.errors import ConflictError, IntegrityError
from kili_export.domain.formats.base import ExportFormat
from kili_export.domain.formats.registry import format_of
from kili_export.ports import ObjectStore


def load_plan(objects: ObjectStore, plan_key: str) -> RunPlan:
    """The plan of a run. Raises IntegrityError when it is not there or cannot be read.

    Raises ConflictError when another version wrote it: while one is deployed, functions of both
    are at work, and what a plan of the other asks for cannot be told from here.
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
