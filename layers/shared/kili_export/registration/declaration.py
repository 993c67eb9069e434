"""What a project's exports are declared with, and how the declaration is stored.

Options bear the names of `kili.export_labels` and its defaults, except that media stay out of
the archive unless asked for.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictStr,
    field_validator,
    model_validator,
)

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
from kili_export.core.project import ENTITY_ID, PROJECT_ID, SECRET_NAME
from kili_export.core.publish_rules import PublishRules
from kili_export.registration.notify_endpoint import MOST_ENDPOINTS, NotifyEndpoint

DEFAULT_LABEL_TYPES = ("DEFAULT", "REVIEW")
EXPORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MOST_EXPORTS = 50
_NO_OPTIONS = ("name", "publish", "deliver")
"""What an export is made in the same way without."""
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
    publish: PublishRules | None = Field(default=None, exclude_if=is_none)
    deliver: DeliveryDocument | None = Field(default=None, exclude_if=is_none)

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
        values = {
            name: getattr(self, name) for name in type(self).model_fields if name not in _NO_OPTIONS
        }
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
    it. Those that version 0.1 stored have none. `notify` are endpoints that events are delivered
    to; without any it is not stored, so that a former version can read the registration.
    """

    schema_version: Literal[1] = 1
    project_id: StrictStr
    exports: tuple[ExportDeclaration, ...]
    key_secret: StrictStr | None = None
    incarnation: StrictStr | None = None
    notify: tuple[NotifyEndpoint, ...] = Field(default=(), exclude_if=lambda given: not given)

    @field_validator("project_id")
    @classmethod
    def _project_id(cls, project_id: str) -> str:
        if not PROJECT_ID.fullmatch(project_id):
            raise ValueError(f"does not have the form of a project id, {PROJECT_ID.pattern}")
        return project_id

    @field_validator("key_secret")
    @classmethod
    def _key_secret(cls, name: str | None) -> str | None:
        if name is not None and not SECRET_NAME.fullmatch(name):
            raise ValueError("must be letters, digits and any of _+=.@-, at most 64")
        return name

    @field_validator("exports")
    @classmethod
    def _some(cls, exports: tuple[ExportDeclaration, ...]) -> tuple[ExportDeclaration, ...]:
        if not 1 <= len(exports) <= _MOST_EXPORTS:
            raise ValueError(f"declare between 1 and {_MOST_EXPORTS} exports")
        return exports

    @field_validator("notify")
    @classmethod
    def _few_endpoints(cls, endpoints: tuple[NotifyEndpoint, ...]) -> tuple[NotifyEndpoint, ...]:
        if len(endpoints) > MOST_ENDPOINTS:
            raise ValueError(f"declare at most {MOST_ENDPOINTS} endpoints")
        names = [endpoint.name.casefold() for endpoint in endpoints]
        if len(set(names)) < len(names):
            raise ValueError("two endpoints have the same name, but for case; rename one of them")
        return endpoints

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
