"""Which exports are compared: formats with their options, those that make sense and those not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import MappingProxyType
from typing import Any

from devtools.corpus.flawed import UNKNOWN_NAME

YOLO = ("yolo_v4", "yolo_v5", "yolo_v7", "yolo_v8")
RAW = ("kili", "raw")
FORMATS = (*RAW, *YOLO, "coco", "pascal_voc", "geojson")
_MERGED_ONLY = frozenset({"pascal_voc", "geojson"})
_LAST_STEP = "latest_from_last_step"
_SHORT = {
    "layout": "",
    "export_type": "",
    "include_sent_back_labels": "sent back",
    "normalized_coordinates": "normalized",
    "label_type_in": "types",
}
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Combination:
    """A format with options. One that is not `legal` has to be refused by both sides.

    With `alone`, our archive has media and the SDK's has none, because names differ there.
    """

    format: str
    options: Options = field(default_factory=dict)
    legal: bool = True
    quick: bool = False
    alone: bool = False

    def declaration(self, name: str) -> dict[str, Any]:
        """The combination as an export of a registration."""
        return {"name": name, "format": self.format, **self.options}

    @property
    def is_corrected(self) -> bool:
        """Whether ours is to be free of the SDK's flaws."""
        return self.options.get("compatibility") == "corrected"

    @property
    def title(self) -> str:
        """The format and the options that it was given, in short."""
        return " ".join([self.format, *(_shown(*option) for option in self.options.items())])


def _shown(name: str, value: Any) -> str:
    if name == "filters":
        return " ".join(f"{key}={_brief(one)}" for key, one in value.items())
    short = _SHORT.get(name, name)
    return f"{short}={_brief(value)}" if short else str(value)


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"[{len(value)}]" if len(value) > 2 else ",".join(map(str, value)) or "[]"
    return str(value)


def layouts(format_name: str) -> tuple[str, ...]:
    """The layouts that a format has."""
    return ("merged",) if format_name in _MERGED_ONLY else ("split", "merged")


def plain(*formats: str, quick: bool = True) -> Iterator[Combination]:
    """Every layout of the formats, with the labels of the last step."""
    for format_name in formats:
        for layout in layouts(format_name):
            options = {"layout": layout, "export_type": _LAST_STEP}
            yield Combination(format_name, options, quick=quick and layout == "merged")


def labels_chosen(*formats: str) -> Iterator[Combination]:
    """Every layout, export type and choice about labels that were sent back."""
    for format_name in formats:
        types = ["latest", _LAST_STEP]
        if format_name in RAW:
            types += ["latest_from_all_steps", "normal"]
        for layout, export_type, sent_back in product(layouts(format_name), types, (True, False)):
            yield Combination(
                format_name,
                {
                    "layout": layout,
                    "export_type": export_type,
                    "include_sent_back_labels": sent_back,
                },
                quick=layout == "merged" and export_type == _LAST_STEP and not sent_back,
            )


def label_types(*formats: str) -> Iterator[Combination]:
    """Choices of label types; an empty one is the default."""
    for format_name in formats:
        for wanted in (["REVIEW"], ["PREDICTION", "DEFAULT"], ["AUTOSAVE"], []):
            for export_type in ("latest", _LAST_STEP):
                yield Combination(
                    format_name,
                    {"layout": "merged", "export_type": export_type, "label_type_in": wanted},
                )


def in_one_file(*formats: str) -> Iterator[Combination]:
    """One file for all assets, where a format has that (COCO ignores it)."""
    for format_name, export_type in product(formats, ("latest", _LAST_STEP)):
        options = {"layout": "merged", "single_file": True, "export_type": export_type}
        quick = format_name == "kili" and export_type == _LAST_STEP
        yield Combination(format_name, options, quick=quick)


def coordinates(*formats: str) -> Iterator[Combination]:
    """The values of `normalized_coordinates` that a format takes."""
    accepted: Mapping[str, Sequence[bool]] = {
        **dict.fromkeys(RAW, (True, False)),
        **dict.fromkeys(YOLO, (True,)),
        **dict.fromkeys(("coco", "pascal_voc"), (False,)),
    }
    for format_name in formats:
        for normalized in accepted[format_name]:
            options = {"layout": "merged", "normalized_coordinates": normalized}
            yield Combination(format_name, options)


def selections(asset_ids: Sequence[str], names: Sequence[str]) -> Iterator[Combination]:
    """Some assets by id and by name; an empty list selects nothing."""
    for format_name in ("kili", "yolo_v8", "coco", "pascal_voc"):
        for chosen in ({"asset_ids": list(asset_ids)}, {"external_ids": list(names)}):
            yield Combination(format_name, {"layout": "merged", **chosen})
        yield Combination(format_name, {"layout": "merged", "asset_ids": []}, quick=True)
        yield Combination(format_name, {"layout": "merged", "external_ids": []})
        unknown = {"external_ids": [*names, UNKNOWN_NAME]}
        yield Combination(format_name, {"layout": "merged", **unknown})


def filtered(filters: Sequence[Options]) -> Iterator[Combination]:
    """Each filter with one format that holds drafts and guesses, and one that does not."""
    for wanted in filters:
        for format_name, export_type in (("kili", _LAST_STEP), ("yolo_v8", "latest")):
            options = {"layout": "merged", "export_type": export_type, "filters": wanted}
            yield Combination(format_name, options)


def with_media(*formats: str, legal: bool = True) -> Iterator[Combination]:
    """The media in the archive; not `legal` where they cannot be downloaded."""
    for format_name in formats:
        for layout in layouts(format_name):
            options = {"layout": layout, "with_assets": True, "export_type": _LAST_STEP}
            yield Combination(format_name, options, legal, quick=layout == "merged")


def corrected(
    *formats: str,
    media: Sequence[bool] = (False, True),
    alone: bool = True,
    more: Options = MappingProxyType({}),
) -> Iterator[Combination]:
    """Archives free of the SDK's flaws, with and without media, and with `more` options."""
    for format_name, with_assets in product(formats, media):
        options: dict[str, Any] = {
            "layout": "merged",
            "compatibility": "corrected",
            "with_assets": with_assets,
            **more,
        }
        if format_name.startswith("yolo"):
            options["split"] = {"train": 0.6, "val": 0.2, "test": 0.2}
        quick = format_name in ("yolo_v8", "coco")
        yield Combination(format_name, options, quick=quick, alone=alone)


def refused_everywhere() -> Iterator[Combination]:
    """Options that the formats do not have, in any project."""
    merged, alone = {"layout": "merged"}, {"layout": "merged", "single_file": True}
    refused: list[tuple[str, Options]] = [
        *((name, alone) for name in (*YOLO, "pascal_voc", "geojson")),
        *((name, {"layout": "split"}) for name in ("pascal_voc", "geojson")),
        *((name, {**merged, "normalized_coordinates": False}) for name in YOLO),
        *(
            (name, {**merged, "normalized_coordinates": True})
            for name in ("coco", "pascal_voc", "geojson")
        ),
        ("geojson", {**merged, "normalized_coordinates": False}),
        ("yolo_v9", merged),
        ("kili", {**merged, "export_type": "newest"}),
        ("kili", {**merged, "layout": "tree"}),
        ("kili", {**merged, "filters": {"updated_at_gte": "2026-01-01"}}),
        ("kili", {**merged, "label_type_in": ["MACHINE"]}),
        ("kili", {**merged, "filters": {"step_name_in": ["Review"], "status_in": ["LABELED"]}}),
    ]
    for format_name, options in refused:
        yield Combination(format_name, options, legal=False, quick=True)


def without_labels() -> Iterator[Combination]:
    """Export types that the SDK writes without any label, where the format is not its own."""
    for format_name in (*YOLO, "coco", "pascal_voc"):
        for export_type in ("latest_from_all_steps", "normal"):
            options = {"layout": "merged", "export_type": export_type}
            yield Combination(format_name, options, quick=format_name == "coco")


def impossible(*formats: str) -> Iterator[Combination]:
    """Formats that a project's kind cannot be written as."""
    for number, format_name in enumerate(formats):
        yield Combination(format_name, {"layout": "merged"}, legal=False, quick=not number)
