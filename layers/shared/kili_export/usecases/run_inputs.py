"""Reads the frozen inputs of a run."""

from pydantic import ValidationError

from kili_export.contracts.run_plan import RunPlan
from kili_export.domain.errors import IntegrityError
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
