"""Reads what an export's format could not hold."""

from pydantic import ValidationError

from kili_export.archives.loss_report.report_document import LossReport
from kili_export.archives.manifest_store import read_manifest
from kili_export.core.errors import IntegrityError, Unavailable
from kili_export.storage.object_store import ObjectStore


def read_report(objects: ObjectStore, project_id: str, export: str) -> LossReport:
    """The report of what is current; an empty one when nothing was lost.

    Raises InvalidConfiguration when nothing was published yet, Unavailable when a run is about
    to write the report, IntegrityError when it cannot be read.
    """
    manifest = read_manifest(objects, project_id, export)
    if manifest.report is None:
        return LossReport(project_id=project_id, export_name=export, generation=manifest.generation)
    found = objects.get(manifest.report.key)
    if found is None or found[1].metadata.get("version") != manifest.report.version:
        raise Unavailable(
            f"The report of export {export} is being written; try again. If this stays, make the"
            f" next run write it: kili-export run {project_id}"
        )
    try:
        return LossReport.from_bytes(found[0])
    except (ValidationError, ValueError) as error:
        raise IntegrityError(f"{manifest.report.key} cannot be read") from error
