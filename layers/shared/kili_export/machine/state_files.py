"""Which files a state directory keeps state in, and the stores over them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from kili_export.core.clock import Clock
from kili_export.machine.announcements import SqliteAnnouncements
from kili_export.machine.change_store import SqliteChangeStore
from kili_export.machine.database import Database
from kili_export.machine.deliveries import SqliteDeliveries
from kili_export.machine.durability import sync_files
from kili_export.machine.project_state import SqliteProjectState
from kili_export.machine.rate_limit import SqliteRateLimits
from kili_export.machine.secrets import FileSecret

DATABASE: Final = "state.sqlite"
SECRETS: Final = "secrets.json"
OBJECTS: Final = "s3"


@dataclass(frozen=True)
class StateFiles:
    """The stores of one state directory. As a context, it gives the files back at the end."""

    path: Path
    clock: Clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database(self.path / DATABASE)

    @cached_property
    def changes(self) -> SqliteChangeStore:
        """The change marks."""
        return SqliteChangeStore(self.database, lambda: sync_files(self.path / OBJECTS))

    @cached_property
    def project_state(self) -> SqliteProjectState:
        """Leases, windows, held removals, cursors."""
        return SqliteProjectState(self.database)

    @cached_property
    def announcements(self) -> SqliteAnnouncements:
        """What consumers hear."""
        return SqliteAnnouncements(self.database, self.clock)

    @cached_property
    def deliveries(self) -> SqliteDeliveries:
        """What is on its way to consumers' endpoints."""
        return SqliteDeliveries(self.database)

    def budget(self, name: str) -> SqliteRateLimits:
        """The budget of calls to Kili of this name."""
        return SqliteRateLimits(self.database, name, self.clock)

    def secret(self, secret_id: str) -> FileSecret:
        """The secret of this name."""
        return FileSecret(self.path / SECRETS, secret_id)
