"""Reads what the workflow's map wrote about its children.

The layout is that of Step Functions' result writer: a manifest names files of succeeded, failed
and pending children. With JSON lines and compact output each line of a file of succeeded
children is one child's output.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import ValidationError

from kili_export.core.errors import (
    AccessDenied,
    ConflictError,
    IncompatibleProject,
    IntegrityError,
    InvalidConfiguration,
    RequestRefused,
    Throttled,
    TransientError,
    Unavailable,
)
from kili_export.runs.messages import BatchResult, ResultsLocation
from kili_export.storage.json_lines import LinePieces, iter_lines
from kili_export.storage.object_store import ObjectStore

_LONGEST_CAUSE: Final = 500
_PIECE: Final = 8 << 20
"""Bytes held at once; what is copied into a list must have 5 MiB at least."""
_OWN_ERRORS: Final = frozenset(
    one.__name__
    for one in (
        AccessDenied,
        ConflictError,
        IncompatibleProject,
        IntegrityError,
        InvalidConfiguration,
        RequestRefused,
        Throttled,
        TransientError,
        Unavailable,
    )
)


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


def write_batch_results(
    objects: ObjectStore, prefix: str, results: Iterable[BatchResult], bucket: str = ""
) -> ResultsLocation:
    """Writes what batches answered that no map ran, as the workflow's map writes it."""
    lines = LinePieces(objects, f"{prefix}/SUCCEEDED_0.jsonl", _PIECE)
    for result in results:
        lines.add(orjson.dumps({"batches": [result.model_dump(mode="json")]}) + b"\n")
    written = lines.finish()
    manifest = {"ResultFiles": {"SUCCEEDED": [{"Key": written.key, "Size": written.size}]}}
    key = f"{prefix}/manifest.json"
    objects.put(key, orjson.dumps(manifest), content_type="application/json")
    return ResultsLocation(bucket=bucket, key=key)


def first_batch_failure(objects: ObjectStore, results: ResultsLocation | None) -> str | None:
    """Error and cause of the first batch that is listed as failed, None when none is.

    It is for people: a list that is not there or cannot be read is none.
    """
    if results is None:
        return None
    files = _json(_read(objects, results.key)).get("ResultFiles", {}).get("FAILED", [])
    for file in files:
        try:
            # A list of one file may be long, and its children repeat each other.
            for line in iter_lines(objects, file["Key"], size=file.get("Size", 0)) or ():
                child = orjson.loads(line)
                first = child[0] if isinstance(child, list) else child
                return _failure(str(first["Error"]), str(first["Cause"]))
        except (KeyError, IndexError, TypeError, ValueError):
            continue
    return None


def _failure(error: str, cause: str) -> str:
    """The cause too where the error is one of ours: that of others may quote a label."""
    if error not in _OWN_ERRORS:
        return error
    with suppress(ValueError, TypeError, KeyError):
        # Of a function's error Step Functions tells the JSON that Lambda answered.
        cause = str(orjson.loads(cause)["errorMessage"])
    return f"{error}: {cause}"[:_LONGEST_CAUSE]


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


@dataclass(frozen=True, slots=True)
class AssetResults:
    """Assets by what the batches say. `pending`: a label that was announced is not readable."""

    converted: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    """Of the converted, those that some export holds nothing of."""
    recent: frozenset[str] = frozenset()
    """Of the converted, those with a label whose content Kili may not have shown yet."""

    @classmethod
    def of(cls, batches: Iterable[BatchResult]) -> "AssetResults":
        """Gathers the results. An asset that no batch answered for is in none of the sets."""
        converted: set[str] = set()
        failed: set[str] = set()
        missing: set[str] = set()
        pending: set[str] = set()
        left_out: set[str] = set()
        recent: set[str] = set()
        for batch in batches:
            converted.update(batch.asset_ids)
            failed.update(asset.asset_id for asset in batch.failed)
            missing.update(batch.missing)
            pending.update(batch.pending)
            left_out.update(batch.left_out)
            recent.update(batch.recent)
        return cls(*map(frozenset, (converted, failed, missing, pending, left_out, recent)))

    def over(self, earlier: "AssetResults") -> "AssetResults":
        """These results and earlier ones: of each asset the latest alone counts."""
        own = self.converted | self.failed | self.missing
        return AssetResults(
            self.converted | (earlier.converted - own),
            self.failed | (earlier.failed - own),
            self.missing | (earlier.missing - own),
            self.pending | (earlier.pending - own),
            self.left_out | (earlier.left_out - own),
            self.recent | (earlier.recent - own),
        )

    def is_answered(self, asset_id: str) -> bool:
        """Whether the run came to a result for the asset."""
        return asset_id in self.converted or asset_id in self.failed or asset_id in self.missing

    def is_settled(self, asset_id: str) -> bool:
        """Whether the run came to a result for the asset, with all labels that were announced."""
        return self.is_answered(asset_id) and asset_id not in self.pending


def settled_by_results(objects: ObjectStore, results: Iterable[ResultsLocation]) -> AssetResults:
    """What the batches of several runs settled, oldest first. Raises IntegrityError."""
    settled = AssetResults()
    for location in results:
        settled = AssetResults.of(iter_batch_results(objects, location)).over(settled)
    return settled
