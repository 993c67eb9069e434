"""Which exports a project has, and what is said of one that it does not have."""

from kili_export.archives.purged_export import has_data
from kili_export.core.bucket_layout import export_prefix, exports_prefix
from kili_export.core.errors import AccessDenied, InvalidConfiguration
from kili_export.registration.stored_registrations import load_registration
from kili_export.storage.object_store import ObjectStore


def stored_exports(objects: ObjectStore, project_id: str) -> tuple[str, ...]:
    """The exports of a project that have data in the bucket, declared or not."""
    return tuple(
        name
        for name in objects.folders(exports_prefix(project_id))
        if has_data(objects, export_prefix(project_id, name))
    )


def require_export(objects: ObjectStore, project_id: str, export: str) -> None:
    """Raises InvalidConfiguration unless the export is declared or has data."""
    registration = load_registration(objects, project_id)
    declared = {one.name for one in registration.exports} if registration else set()
    if export not in declared and not has_data(objects, export_prefix(project_id, export)):
        raise no_such_export(objects, project_id, export)


def no_such_export(objects: ObjectStore, project_id: str, export: str) -> InvalidConfiguration:
    """Why nothing is published under a name: it waits for its first run, or there is no such one.

    Readers of `exports/` alone do not know what is declared.
    """
    see = f"See what is going on with: kili-export status {project_id}"
    try:
        registration = load_registration(objects, project_id)
        stored = stored_exports(objects, project_id)
    except AccessDenied:
        return InvalidConfiguration(f"Project {project_id} has no published export {export!r}.")
    declared = [one.name for one in registration.exports] if registration else []
    if export in declared:
        return InvalidConfiguration(
            f"Export {export!r} of project {project_id} was not published yet. {see}"
        )
    known = ", ".join(dict.fromkeys([*declared, *stored]))
    if not known:
        return InvalidConfiguration(
            f"Project {project_id} has no exports. Declare some: "
            f"kili-export register {project_id} --export yolo=yolo_v8"
        )
    return InvalidConfiguration(
        f"Project {project_id} has no export {export!r}. Its exports: {known}."
    )
