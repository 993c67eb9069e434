"""Whether an export must be made again, and how it is dated."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from kili_export.core.export_options import ExportOptions
from kili_export.core.file_paths import job_folder, safe_path
from kili_export.core.project import Project


def definition_of(
    options: ExportOptions,
    project: Project,
    converter_version: str,
    pseudonym_key: str | None = None,
    *,
    counts_reviewed: bool = False,
) -> str:
    """A hash of all that decides, besides the assets, what an archive and its ledger hold."""
    parts = [options.digest(), project.digest(), converter_version]
    if pseudonym_key is not None:
        parts.append(pseudonym_key)
    if any(job_folder(job.name) != safe_path(job.name) for job in project.jobs()):
        # Archives of before had files where something else stands.
        parts.append("jobs with reserved names")
    if counts_reviewed:
        # Ledgers of before do not tell which assets are reviewed.
        parts.append("reviewed assets are counted")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """What is current in an export: its definition and the date that its files bear."""

    definition: str
    dated: str


def rebuild_reason(
    published: Published | None, definition: str, *, asked: bool, followed: bool
) -> str:
    """Why the export must be made again, empty when its changed assets are enough.

    `followed`: every mark that was cleared since it was published was cleared on its behalf too.
    """
    if published is None:
        return "nothing is published yet"
    if published.definition != definition:
        return "options, interface or converter changed"
    if not followed:
        return "changes were not followed for a while"
    return "asked for" if asked else ""


def date_of(published: Published | None, definition: str, started_at: datetime) -> str:
    """The date of the archive's files: it stays for as long as the definition does."""
    if published is not None and published.definition == definition:
        return published.dated
    return started_at.isoformat(timespec="seconds")
