"""Reads what the workflow's map wrote about its children.

The layout is that of Step Functions' result writer: a manifest names files of succeeded, failed
and pending children. With JSON lines and compact output each line of a file of succeeded
children is one child's output.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import ValidationError

from kili_export.contracts.workflow import BatchResult, ResultsLocation
from kili_export.domain.errors import IntegrityError
from kili_export.ports import ObjectStore
from kili_export.usecases.stored_lines import iter_lines


def iter_batch_results(
    objects: ObjectStore, results: ResultsLocation | None
) -> Iterator[BatchResult]:
    """What every batch answered that came to an end; batches that failed are not among them.

    Raises IntegrityError when the results cannot be read.
    """
    if results is None:
        return
    manifest = _json(_read(objects, results.key))
    for file in manifest.get("ResultFiles", {}).get("SUCCEEDED", []):
        lines = iter_lines(objects, file["Key"], size=file.get("Size", 0))
        if lines is None:
            raise IntegrityError(f"the map's results {file['Key']} do not exist")
        for line in lines:
            yield from _batches(_json(line))


def _batches(output: dict[str, Any]) -> Iterator[BatchResult]:
    try:
        for batch in output["batches"]:
            yield BatchResult.model_validate(batch)
    except (KeyError, TypeError, ValidationError) as error:
        raise IntegrityError("a child of the map answered something unknown") from error


def _read(objects: ObjectStore, key: str) -> bytes:
    found = objects.get(key)
    if found is None:
        raise IntegrityError(f"the map's results {key} do not exist")
    return found[0]


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except ValueError as error:
        raise IntegrityError("the map's results are not JSON") from error
    if not isinstance(value, dict):
        raise IntegrityError("the map's results are not what they should be")
    return value
