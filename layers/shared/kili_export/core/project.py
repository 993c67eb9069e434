"""A Kili project and the interface that its labels were made with."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kili_export.core.document import Document


@dataclass(frozen=True, slots=True)
class Category:
    """A class that annotations can have. `key` is what labels carry, `name` what people see."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Job:
    """One task of the interface. `tools` is None when the interface declares none."""

    name: str
    ml_task: str
    tools: tuple[str, ...] | None
    is_child: bool
    categories: tuple[Category, ...]
    definition: Mapping[str, Any]


@dataclass(frozen=True)
class Project:
    """A project as frozen at the beginning of a run.

    `json_interface` is the parsed interface, its key order kept: the order of jobs and
    categories is the numbering of classes.
    """

    project_id: str
    title: str
    description: str | None
    input_type: str
    json_interface: Mapping[str, Any]
    geospatial_settings: Mapping[str, Any] | None = None
    workflow_version: str | None = None
    has_data_connections: bool = False

    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the interface, in its order; entries that are not jobs are left out."""
        return self._jobs

    @cached_property
    def _jobs(self) -> tuple[Job, ...]:
        # Every asset's conversion asks for them, and the project is frozen.
        declared = self.json_interface.get("jobs")
        if not isinstance(declared, Mapping):
            return ()
        return tuple(
            _job(name, value) for name, value in declared.items() if isinstance(value, Mapping)
        )

    @property
    def is_labeled_in_pixels(self) -> bool:
        """Whether a geospatial project is labeled in the pixels of its pictures."""
        settings = self.geospatial_settings
        return isinstance(settings, Mapping) and settings.get("labelingCRSCode") == "PIXEL"

    def digest(self) -> str:
        """A hash that changes with whatever of the project shows in an archive."""
        shown = [
            self.title,
            self.description,
            self.input_type,
            self.json_interface,
            self.geospatial_settings,
            self.has_data_connections,
        ]
        # Key order is kept on purpose: it decides how classes are numbered.
        return hashlib.sha256(json.dumps(shown, separators=(",", ":")).encode()).hexdigest()


def _job(name: str, definition: Mapping[str, Any]) -> Job:
    tools = definition.get("tools")
    content = definition.get("content")
    declared = content.get("categories") if isinstance(content, Mapping) else None
    categories = declared if isinstance(declared, Mapping) else {}
    return Job(
        name=name,
        ml_task=str(definition.get("mlTask") or ""),
        tools=tuple(map(str, tools)) if isinstance(tools, list) else None,
        is_child=bool(definition.get("isChild")),
        categories=tuple(
            Category(key, str(value.get("name") or key) if isinstance(value, Mapping) else key)
            for key, value in categories.items()
        ),
        definition=definition,
    )


PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
SECRET_NAME = re.compile(r"[A-Za-z0-9_+=.@-]{1,64}")
"""What a registration calls a secret by, without the prefix that its kind has."""
ENTITY_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,127}")


class ProjectDocument(Document):
    """A project, as stored."""

    project_id: str
    title: str
    description: str | None = None
    input_type: str
    json_interface: dict[str, Any]
    geospatial_settings: dict[str, Any] | None = None
    workflow_version: str | None = None
    has_data_connections: bool = False

    @classmethod
    def of(cls, project: Project) -> "ProjectDocument":
        """The stored form of a project."""
        return cls(
            project_id=project.project_id,
            title=project.title,
            description=project.description,
            input_type=project.input_type,
            json_interface=dict(project.json_interface),
            geospatial_settings=(
                None if project.geospatial_settings is None else dict(project.geospatial_settings)
            ),
            workflow_version=project.workflow_version,
            has_data_connections=project.has_data_connections,
        )

    def to_project(self) -> Project:
        """The project that was stored."""
        return Project(**{name: getattr(self, name) for name in type(self).model_fields})
