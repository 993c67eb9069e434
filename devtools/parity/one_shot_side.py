"""The export in one process as another side: a folder in the place of the stack."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from kili_export.formats.registry import FORMATS
from kili_export.registration.parse_registration import parse_registration
from kili_export.wiring.folder_application import FolderApplication
from kili_export.wiring.one_shot import OneShot
from kili_export.wiring.settings import Settings

_TOGETHER = 50
"""How many exports a project may have."""


@dataclass(frozen=True)
class OneShotSide:
    """Exports projects of one Kili, each in a folder that is kept until it is forgotten."""

    endpoint: str
    api_key: str
    folder: Path
    batch_size: int

    def export(self, project_id: str, declared: Sequence[dict[str, Any]]) -> dict[str, bytes]:
        """The archives by name. What was exported before in these very exports is gone on from."""
        archives: dict[str, bytes] = {}
        for start in range(0, len(declared), _TOGETHER):
            archives |= self._together(project_id, declared[start : start + _TOGETHER])
        return archives

    def forget(self, project_id: str) -> None:
        """The next export of the project begins from nothing."""
        for folder in self.folder.glob(f"{project_id}-*"):
            shutil.rmtree(folder)

    def _together(self, project_id: str, declared: Sequence[dict[str, Any]]) -> dict[str, bytes]:
        registration = parse_registration(
            {"project_id": project_id, "exports": list(declared)}, FORMATS
        )
        settings = replace(
            Settings.from_environment({}),
            kili_api_endpoint=self.endpoint,
            kili_requests_per_minute=1_000_000,
            batch_size=self.batch_size,
        )
        place = self.folder / f"{project_id}-{declared[0]['name']}"
        app = FolderApplication(settings, place, self.api_key, durable=False)
        try:
            one_shot = OneShot(app, registration)
            one_shot.export(allow_removals=True)
            archives = {}
            for export in registration.exports:
                target = BytesIO()
                one_shot.pull(export.name, target)
                archives[export.name] = target.getvalue()
            return archives
        finally:
            app.close()
