"""Reads the frozen inputs of a run, and refuses those of another version."""

from pydantic import ValidationError

from kili_export.contracts.run_plan import ExportPlan, RunPlan
from kili_export.domain.errors import ConflictError, IntegrityError
from kili_export.domain.formats.base import ExportFormat
from kili_export.domain.formats.registry import format_of
from kili_export.ports import ObjectStore


def load_plan(objects: ObjectStore, plan_key: str) -> RunPlan:
    """The plan of a run. Raises IntegrityError when it is not there or cannot be read."""
    found = objects.get(plan_key)
    if found is None:
        raise IntegrityError(f"the run's plan {plan_key} does not exist")
    try:
        return RunPlan.from_bytes(found[0])
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"the run's plan {plan_key} cannot be read") from error


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
