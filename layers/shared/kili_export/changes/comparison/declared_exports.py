"""What is published of a project's exports, beside what is declared."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from kili_export.archives.gates import are_gates_due
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import Published as Stored
from kili_export.archives.manifest_store import load_published
from kili_export.changes.comparison.definition import Published, definition_of
from kili_export.core.errors import IncompatibleProject, IntegrityError
from kili_export.core.export_options import Authors, ExportOptions
from kili_export.core.project import Project
from kili_export.core.publish_rules import PublishRules
from kili_export.formats.registry import format_of
from kili_export.registration.declaration import ExportDeclaration, ProjectRegistration
from kili_export.registration.pseudonym_key import keys_by_export
from kili_export.storage.object_store import ObjectStore

_NO_KEY = (
    "The key that its authors' pseudonyms are made with is missing; register the project's"
    " exports again, which makes another one."
)


@dataclass(frozen=True, slots=True)
class ExportState:
    """One export as declared and as published. `problem` says why it cannot be made now.

    `generation` is the last that there was, of an export that was purged too.
    """

    name: str
    options: ExportOptions
    definition: str
    manifest: Manifest | None
    manifest_etag: str | None
    problem: str = ""
    pseudonym_key: str | None = field(default=None, repr=False)
    converter: str = ""
    generation: int = 0
    is_damaged: bool = False
    publish: PublishRules | None = None
    has_tree: bool = False

    @property
    def published(self) -> Published | None:
        """What is current, as far as planning asks."""
        if self.manifest is None:
            return None
        return Published(self.manifest.definition, self.manifest.dated)

    @property
    def is_current(self) -> bool:
        """Whether what is published was made with these options, interface and converter."""
        return self.manifest is not None and self.manifest.definition == self.definition

    def are_gates_due(self, now: datetime) -> bool:
        """Whether `latest.zip` is to be let out or a snapshot named, whatever else changed."""
        return self.manifest is not None and are_gates_due(self.publish, self.manifest, now)


def read_declared(
    objects: ObjectStore, project: Project, registration: ProjectRegistration
) -> Iterator[ExportState]:
    """Every export of the registration; one whose manifest cannot be read has a problem.

    Raises IntegrityError when the key of pseudonyms cannot be read.
    """
    keys = keys_by_export(objects, project.project_id, registration.exports)
    for declaration in registration.exports:
        yield _declared(objects, project, declaration, keys.get(declaration.name))


def _declared(
    objects: ObjectStore,
    project: Project,
    declaration: ExportDeclaration,
    pseudonym_key: str | None,
) -> ExportState:
    options = declaration.to_options()
    problem, version = "", ""
    published = Stored()
    damage = ""
    try:
        published = load_published(objects, project.project_id, declaration.name)
    except IntegrityError as error:
        damage = str(error)
    try:
        export_format = format_of(options)
        version = export_format.version
        export_format.check(project, options)
    except IncompatibleProject as error:
        problem = str(error)
    if options.authors is Authors.PSEUDONYMOUS and pseudonym_key is None:
        problem = _NO_KEY
    problem = damage or problem
    rules = declaration.publish
    definition = definition_of(
        options,
        project,
        version,
        pseudonym_key,
        counts_reviewed=rules is not None and rules.counts_reviewed,
    )
    return ExportState(
        declaration.name,
        options,
        definition,
        published.manifest,
        published.etag,
        problem,
        pseudonym_key,
        version,
        published.generation,
        is_damaged=bool(damage),
        publish=rules,
        has_tree=declaration.has_tree,
    )
