"""Tries assets in quarantine again, because somebody asks for it."""

from collections.abc import Collection
from dataclasses import dataclass

from kili_export.archives.manifest_store import load_manifest
from kili_export.changes.events.pending_changes import asset_subject
from kili_export.changes.events.request_run import RequestRun
from kili_export.core.errors import InvalidConfiguration
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.stored_registrations import load_registration
from kili_export.storage.object_store import ObjectStore


def quarantined_assets(objects: ObjectStore, registration: ProjectRegistration) -> frozenset[str]:
    """The ids of all assets that any export lists as not exportable. Raises IntegrityError."""
    manifests = (
        load_manifest(objects, registration.project_id, export.name)[0]
        for export in registration.exports
    )
    return frozenset(
        one.asset_id for manifest in manifests if manifest for one in manifest.quarantined
    )


@dataclass(frozen=True, slots=True)
class RetryAssets:
    """The use case, with what it needs of the outside."""

    objects: ObjectStore
    request_run: RequestRun

    def __call__(
        self, project_id: str, asset_ids: Collection[str] = ()
    ) -> tuple[tuple[str, ...], str | None]:
        """Lets a run try assets again that could not be exported; without `asset_ids` all of them.

        Answers which, and the name of the run, None when there are none. Raises
        InvalidConfiguration when the project is not registered, or an asset is not in quarantine.
        """
        registration = load_registration(self.objects, project_id)
        known = quarantined_assets(self.objects, registration) if registration else frozenset()
        strangers = sorted(set(asset_ids) - known)
        if strangers:
            raise InvalidConfiguration(
                f"asset {strangers[0]} of project {project_id} is not in quarantine. "
                f"See what is: kili-export status {project_id}"
            )
        chosen = tuple(sorted(asset_ids or known))
        for asset_id in chosen:
            self.request_run.marks.mark(project_id, asset_subject(asset_id))
        if registration is not None and not chosen:
            return (), None
        return chosen, self.request_run(project_id)
