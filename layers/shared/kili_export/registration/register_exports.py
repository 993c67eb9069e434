"""Declares the exports of a project, or ends its declaration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kili_export.core.bucket_layout import followed_key, registration_key
from kili_export.core.clock import RandomSource
from kili_export.core.errors import ConflictError, IncompatibleProject, InvalidConfiguration
from kili_export.core.project import Project
from kili_export.formats.registry import format_of
from kili_export.registration.declaration import ExportDeclaration, ProjectRegistration
from kili_export.registration.pseudonym_key import provide_key
from kili_export.registration.stored_registrations import load_registration
from kili_export.storage.object_store import ObjectStore


class CheckedKili(Protocol):
    """Kili, as far as a declaration is checked against its project.

    Both methods raise AccessDenied, RequestRefused, InvalidConfiguration and TransientError.
    """

    def project(self, project_id: str) -> Project:
        """The project."""

    def count_assets(self, project_id: str, filters: Mapping[str, Any] | None = None) -> int:
        """How many assets the project has, or how many of them match."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration changed: names of exports. What was published stays in the bucket."""

    title: str
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    redirected: tuple[str, ...] = ()
    """Those that are made as before, and delivered otherwise."""
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


def register_exports(
    objects: ObjectStore, kili: CheckedKili, random: RandomSource, registration: ProjectRegistration
) -> Registered:
    """Checks the exports against the project as it is now and stores them in place of the former.

    Raises IncompatibleProject or InvalidConfiguration when an export cannot be made of this
    project, AccessDenied when Kili does not show it, ConflictError when somebody else registered
    at the same moment. Then nothing is stored.
    """
    project = kili.project(registration.project_id)
    for export in registration.exports:
        _check(kili, project, export)
    provide_key(objects, random, registration.project_id, registration.exports)
    key = registration_key(registration.project_id)
    found = objects.get(key)
    former = None if found is None else ProjectRegistration.from_bytes(found[0])
    incarnation = former.incarnation if former else random.token()
    registration = registration.model_copy(update={"incarnation": incarnation})
    try:
        objects.put(
            key,
            registration.to_bytes(),
            if_match=None if found is None else found[1].etag,
            if_none_match=found is None,
            content_type="application/json",
        )
    except ConflictError:
        raise ConflictError(
            f"Somebody else registered {registration.project_id} at the same moment; try again."
        ) from None
    return _difference(project.title, former, registration)


def unregister(objects: ObjectStore, project_id: str) -> bool:
    """Ends the exports of a project. What was published stays. Answers whether there were any."""
    key = registration_key(project_id)
    if objects.head(key) is None:
        return False
    # What happens from now on nobody marks: if it is registered again, all must be made again.
    objects.delete([followed_key(project_id)])
    objects.delete([key])
    return True


def read_registration(objects: ObjectStore, project_id: str) -> ProjectRegistration:
    """What is declared for a project.

    Raises InvalidConfiguration when nothing is, IntegrityError when it cannot be read.
    """
    registration = load_registration(objects, project_id)
    if registration is None:
        raise InvalidConfiguration(
            f"Project {project_id} has no exports. Declare some: "
            f"kili-export register {project_id} --export yolo=yolo_v8"
        )
    return registration


def _check(kili: CheckedKili, project: Project, export: ExportDeclaration) -> None:
    options = export.to_options()
    _check_gates(project, export)
    try:
        format_of(options).check(project, options)
    except InvalidConfiguration as error:
        raise type(error)(f"export {export.name!r}: {error}") from error
    if options.filters:
        # Kili alone knows the project's steps and what its filters accept.
        kili.count_assets(project.project_id, options.filters)


def _check_gates(project: Project, export: ExportDeclaration) -> None:
    counts = export.publish is not None and export.publish.counts_reviewed
    if counts and project.workflow_version not in {None, "V1"}:
        raise IncompatibleProject(
            f"export {export.name!r}: publish: this project has workflow "
            f"{project.workflow_version}, in which Kili gives assets no status REVIEWED; leave "
            "reviewed and reviewed_below out"
        )


def _difference(
    title: str, former: ProjectRegistration | None, current: ProjectRegistration
) -> Registered:
    before = {} if former is None else {export.name: export for export in former.exports}
    now = {export.name: export for export in current.exports}
    common = [name for name in now if name in before]
    differing = [name for name in common if now[name] != before[name]]
    remade = [name for name in differing if now[name].to_options() != before[name].to_options()]
    return Registered(
        title=title,
        added=tuple(name for name in now if name not in before),
        changed=tuple(remade),
        redirected=tuple(name for name in differing if name not in remade),
        removed=tuple(name for name in before if name not in now),
        unchanged=tuple(name for name in common if now[name] == before[name]),
    )
