"""The fields of Kili's assets and labels, and selections of them by paths such as `author.email`.

A selection is checked before anything is asked of Kili, so that a slip of the pen is named together
with the field that was probably meant. The fields are those that Kili documents.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Self

from kili_export.core.errors import InvalidConfiguration

ASSET = "asset"
LABEL = "label"
CONTENT = "jsonResponse"
CONTENT_URL = "jsonResponseUrl"
DOCUMENT = "jsonContent"
METADATA = "jsonMetadata"


def _values(names: str) -> dict[str, str | None]:
    return dict.fromkeys(names.split())


_TYPES: Mapping[str, Mapping[str, str | None]] = MappingProxyType(
    {
        ASSET: {
            **_values(
                "id externalId content jsonContent jsonMetadata status createdAt updatedAt skipped "
                "isHoneypot isUsedForConsensus consensusMark honeypotMark inferenceMark priority "
                "geospatialExportMetadata"
            ),
            "assignees": "user",
            "currentStep": "step",
            "issues": "issue",
            "labels": LABEL,
            "latestLabel": LABEL,
            "latestLabels": LABEL,
            "pageResolutions": "page resolution",
            "resolution": "resolution",
        },
        LABEL: {
            **_values(
                "id assetId authorId labelType jsonResponse jsonResponseUrl createdAt updatedAt "
                "isLatestLabelForUser isLatestDefaultLabelForUser isLatestReviewLabelForUser "
                "isLastForStep isSentBackToQueue modelName secondsToLabel version "
                "numberOfAnnotations honeypotMark consensusMark inferenceMark skipped"
            ),
            "assetStep": "step",
            "author": "user",
            "labelOf": ASSET,
        },
        "user": _values("id email firstname lastname name"),
        "step": _values("id name status"),
        "issue": _values("id type status"),
        "resolution": _values("width height"),
        "page resolution": _values("pageNumber width height rotation"),
    }
)
"""The fields of each type; those with a type of their own need fields of it named in turn."""


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """Fields of one type: its values, and selections of the objects that it refers to.

    `order` names both as they were asked for.
    """

    type_name: str
    order: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    objects: Mapping[str, Self] = field(default_factory=dict)

    def reads(self, value: str, of: str) -> bool:
        """Whether `value` of some object of the type `of` is among the fields."""
        mine = self.type_name == of and value in self.values
        return mine or any(one.reads(value, of) for one in self.objects.values())

    def nodes(self, row: Mapping[str, Any]) -> Iterator[tuple[Self, Mapping[str, Any]]]:
        """The object and all that it refers to, each with the selection of its fields."""
        yield self, row
        for name, selection in self.objects.items():
            for one in _listed(row.get(name)):
                yield from selection.nodes(one)


def select_fields(type_name: str, paths: Sequence[str]) -> FieldSelection:
    """The selection that dotted paths name, of assets or of labels.

    Raises InvalidConfiguration for a field that is not known, and for one that needs another name
    behind it or cannot have any.
    """
    if not paths:
        raise InvalidConfiguration(f"Name at least one field of {type_name}s.")
    return _select(type_name, paths, "")


def _select(type_name: str, paths: Sequence[str], above: str) -> FieldSelection:
    """The selection below `above`, which is the beginning of every path, with its dot."""
    values: list[str] = []
    below: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        kind = _kind(type_name, name, f"{above}{path}")
        if kind is None and rest:
            raise InvalidConfiguration(f"Field '{above}{path}': {name} has no fields.")
        if kind is None:
            values.append(name)
        elif rest:
            below.setdefault(name, []).append(rest)
        else:
            known = ", ".join(f"{above}{name}.{one}" for one in _TYPES[kind])
            raise InvalidConfiguration(f"Field '{above}{path}': name what is wanted of it: {known}")
    objects = {
        name: _select(_TYPES[type_name][name] or "", rest, f"{above}{name}.")
        for name, rest in below.items()
    }
    order = tuple(dict.fromkeys(path.partition(".")[0] for path in paths))
    return FieldSelection(type_name, order, tuple(dict.fromkeys(values)), objects)


def _kind(type_name: str, name: str, path: str) -> str | None:
    known = _TYPES[type_name]
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    raise InvalidConfiguration(f"Field {path!r}: {type_name}s have no {name!r}; {hint}")


def _listed(value: Any) -> list[Mapping[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, Mapping)]
