"""The clients of exports in this process: a folder in the place of the bucket, and Kili."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from shutil import which
from typing import Any, Final

from kili_export.core.clock import Clock
from kili_export.costs.usage import Traffic
from kili_export.kili.client import KiliClient
from kili_export.machine.announcements import SqliteAnnouncements
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.folder_objects import FolderObjects
from kili_export.machine.project_state import SqliteProjectState
from kili_export.wiring.application import Application, kili_with_key
from kili_export.wiring.settings import Settings

_SLICE: Final = 2500
"""So many assets are done again at most after a crash."""


class _NoOtherProcess:
    """Implements Workflow and Executions. Runs begin where they are asked for, in this process."""

    def start(self, name: str, execution_input: Mapping[str, Any]) -> bool:
        """See Workflow."""
        del name, execution_input
        return True

    def is_running(self, execution_arn: str) -> bool:
        """See Executions. The folder has one owner at a time: who held a lease before has ended."""
        del execution_arn
        return False


class FolderApplication(Application):
    """One folder, which this process alone owns, and one key of Kili. No service is asked.

    `durable`: what is kept outlasts a loss of power; otherwise the end of the process alone.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        api_key: str,
        *,
        durable: bool,
        clock: Clock | None = None,
    ) -> None:
        own = replace(
            settings,
            bucket_name=str(folder),
            window_seconds=1,
            settle_seconds=0,
            lease_seconds=0,
            slice_assets=min(settings.slice_assets, _SLICE),
            latest_copy_limit=0,
            retained_generations=0,
            retention_hours=1,
            ffmpeg_path=which(settings.ffmpeg_path) or which("ffmpeg") or settings.ffmpeg_path,
        )
        super().__init__(own, clock=clock)
        self._folder = folder
        self._api_key = api_key
        self._durable = durable

    @cached_property
    def objects(self) -> FolderObjects:
        """The folder."""
        return FolderObjects.at(self._folder, self.clock, durable=self._durable)

    @cached_property
    def traffic(self) -> Traffic:
        """Nothing is moved that anybody pays for."""
        return self.objects

    @cached_property
    def changes(self) -> SqliteChangeStore:
        """The pending changes. Objects are on disk when they are written: nothing is awaited."""
        return SqliteChangeStore(self.objects.database, lambda: None)

    @cached_property
    def project_state(self) -> SqliteProjectState:
        """Leases, windows, held removals, cursors."""
        return SqliteProjectState(self.objects.database)

    @cached_property
    def publisher(self) -> SqliteAnnouncements:
        """What consumers would be sent."""
        return SqliteAnnouncements(self.objects.database, self.clock)

    @cached_property
    def workflow(self) -> _NoOtherProcess:
        """Nobody."""
        return _NoOtherProcess()

    def kili(
        self, project_id: str | None = None, *, patience: float = 0.0, most: int | None = None
    ) -> KiliClient:
        """Kili with the one key, whatever the project. This process has its calls to itself."""
        del project_id, patience, most
        return self._kili

    @cached_property
    def _kili(self) -> KiliClient:
        return kili_with_key(self.settings, self._api_key)

    def close(self) -> None:
        """Gives the folder back."""
        self.objects.database.close()
