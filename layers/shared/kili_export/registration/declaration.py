"""What a project's exports are declared with, and how the declaration is stored.

Options bear the names of `kili.export_labels` and its defaults, except that media stay out of
the archive unless asked for.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from kili_export.core.asset_filters import checked_filters
from kili_export.core.document import Document, is_none
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.export_options import (
    Authors,
    Compatibility,
    ExportOptions,
    ExportType,
    Layout,
    SplitDocument,
)
from kili_export.core.project import ENTITY_ID, PROJECT_ID
from kili_export.core.publish_rules import HoldRules, PublishRules, SnapshotRules

DEFAULT_LABEL_TYPES = ("DEFAULT", "REVIEW")
EXPORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SECRET_NAME = re.compile(r"[A-Za-z0-9_+=.@-]{1,64}")
_MOST_EXPORTS = 50
_MOST_PROBLEMS = 5
_NO_OPTIONS = {"name", "deliver", "publish"}
"""What an export is made in the same way without."""
_OWN_FIELDS = ("schema_version", "incarnation")
LabelType = Literal["AUTOSAVE", "DEFAULT", "INFERENCE", "PREDICTION", "REVIEW"]


def _or_default(value: object) -> object:
    # The SDK reads an empty selection of label types as its default too.
    return DEFAULT_LABEL_TYPES if value is None or value in ([], ()) else value


class DeliveryDocument(Document):
    """Where an export goes besides its archive. `tree`: each file as an object of its own."""

    tree: StrictBool = False


class ExportDeclaration(Document):
    """One export of a project. Without a `name` it is called after its format."""

    name: StrictStr
    format: StrictStr
    layout: Layout = Layout.SPLIT
    single_file: StrictBool = False
    with_assets: StrictBool = False
    export_type: ExportType = ExportType.LATEST
    label_type_in: Annotated[tuple[LabelType, ...], BeforeValidator(_or_default)] = (
        "DEFAULT",
        "REVIEW",
    )
    include_sent_back_labels: StrictBool = True
    normalized_coordinates: StrictBool | None = None
    asset_ids: tuple[StrictStr, ...] | None = None
    external_ids: tuple[StrictStr, ...] | None = None
    filters: dict[str, Any] = Field(default_factory=dict)
    compatibility: Compatibility = Compatibility.SDK
    split: SplitDocument | None = None
    authors: Authors = Authors.KEEP
    deliver: DeliveryDocument | None = Field(default=None, exclude_if=is_none)
    publish: PublishRules | None = Field(default=None, exclude_if=is_none)

    @model_validator(mode="before")
    @classmethod
    def _named_after_format(cls, declared: Any) -> Any:
        if not isinstance(declared, Mapping) or declared.get("name") is not None:
            return declared
        called = declared.get("format")
        return {**declared, "name": called if isinstance(called, str) else "unnamed"}

    @field_validator("name")
    @classmethod
    def _usable_in_keys(cls, name: str) -> str:
        if not EXPORT_NAME.fullmatch(name):
            raise ValueError(
                "must be letters, digits, _ and -, at most 64, beginning with a letter or digit"
            )
        return name

    @field_validator("label_type_in")
    @classmethod
    def _once_each(cls, types: tuple[LabelType, ...]) -> tuple[LabelType, ...]:
        return tuple(dict.fromkeys(types))

    @field_validator("asset_ids")
    @classmethod
    def _ids(cls, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for asset_id in ids or ():
            if not ENTITY_ID.fullmatch(asset_id):
                raise ValueError(f"has {asset_id[:64]!r}, which is no asset id")
        return ids

    @field_validator("filters", mode="before")
    @classmethod
    def _filters(cls, filters: Any) -> Any:
        if filters is None:
            return {}
        return checked_filters(filters) if isinstance(filters, Mapping) else filters

    @model_validator(mode="after")
    def _one_selection(self) -> "ExportDeclaration":
        if self.asset_ids is not None and self.external_ids is not None:
            raise ValueError("asset_ids and external_ids select the same thing; give one of them")
        return self

    @model_validator(mode="after")
    def _usable_split(self) -> "ExportDeclaration":
        if self.split is not None:
            checked_split(self.split, self.format, self.compatibility)
        return self

    def to_options(self) -> ExportOptions:
        """The options of this export."""
        names = type(self).model_fields.keys() - _NO_OPTIONS
        values = {name: getattr(self, name) for name in names}
        split = None if self.split is None else self.split.to_split()
        return ExportOptions(**{**values, "split": split})

    @property
    def has_tree(self) -> bool:
        """Whether its files are delivered as objects."""
        return self.deliver is not None and self.deliver.tree


class ProjectRegistration(Document):
    """A project and its exports, as stored in the bucket.

    `key_secret` names the secret with the project's own API key, without the prefix that all
    such secrets have; without it the common key is used. `incarnation` is random text that each
    registration of a project begins with, until it is unregistered: what runs remember belongs to
    it. Those that version 0.1 stored have none.
    """

    schema_version: Literal[1] = 1
    project_id: StrictStr
    exports: tuple[ExportDeclaration, ...]
    key_secret: StrictStr | None = None
    incarnation: StrictStr | None = None

    @field_validator("project_id")
    @classmethod
    def _project_id(cls, project_id: str) -> str:
        if not PROJECT_ID.fullmatch(project_id):
            raise ValueError(f"does not have the form of a project id, {PROJECT_ID.pattern}")
        return project_id

    @field_validator("key_secret")
    @classmethod
    def _key_secret(cls, name: str | None) -> str | None:
        if name is not None and not _SECRET_NAME.fullmatch(name):
            raise ValueError("must be letters, digits and any of _+=.@-, at most 64")
        return name

    @field_validator("exports")
    @classmethod
    def _some(cls, exports: tuple[ExportDeclaration, ...]) -> tuple[ExportDeclaration, ...]:
        if not 1 <= len(exports) <= _MOST_EXPORTS:
            raise ValueError(f"declare between 1 and {_MOST_EXPORTS} exports")
        return exports

    @model_validator(mode="after")
    def _names_differ(self) -> "ProjectRegistration":
        seen: dict[str, str] = {}
        for export in self.exports:
            key = export.name.casefold()
            if key in seen:
                raise ValueError(
                    f"two exports are called {seen[key]!r} and {export.name!r}; "
                    "names must differ in more than case: give one of them another name"
                )
            seen[key] = export.name
        return self

    def export(self, name: str) -> ExportDeclaration:
        """The export of that name. Raises InvalidConfiguration naming those that there are."""
        for export in self.exports:
            if export.name == name:
                return export
        names = ", ".join(export.name for export in self.exports)
        raise InvalidConfiguration(
            f"project {self.project_id} has no export {name!r}; it has {names}"
        )


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
    if where[:1] == ["exports"] and len(where) > 1 and isinstance(where[1], int):
        place = f"{_export_title(data, where[1])}: "
        where = where[2:]
        options = _options(_NESTED.get(tuple(where[:-1]), ExportDeclaration))
    if problem["type"] == "extra_forbidden":
        name = str(where[-1])
        return f"{place}{name[:64]!r} is not an option; {_known(name, options)}"
    field = ".".join(str(step) for step in where)
    if not place and not field:
        place = "the registration: "
    return f"{place}{f'{field}: ' if field else ''}{_message(problem)}"


_NESTED: dict[tuple[int | str, ...], type[Document]] = {
    ("split",): SplitDocument,
    ("deliver",): DeliveryDocument,
    ("publish",): PublishRules,
    ("publish", "snapshot_when"): SnapshotRules,
    ("publish", "hold_latest_while"): HoldRules,
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


def _export_title(data: object, index: int) -> str:
    try:
        declared = data["exports"][index]  # type: ignore[index]
        title = declared.get("name") or declared["format"]
    except (TypeError, KeyError, AttributeError, IndexError):
        return f"export number {index + 1}"
    return f"export {str(title)[:64]!r}"


def _options(model: type[Document], *hidden: str) -> list[str]:
    return [name for name in model.model_fields if name not in hidden]


def _known(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known are {', '.join(known)}"


_TOLERANCE = 1e-9
_WITH_SUBSETS = "yolo_"


def checked_split(split: SplitDocument, format_name: str, compatibility: Compatibility) -> None:
    """Raises ValueError with the way out when no dataset can be divided like that."""
    if not format_name.startswith(_WITH_SUBSETS):
        raise ValueError(
            f"split: {format_name[:64]} has no subsets; leave split out, or use yolo_v8 with"
            " compatibility corrected"
        )
    if compatibility is not Compatibility.CORRECTED:
        raise ValueError(
            "split: the SDK's datasets have no subsets; set compatibility to corrected, or leave"
            " split out"
        )
    total = split.train + split.val + split.test
    if abs(total - 1) > _TOLERANCE:
        raise ValueError(
            f"split: train, val and test add up to {total:g}; they must add up to 1, such as"
            " 0.8, 0.1 and 0.1"
        )
    if split.train == 0:
        raise ValueError("split: train must not be 0; a dataset without it trains nothing")
