"""`kili-export assets` and `kili-export labels`."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.kili_source import kili_of
from kili_export.cli.line_output import line_output
from kili_export.cli.output import complain
from kili_export.cli.row_arguments import ASSET_FILTERS, LABEL_FILTERS, PARSED_LABELS, given_filters
from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration
from kili_export.reading.rows import list_assets as assets_listing
from kili_export.reading.rows import list_labels as labels_listing
from kili_export.reading.rows.list_assets import AssetListing, list_assets
from kili_export.reading.rows.list_labels import LabelListing, list_labels
from kili_export.reading.rows.listed_lines import LineBatch

_REPORTED_EVERY = 1000


def assets(arguments: Namespace) -> ExitCode:
    """Writes the assets that match, or their annotations."""
    if arguments.labels and not arguments.parsed:
        raise InvalidConfiguration(
            "--labels goes with --parsed. Without it name fields: latestLabel.… or labels.…"
        )
    listing = AssetListing(
        project_id=arguments.project_id,
        fields=_fields(arguments, assets_listing.DEFAULT_FIELDS),
        filters=given_filters(arguments, ASSET_FILTERS),
        parsed=PARSED_LABELS[arguments.labels or "latest"] if arguments.parsed else None,
    )
    return _written(arguments, list_assets(kili_of(arguments), listing), "assets")


def labels(arguments: Namespace) -> ExitCode:
    """Writes the labels that match and are chosen, or their annotations."""
    listing = LabelListing(
        project_id=arguments.project_id,
        fields=_fields(arguments, labels_listing.DEFAULT_FIELDS),
        filters=given_filters(arguments, LABEL_FILTERS),
        choice=arguments.choice,
        parsed=arguments.parsed,
    )
    return _written(arguments, list_labels(kili_of(arguments), listing), "labels")


def _fields(arguments: Namespace, default: tuple[str, ...]) -> tuple[str, ...]:
    if arguments.fields is None:
        return default
    named = (name.strip() for text in arguments.fields for name in text.split(","))
    return tuple(dict.fromkeys(name for name in named if name))


@dataclass(slots=True)
class _Progress:
    """What has been written so far, on standard error: one line that changes, on a terminal."""

    what: str
    quiet: bool
    lines: int = 0
    done: int = 0
    failed: int = 0
    gone: int = 0

    def add(self, batch: LineBatch) -> None:
        self.lines += len(batch.lines)
        former, self.done = self.done, batch.done
        self.failed += len(batch.failed)
        self.gone += len(batch.gone)
        live = sys.stderr.isatty() and not self.quiet
        if live and batch.failed:
            print(file=sys.stderr)
        for one, reason in batch.failed.items():
            complain(f"{self.what[:-1]} {one} is left out: {reason}")
        if live:
            print(f"\r{batch.done} of {batch.total} {self.what}", end="", file=sys.stderr)
        elif not self.quiet and former // _REPORTED_EVERY != batch.done // _REPORTED_EVERY:
            print(f"{batch.done} of {batch.total} {self.what}", file=sys.stderr)

    def end(self) -> None:
        if self.quiet:
            return
        if sys.stderr.isatty() and self.done:
            print(file=sys.stderr)
        parts = [counted(self.done, self.what[:-1]), counted(self.lines, "line")]
        if self.gone:
            parts.append(f"{self.gone} deleted meanwhile")
        if self.failed:
            parts.append(f"{self.failed} left out")
        print(", ".join(parts), file=sys.stderr)


def _written(arguments: Namespace, batches: Iterator[LineBatch], what: str) -> ExitCode:
    progress = _Progress(what, arguments.quiet)
    with line_output(arguments.output) as write:
        for batch in batches:
            for line in batch.lines:
                write(line)
            progress.add(batch)
    progress.end()
    return ExitCode.INCOMPLETE if progress.failed else ExitCode.OK
