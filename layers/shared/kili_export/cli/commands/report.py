"""`kili-export report`: what an export's format could not hold."""

from argparse import Namespace

from kili_export.archives.loss_report.report_document import AssetLosses
from kili_export.cli.exit_codes import ExitCode
from kili_export.cli.output import Output
from kili_export.cli.reading_source import ReadingSource
from kili_export.core.counted import counted
from kili_export.reading.read_report import read_report


def report(arguments: Namespace) -> ExitCode:
    """Shows every asset that lost something, and why."""
    output = Output(as_json=arguments.json)
    objects = ReadingSource.of(arguments).objects
    found = read_report(objects, arguments.project_id, arguments.export)
    if output.as_json:
        output.result(found.model_dump(mode="json"), "")
        return ExitCode.OK
    if not found.reasons:
        output.line(f"Export {arguments.export} holds everything.")
        return ExitCode.OK
    rows = [
        (asset.asset_id, asset.external_id, _file(asset), loss.where, loss.reason)
        for asset in found.assets
        for loss in asset.losses
    ]
    output.table(
        f"What export {arguments.export} does not hold",
        ("Asset", "External id", "File", "Where", "Why"),
        rows,
    )
    if found.assets_left_out:
        output.line(f"… and {counted(found.assets_left_out, 'more asset')}.")
    output.table(
        "By reason", ("Times", "Why"), [(times, why) for why, times in found.reasons.items()]
    )
    return ExitCode.OK


def _file(asset: AssetLosses) -> str:
    """The asset's first file, and how many more it has."""
    more = len(asset.files) + asset.files_left_out - 1
    return f"{asset.files[0]} and {more} more" if more > 0 else "".join(asset.files)
