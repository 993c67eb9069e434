"""Every generated block of the reference, by its name."""

from collections.abc import Callable, Mapping
from typing import Final

from devtools.docs import commands, configuration, events, sources

_FORMATS: Final = ", ".join(f"`{name}`" for name in sources.FORMATS)

OPTION_MEANINGS: Final[Mapping[str, str]] = {
    "name": "The name of the export: letters, digits, `_` and `-`, 64 at most.",
    "format": f"One of {_FORMATS}.",
    "layout": "`split` makes a folder for each job, `merged` one dataset of all jobs.",
    "single_file": "Kili's format in one file for all assets.",
    "with_assets": "Whether the archive holds the media too. The SDK's default is true.",
    "export_type": "Which labels of an asset: `latest`, `latest_from_last_step`,"
    " `latest_from_all_steps` or `normal` (all of them).",
    "label_type_in": "The types of labels that are exported.",
    "include_sent_back_labels": "Whether labels that were sent back are exported.",
    "normalized_coordinates": "Coordinates from 0 to 1 (true) or in pixels (false), in Kili's"
    " format.",
    "asset_ids": "Only these assets. An empty list selects none.",
    "external_ids": "Only the assets with these external ids. Not together with `asset_ids`.",
    "filters": "The SDK's `asset_filter_kwargs`; the names are below.",
    "compatibility": "`sdk` writes what the SDK writes, `corrected` is free of its flaws.",
    "split": "Shares of subsets: `{train: 0.8, val: 0.1, test: 0.1, group_by: KEY}`. For YOLO with"
    " `compatibility: corrected`.",
    "authors": "`keep`, `pseudonymous` or `omit`.",
    "publish": "Gates: `{snapshot_when: …, hold_latest_while: …}`, explained below.",
    "deliver": "Where the files go besides: `{tree: true}` keeps an object for each file.",
}
"""What each option of an export means."""


def _options() -> str:
    return configuration.options(sources.ExportDeclaration, OPTION_MEANINGS, {"name": "the format"})


def _filters() -> str:
    return ", ".join(f"`{name}`" for name in sources.FILTERS)


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": lambda: commands.commands(sources.command_line()),
    "exit-statuses": lambda: commands.exit_statuses(sources.MEANINGS),
    "export-filters": _filters,
    "export-options": _options,
    "kili-events": lambda: events.catalogue(sources.CATALOGUE),
    "parameters": lambda: configuration.parameters(sources.template_parameters()),
    "variables": lambda: configuration.variables(sources.VARIABLES),
}
