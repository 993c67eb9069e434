"""The arguments of `kili-export assets` and `kili-export labels`."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kili_export.core.asset_filters import (
    ASSET_STATUSES,
    ISSUE_STATUSES,
    ISSUE_TYPES,
    STEP_STATUSES,
)
from kili_export.reading.rows.label_choice import LabelChoice
from kili_export.reading.rows.list_assets import AssetLabels
from kili_export.reading.rows.row_filters import LABEL_TYPES

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction[ArgumentParser]
PARSED_LABELS = {
    "latest": AssetLabels.LATEST,
    "last-step": AssetLabels.LAST_STEP,
    "all": AssetLabels.ALL,
}
CHOICES = {
    "--latest-per-asset": (LabelChoice.LATEST_PER_ASSET, "the newest of each asset, no drafts"),
    "--latest-review-per-user": (
        LabelChoice.LATEST_REVIEW_PER_USER,
        "those that Kili marks as isLatestReviewLabelForUser",
    ),
    "--latest-per-annotator": (
        LabelChoice.LATEST_PER_ANNOTATOR,
        "the newest DEFAULT one of each author on each asset",
    ),
}
_MARKS = "a mark, from 0 to 1"
_DATE = "a date such as 2026-01-31"


@dataclass(frozen=True, slots=True)
class Filter:
    """An option, and the filter that it gives a value to. `many` may be given several times."""

    option: str
    name: str
    text: str
    kind: Literal["many", "text", "number", "flag", "pairs"] = "many"


def _bounds(option: str, name: str, text: str, kind: Literal["text", "number"]) -> list[Filter]:
    return [
        Filter(f"{option}-gte", f"{name}_gte", f"{text}, or above", kind),
        Filter(f"{option}-lte", f"{name}_lte", f"{text}, or below", kind),
    ]


def _either(option: str, name: str, text: str) -> list[Filter]:
    return [
        Filter(option, f"{name}_in", text),
        Filter(f"{option}-not", f"{name}_not_in", f"not {text}"),
    ]


def _of_assets(prefix: str) -> list[Filter]:
    """The filters of assets that labels can be filtered by too."""
    return [
        Filter("--asset-id", "asset_id_in", "the id of an asset"),
        Filter("--external-id", f"{prefix}external_id_strictly_in", "the name of an asset"),
        Filter("--external-id-contains", f"{prefix}external_id_in", "a part of the name, ten most"),
        Filter("--status", f"{prefix}status_in", f"one of {' '.join(ASSET_STATUSES)}"),
        Filter("--step-name", f"{prefix}step_name_in", "the name of the workflow step it is at"),
        Filter("--step-id", f"{prefix}step_id_in", "the id of the workflow step it is at"),
        Filter("--step-status", f"{prefix}step_status_in", f"one of {' '.join(STEP_STATUSES)}"),
        *_either("--group", f"{prefix}group_name", "in this group of labelers"),
    ]


ASSET_FILTERS = (
    *_of_assets(""),
    Filter("--skipped", "skipped", "whether it was skipped", "flag"),
    *_bounds("--consensus-mark", "consensus_mark", _MARKS, "number"),
    *_bounds("--honeypot-mark", "honeypot_mark", _MARKS, "number"),
    *_bounds("--inference-mark", "inference_mark", _MARKS, "number"),
    *_bounds("--created-at", "created_at", _DATE, "text"),
    Filter("--metadata", "metadata_where", "metadata KEY=VALUE; see the documentation", "pairs"),
    *_either("--assignee", "assignee", "assigned to this person"),
    Filter("--issue-type", "issue_type", f"one of {' '.join(ISSUE_TYPES)}", "text"),
    Filter("--issue-status", "issue_status", f"one of {' '.join(ISSUE_STATUSES)}", "text"),
    Filter("--label-type", "label_type_in", f"with a label of: {' '.join(LABEL_TYPES)}"),
    Filter("--label-author", "label_author_in", "with a label by this person"),
    *_either("--label-labeler", "label_labeler", "labeled by this person"),
    *_either("--label-reviewer", "label_reviewer", "reviewed by this person"),
    Filter("--label-category-search", "label_category_search", "as JOB.CAR.count > 0", "text"),
)
LABEL_FILTERS = (
    Filter("--label-id", "id_in", "the id of a label"),
    Filter("--author", "author_in", "by this person"),
    Filter("--user-id", "user_id", "by the person with this id", "text"),
    Filter("--type", "type_in", f"one of {' '.join(LABEL_TYPES)}"),
    Filter("--labeler", "labeler_in", "labeled by this person"),
    Filter("--reviewer", "reviewer_in", "reviewed by this person"),
    *_bounds("--consensus-mark", "consensus_mark", _MARKS, "number"),
    *_bounds("--honeypot-mark", "honeypot_mark", _MARKS, "number"),
    Filter("--created-at", "created_at", f"on {_DATE}", "text"),
    *_bounds("--created-at", "created_at", _DATE, "text"),
    Filter("--category-search", "category_search", "as JOB.CAR.count > 0", "text"),
    *_of_assets("asset_"),
)


def add_rows(commands: Commands) -> None:
    """Adds both commands."""
    assets = commands.add_parser(
        "assets",
        help="assets of a project one by one, as JSON lines",
        description="Prints the assets that match, one JSON object per line.",
    )
    labels = commands.add_parser(
        "labels",
        help="labels of a project one by one, as JSON lines",
        description="Prints the labels that match, one JSON object per line.",
    )
    for name, command, filters in (
        ("assets", assets, ASSET_FILTERS),
        ("labels", labels, LABEL_FILTERS),
    ):
        command.set_defaults(command=name)
        command.add_argument("project_id", metavar="PROJECT_ID")
        _add_output(command)
        _add_source(command)
        _add_filters(command, filters)
    assets.add_argument(
        "--labels",
        choices=tuple(PARSED_LABELS),
        help="which labels of an asset --parsed takes apart (latest)",
    )
    chosen = labels.add_argument_group("selection, among the labels that match")
    only = chosen.add_mutually_exclusive_group()
    for option, (choice, text) in CHOICES.items():
        only.add_argument(
            option,
            dest="choice",
            action="store_const",
            const=choice,
            default=LabelChoice.ALL,
            help=text,
        )


def _add_output(command: ArgumentParser) -> None:
    shape = command.add_mutually_exclusive_group()
    shape.add_argument(
        "--fields",
        action="append",
        metavar="A,B.C",
        help="what to print of each, as id,author.email; may be given several times",
    )
    shape.add_argument(
        "--parsed", action="store_true", help="one line per annotation instead, names resolved"
    )
    command.add_argument("--output", metavar="FILE", help="write to a file, whole or not at all")
    command.add_argument("--quiet", action="store_true", help="no progress on standard error")


def _add_source(command: ArgumentParser) -> None:
    source = command.add_mutually_exclusive_group()
    source.add_argument("--state", help="ask the Kili of a local stack, with its key")
    source.add_argument("--stack-name", help="ask the Kili of a deployed stack, with its key")


def _add_filters(command: ArgumentParser, filters: tuple[Filter, ...]) -> None:
    group = command.add_argument_group("filters", "Those marked * may be given several times.")
    for one in filters:
        _add_filter(group, one)


def _add_filter(group: Any, one: Filter) -> None:
    where = f"where_{one.name}"
    if one.kind == "flag":
        group.add_argument(
            one.option, dest=where, action=BooleanOptionalAction, default=None, help=one.text
        )
    elif one.kind == "pairs":
        group.add_argument(
            one.option,
            dest=where,
            action="append",
            type=_pair,
            metavar="KEY=VALUE",
            help=f"{one.text} *",
        )
    elif one.kind == "many":
        group.add_argument(
            one.option, dest=where, action="append", metavar="VALUE", help=f"{one.text} *"
        )
    elif one.kind == "number":
        group.add_argument(one.option, dest=where, type=float, metavar="NUMBER", help=one.text)
    else:
        group.add_argument(one.option, dest=where, metavar="VALUE", help=one.text)


def given_filters(arguments: Namespace, filters: tuple[Filter, ...]) -> dict[str, Any]:
    """The filters that were given, by name."""
    given = {one.name: getattr(arguments, f"where_{one.name}") for one in filters}
    wanted = {name: value for name, value in given.items() if value is not None}
    if "metadata_where" in wanted:
        wanted["metadata_where"] = _metadata(wanted["metadata_where"])
    return wanted


def _pair(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _metadata(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """Values of a key that was given several times become a list: any of them will do."""
    wanted: dict[str, Any] = {}
    for key, value in pairs:
        if key in wanted:
            former = wanted[key]
            wanted[key] = [*(former if isinstance(former, list) else [former]), value]
        else:
            wanted[key] = value
    return wanted
