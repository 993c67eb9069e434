"""A change of what workers receive raises the version that separates workers."""

import hashlib
import json
from typing import Any

from kili_export.runs.messages import BatchResult, ConvertRequest
from kili_export.runs.plan import PLAN_VERSION, RunPlan
from kili_export.runs.planned_changes import PlannedChange

SHAPE = {1: "93ae0825b8834cfb", 2: "4958f2ff487ab69b"}
"""By version, a digest of the fields of all that the workers of a run hand to each other."""


def without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: without_descriptions(value)
            for name, value in schema.items()
            if not (name in {"description", "title"} and isinstance(value, str))
        }
    return [*map(without_descriptions, schema)] if isinstance(schema, list) else schema


def test_a_version_has_one_shape() -> None:
    documents = (RunPlan, PlannedChange, ConvertRequest, BatchResult)
    schemas = [without_descriptions(one.model_json_schema()) for one in documents]
    found = hashlib.sha256(json.dumps(schemas, sort_keys=True).encode()).hexdigest()[:16]
    assert SHAPE.get(PLAN_VERSION) == found, (
        "raise PLAN_VERSION, unless this version was never deployed, and record the shape"
    )
