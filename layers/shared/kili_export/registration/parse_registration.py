"""Reads what a person declared, and says what is wrong with it in one line."""

import difflib
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from kili_export.core.document import Document
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.export_options import SplitDocument
from kili_export.core.publish_rules import HoldRules, PublishRules, SnapshotRules
from kili_export.registration.declaration import (
    DeliveryDocument,
    ExportDeclaration,
    ProjectRegistration,
)
from kili_export.registration.notify_endpoint import NotifyEndpoint

_MOST_PROBLEMS: Final = 5
_OWN_FIELDS: Final = ("schema_version", "incarnation")


def parse_registration(
    data: object, known_formats: Collection[str] | None = None
) -> ProjectRegistration:
    """Reads what a person declared. Formats are looked up among `known_formats`, if given.

    Raises InvalidConfiguration, which names the export, the field and the way out.
    """
    if isinstance(data, Mapping) and "incarnation" in data:
        known = _known("incarnation", _options(ProjectRegistration, *_OWN_FIELDS))
        raise InvalidConfiguration(f"'incarnation' is not an option; {known}")
    try:
        registration = ProjectRegistration.model_validate(data)
        registration.to_bytes()
    except ValidationError as error:
        raise InvalidConfiguration(_explained(error, data)) from None
    except TypeError as error:
        raise InvalidConfiguration(f"the registration cannot be stored: {error}") from None
    for export in registration.exports:
        if known_formats is not None and export.format not in known_formats:
            raise InvalidConfiguration(
                f"export {export.name!r}: format: {export.format[:64]!r} is not known; "
                f"{_known(export.format, list(known_formats))}"
            )
    return registration


def _explained(error: ValidationError, data: object) -> str:
    problems = error.errors(include_url=False, include_context=True)
    lines = [_problem(problem, data) for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return "; ".join(lines)


def _problem(problem: ErrorDetails, data: object) -> str:
    where = list(problem["loc"])
    place = ""
    options = _options(ProjectRegistration, *_OWN_FIELDS)
    part = str(where[0]) if where else ""
    if part in _PARTS and len(where) > 1 and isinstance(where[1], int):
        title, model = _PARTS[part]
        place = f"{_title(data, part, where[1], title)}: "
        where = where[2:]
        options = _options(_NESTED.get((part, *where[:-1]), model))
    if problem["type"] == "extra_forbidden":
        name = str(where[-1])
        return f"{place}{name[:64]!r} is not an option; {_known(name, options)}"
    field = ".".join(str(step) for step in where)
    if not place and not field:
        place = "the registration: "
    return f"{place}{f'{field}: ' if field else ''}{_message(problem)}"


_NESTED: dict[tuple[int | str, ...], type[Document]] = {
    ("exports", "split"): SplitDocument,
    ("exports", "deliver"): DeliveryDocument,
    ("exports", "publish"): PublishRules,
    ("exports", "publish", "snapshot_when"): SnapshotRules,
    ("exports", "publish", "hold_latest_while"): HoldRules,
}
"""The objects that the options of an export hold, by where they stand."""
_TYPE_MESSAGES = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "finite_number": "must be a number",
    "string_too_short": "must not be empty",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


def _message(problem: ErrorDetails) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "enum" | "literal_error":
            return f"must be one of {context['expected']}"
        case "value_error":
            return str(context["error"])
        case "greater_than_equal":
            return f"must not be less than {context['ge']:g}"
        case "greater_than":
            return f"must be more than {context['gt']:g}"
        case "less_than_equal":
            return f"must not be more than {context['le']:g}"
        case kind:
            return _TYPE_MESSAGES.get(kind, problem["msg"])


_PARTS: Mapping[str, tuple[str, type[Document]]] = {
    "exports": ("export", ExportDeclaration),
    "notify": ("endpoint", NotifyEndpoint),
}


def _title(data: object, part: str, index: int, kind: str) -> str:
    try:
        declared = data[part][index]  # type: ignore[index]
        title = declared.get("name") or declared["format"]
    except (TypeError, KeyError, AttributeError, IndexError):
        return f"{kind} number {index + 1}"
    return f"{kind} {str(title)[:64]!r}"


def _options(model: type[Document], *hidden: str) -> list[str]:
    return [name for name in model.model_fields if name not in hidden]


def _known(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known are {', '.join(known)}"
