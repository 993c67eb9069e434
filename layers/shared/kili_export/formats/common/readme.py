"""The README that every archive has, and the date that its files bear."""

from datetime import UTC, datetime

from kili_export.formats.common.encoding import encoded
from kili_export.formats.common.format import ExportContext, Member

README_PATH = "README.kili.txt"


def readme(context: ExportContext) -> Member:
    """The file that says what the archive holds.

    The SDK prints the local time of the machine that exports. Here it is UTC, because the same
    state must give the same bytes wherever it is exported.
    """
    project, options = context.project, context.options
    lines = (
        "Exported Labels from KILI",
        "=========================",
        "",
        f"- Project name: {project.title}",
        f"- Project identifier: {project.project_id}",
        f"- Project description: {project.description}",
        f"- Export date: {dated(context):%Y%m%d-%H%M%S}",
        f"- Exported format: {options.format}",
        f"- Exported labels: {options.export_type.value}",
    )
    return Member(README_PATH, encoded("\n".join(lines) + "\n"))


def dated(context: ExportContext) -> datetime:
    """The date that files of the archive bear: UTC, without a zone, as the SDK writes dates."""
    moment = datetime.fromisoformat(context.dated)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
