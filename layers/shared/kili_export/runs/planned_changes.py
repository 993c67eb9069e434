"""The pending changes that a run took on, as its plan froze them."""

from collections.abc import Iterator, Mapping

import orjson
from pydantic import ValidationError

from kili_export.core.bucket_layout import marks_key
from kili_export.core.document import Document
from kili_export.core.errors import IntegrityError
from kili_export.runs.plan import RunPlan
from kili_export.storage.object_store import ObjectStore


class PlannedChange(Document):
    """One change mark that the run answers for: clearing it needs the same version."""

    subject: str
    version: str
    attempts: int = 0


def is_planned(planned: Mapping[str, PlannedChange], subject: str, version: str) -> bool:
    """Whether a pending change is one of the planned, not renewed since."""
    line = planned.get(subject)
    return line is not None and line.version == version


def read_planned_marks(objects: ObjectStore, plan: RunPlan) -> dict[str, PlannedChange]:
    """Each mark that the run read, by subject. Raises IntegrityError."""
    return {line.subject: line for line in _lines(objects, plan)}


def _lines(objects: ObjectStore, plan: RunPlan) -> Iterator[PlannedChange]:
    key = marks_key(plan.project_id, plan.run_id)
    found = objects.get(key)
    if found is None:
        raise IntegrityError(f"the run's marks {key} do not exist")
    try:
        for line in found[0].splitlines():
            yield PlannedChange.model_validate(orjson.loads(line))
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"the run's marks {key} cannot be read") from error
