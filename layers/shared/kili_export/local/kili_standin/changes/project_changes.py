"""What people do to assets and projects, with the events that the server sends about it."""

from datetime import timedelta
from typing import Any

from kili_export.local.kili_standin.projects.pictures import ScenePicture
from kili_export.local.kili_standin.state.faults import Fault
from kili_export.local.kili_standin.state.label_rules import newest_submitted
from kili_export.local.kili_standin.state.model import Asset, MediaSource, Project, User
from kili_export.local.kili_standin.state.state import WorldState


class ProjectChanges(WorldState):
    """Adding, renaming, skipping and deleting assets; interface and settings."""

    def add_project(self, project: Project) -> Project:
        """Puts a project, with its assets and labels, on the server. No event announces it."""
        with self.lock:
            self.projects[project.id] = project
            self.changed(project)
            return project

    def add_asset(
        self,
        external_id: str,
        *,
        project_id: str | None = None,
        media: MediaSource | None = None,
        frames: int = 0,
        resolution: tuple[int, int] | None = (320, 240),
        first: bool = False,
    ) -> Asset:
        """A new asset at the end, or with `first` dated before all others. Sizes in pixels.

        Without media it shows a generated picture, or as many of them as it has frames.
        """
        with self.lock:
            project = self.project(project_id)
            created_at = self.clock.tick()
            if first and project.assets:
                oldest = next(iter(project.assets.values()))
                created_at = oldest.created_at - timedelta(milliseconds=1)
            asset = Asset(
                id=self.identifiers.next_id(created_at),
                external_id=external_id,
                created_at=created_at,
                updated_at=created_at,
                media=media or (None if frames else self._picture(resolution)),
                frames=[self._picture(resolution) for _ in range(frames)],
                resolution=resolution,
            )
            if first:
                project.assets = {asset.id: asset, **project.assets}
            else:
                project.assets[asset.id] = asset
            self._announce(project, asset, "asset.created", project.user(None))
            return asset

    def rename_asset(self, asset: str, external_id: str, *, project_id: str | None = None) -> Asset:
        """Gives an asset another externalId."""
        with self.lock:
            project, target = self.asset(asset, project_id)
            target.external_id = external_id
            target.updated_at = self.clock.tick()
            extra = {"fields": ["externalId"]}
            self._announce(project, target, "asset.updated", project.user(None), extra)
            return target

    def set_metadata(
        self, asset: str, metadata: dict[str, Any], *, project_id: str | None = None
    ) -> Asset:
        """Replaces an asset's metadata."""
        with self.lock:
            project, target = self.asset(asset, project_id)
            target.json_metadata = dict(metadata)
            target.updated_at = self.clock.tick()
            extra = {"fields": ["jsonMetadata"]}
            self._announce(project, target, "asset.updated", project.user(None), extra)
            return target

    def delete_asset(
        self, asset: str, *, project_id: str | None = None, silent: bool = False
    ) -> Asset:
        """Removes an asset with its labels; `silent` keeps it from being announced."""
        with self.lock:
            project, target = self.asset(asset, project_id)
            del project.assets[target.id]
            if silent:
                self.changed(project)
            else:
                self._announce(project, target, "asset.deleted", project.user(None))
            return target

    def skip_asset(
        self, asset: str, *, skipped: bool = True, project_id: str | None = None
    ) -> Asset:
        """Skips an asset, or takes that back."""
        with self.lock:
            project, target = self.asset(asset, project_id)
            target.skipped = skipped
            target.updated_at = self.clock.tick()
            name = "asset.skipped" if skipped else "asset.unskipped"
            extra = {"skipped": True, "status": "SKIPPED"} if skipped else None
            self._announce(project, target, name, project.user(None), extra)
            return target

    def set_interface(
        self, json_interface: dict[str, Any], *, project_id: str | None = None
    ) -> Project:
        """Replaces the interface: jobs, tools, categories."""
        with self.lock:
            project = self.project(project_id)
            project.json_interface = json_interface
            self._touch_project(project)
            self.emit(project, "project.interface.updated", user=project.user(None))
            return project

    def set_settings(
        self,
        *,
        project_id: str | None = None,
        title: str | None = None,
        description: str | None = None,
    ) -> Project:
        """Changes title or description, those that are given."""
        with self.lock:
            project = self.project(project_id)
            fields = []
            if title is not None:
                project.title = title
                fields.append("title")
            if description is not None:
                project.description = description
                fields.append("description")
            self._touch_project(project)
            self.emit(project, "project.settings.updated", {"fields": fields}, project.user(None))
            return project

    def archive_project(self, project_id: str | None = None) -> Project:
        """Archives a project; it stays readable."""
        with self.lock:
            project = self.project(project_id)
            project.archived = True
            self._touch_project(project)
            self.emit(project, "project.archived", user=project.user(None))
            return project

    def bulk_send_back(self, assets: list[str], *, project_id: str | None = None) -> None:
        """Sends several assets back as a bulk action does: one event that names none of them."""
        with self.lock:
            project = self.project(project_id)
            for name in assets:
                _, target = self.asset(name, project.id)
                label = newest_submitted(target.labels)
                if label is not None:
                    label.is_sent_back = True
                target.updated_at = self.clock.tick()
            self.changed(project)
            where = {"where": {"project": {"id": project.id}}}
            event = "project.workflow.bulkAction.sendBackToQueue.started"
            self.emit(project, event, where, project.user(None))

    def shift_pages(self, project: Project, fault: Fault) -> None:
        """Changes what is listed before a reader's next page; see the fault `shifting_pages`."""
        with self.lock:
            if fault.change == "insert":
                name = f"inserted-{self.identifiers.next_id(self.clock.tick())}.png"
                self.add_asset(name, project_id=project.id, first=True)
            elif project.assets:
                self.delete_asset(next(iter(project.assets)), project_id=project.id)

    def _picture(self, resolution: tuple[int, int] | None) -> ScenePicture:
        return ScenePicture(self.random.getrandbits(32), *(resolution or (320, 240)))

    def _touch_project(self, project: Project) -> None:
        project.updated_at = self.clock.tick()
        self.changed(project)

    def _announce(
        self,
        project: Project,
        asset: Asset,
        event: str,
        user: User,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.changed(project)
        payload = {"assetId": asset.id, "externalId": asset.external_id, **(extra or {})}
        self.emit(project, event, payload, user)
