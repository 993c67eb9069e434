"""Kili's answers, checked for their shape and given the names of the domain.

Shapes that were not promised raise IntegrityError: they are no reason to remove or publish
anything. Contents of labels are not looked at here.
"""

import json
from collections.abc import Mapping
from typing import Any

from kili_export.changes.comparison.kili_listing import ListedAsset
from kili_export.core.asset import fingerprint, order_key
from kili_export.core.errors import IntegrityError, RequestRefused
from kili_export.core.project import Project
from kili_export.core.storable import is_storable, storable, storable_text
from kili_export.core.urls import is_url

Row = dict[str, Any]


def rows(answer: object, what: str) -> list[Row]:
    """The answer as a list of objects."""
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise IntegrityError(f"Kili answered {what} that are not a list of objects")
    return answer


def asset_rows(answer: object) -> list[Row]:
    """The answer as assets that have an id."""
    found = rows(answer, "assets")
    for row in found:
        text(row, "id", "an asset")
    return found


def text(row: Mapping[str, Any], name: str, what: str) -> str:
    """A field that must be a text that is not empty."""
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise IntegrityError(f"Kili answered {what} without {name}")
    if not is_storable(value):
        raise IntegrityError(f"Kili answered {what} with {name} that is not Unicode")
    return value


def address(answer: object) -> str:
    """The answer as the address of a file. Raises RequestRefused when it is none."""
    if not isinstance(answer, str) or not is_url(answer):
        raise RequestRefused("Kili answered no address of the file")
    return answer


def count(answer: object) -> int:
    """The answer as a number of things."""
    if isinstance(answer, bool) or not isinstance(answer, int) or answer < 0:
        raise IntegrityError("Kili answered a count that is not a number")
    return answer


def listed_asset(row: Row) -> ListedAsset:
    """One row of a listing."""
    name = row.get("externalId")
    # Fetching the asset tells of a name that cannot be stored.
    readable = storable_text(name) if isinstance(name, str) else ""
    return ListedAsset(row["id"], readable, order_key(row), fingerprint(row))


def project_of(row: Row) -> Project:
    """The project."""
    description = row.get("description")
    settings = row.get("geospatialSettings")
    version = row.get("workflowVersion")
    return Project(
        project_id=text(row, "id", "a project"),
        title=storable_text(str(row.get("title") or "")),
        description=None if description is None else storable_text(str(description)),
        input_type=text(row, "inputType", "a project"),
        json_interface=_interface(row.get("jsonInterface")),
        geospatial_settings=storable(settings) if isinstance(settings, dict) else None,
        workflow_version=None if version is None else storable_text(str(version)),
        has_data_connections=bool(row.get("dataConnections")),
    )


def step_ids(row: Row) -> dict[str, list[str]]:
    """The ids of the project's workflow steps by their names, which groups may share."""
    ids: dict[str, list[str]] = {}
    for step in rows(row.get("steps") or [], "steps"):
        ids.setdefault(text(step, "name", "a step"), []).append(text(step, "id", "a step"))
    return ids


def parsed_metadata(value: object) -> Any:
    """An asset's `jsonMetadata`; what cannot be read is empty, as in Kili's own client."""
    if not isinstance(value, str):
        return {} if value is None else value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return {}


def _interface(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return storable(value) if isinstance(value, dict) else {}
