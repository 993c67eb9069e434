"""Which secret holds the key that a project is read with."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from kili_export.core.clock import Clock
from kili_export.registration.declaration import ProjectRegistration
from kili_export.registration.stored_registrations import load_registration
from kili_export.storage.object_store import ObjectStore

_REMEMBERED: Final = timedelta(seconds=60)


@dataclass(slots=True)
class ProjectKeys:
    """Secrets by project: `common` unless a project's registration names one of its own.

    Secrets of single projects have names that begin with `prefix`, so that a policy can tell them.
    """

    objects: ObjectStore
    clock: Clock
    common: str
    prefix: str
    _known: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def secret_of(self, project_id: str) -> str:
        """The secret of a project, as declared a minute ago or later."""
        now = self.clock.now()
        known = self._known.get(project_id)
        if known is not None and now - known[0] < _REMEMBERED:
            return known[1]
        secret_id = self.secret_for(load_registration(self.objects, project_id))
        self._known[project_id] = (now, secret_id)
        return secret_id

    def secret_for(self, registration: ProjectRegistration | None) -> str:
        """The secret that a registration asks for."""
        if registration is None or registration.key_secret is None:
            return self.common
        return f"{self.prefix}{registration.key_secret}"
