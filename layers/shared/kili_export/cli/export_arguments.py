"""The arguments of `kili-export export`."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction
from typing import TYPE_CHECKING

from kili_export.cli.numbers import positive_number

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction[ArgumentParser]


def add_export(commands: Commands) -> None:
    """Adds `export`."""
    export = commands.add_parser(
        "export",
        help="write archives of a project into files, without a stack",
        description="Exports a project into archives, in this process, from the Kili of "
        "$KILI_API_ENDPOINT with $KILI_API_KEY. The options are those of kili.export_labels. "
        "Repeat an interrupted call to resume it. With --state, the next call fetches and converts "
        "what changed since.",
    )
    export.set_defaults(command="export")
    export.add_argument("project_id", metavar="PROJECT_ID")
    export.add_argument(
        "--format", action="append", required=True, metavar="FORMAT", help="may be repeated"
    )
    export.add_argument(
        "--output",
        action="append",
        required=True,
        metavar="FILE",
        help="one for each format, in the same order; - is standard output",
    )
    _add_options(export)
    export.add_argument(
        "--state", metavar="DIR", help="keep state here; the next call continues from it"
    )
    export.add_argument(
        "--yes",
        action="store_true",
        help="let more than a tenth of the assets in --state vanish without asking",
    )
    export.add_argument(
        "--watch", action="store_true", help="go on until Ctrl+C, and follow what happens in Kili"
    )
    export.add_argument(
        "--every",
        type=positive_number,
        default=10,
        metavar="SECONDS",
        help="how often --watch reads Kili's list of events (%(default)s)",
    )
    export.add_argument("--disable-tqdm", action="store_true", help="show no progress")
    export.add_argument("--json", action="store_true", help="print JSON, one event a line")


def _add_options(export: ArgumentParser) -> None:
    options = export.add_argument_group("options of kili.export_labels")
    options.add_argument("--layout", metavar="LAYOUT", help="split (the default) or merged")
    options.add_argument("--single-file", action=BooleanOptionalAction, default=None)
    options.add_argument(
        "--with-assets", action=BooleanOptionalAction, default=True, help="media too"
    )
    options.add_argument("--export-type", metavar="TYPE", help="latest, or another of the SDK's")
    options.add_argument("--label-type-in", nargs="+", metavar="TYPE")
    options.add_argument("--include-sent-back-labels", action=BooleanOptionalAction, default=None)
    options.add_argument("--normalized-coordinates", action=BooleanOptionalAction, default=None)
    options.add_argument("--asset-ids", nargs="+", metavar="ID")
    options.add_argument("--external-ids", nargs="+", metavar="NAME")
    options.add_argument("--asset-filter-kwargs", metavar="JSON", help="filters, as an object")
    more = export.add_argument_group("further options")
    more.add_argument("--compatibility", metavar="WHICH", help="sdk (the default) or corrected")
    more.add_argument("--split", metavar="JSON", help='such as {"train": 0.8, "val": 0.2}')
    more.add_argument("--authors", metavar="HOW", help="keep (the default), pseudonymous or omit")
