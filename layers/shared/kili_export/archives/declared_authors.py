"""What a declaration would tell of authors beside what is declared, or was published before.

A pseudonym hides a person from who has this export alone. Files that keep authors lead back to
them: by the same label, its file and its time.
"""

from collections.abc import Iterator
from typing import Final

from kili_export.archives.known_exports import stored_exports
from kili_export.archives.manifest import Manifest
from kili_export.archives.manifest_store import load_manifest
from kili_export.archives.snapshots import iter_snapshots
from kili_export.core.errors import InvalidConfiguration
from kili_export.core.export_options import Authors
from kili_export.registration.declaration import ExportDeclaration, ProjectRegistration
from kili_export.storage.object_store import ObjectStore

WRITE_AUTHORS: Final = frozenset({"kili", "raw", "geojson", "jsonl"})
"""The formats that tell who made a label."""
_LOOSER: Final = {
    Authors.KEEP: frozenset[Authors](),
    Authors.PSEUDONYMOUS: frozenset({Authors.KEEP}),
    Authors.OMIT: frozenset({Authors.KEEP, Authors.PSEUDONYMOUS}),
}
"""What tells more of authors than the choice itself."""


def require_hidden_authors(
    objects: ObjectStore, registration: ProjectRegistration, *, mixed: bool
) -> None:
    """Raises InvalidConfiguration for a declaration that hides less than it says.

    An export that showed more of authors before keeps archives of that time: it has to be erased
    first. Authors that another export keeps are refused unless they are to be `mixed`.
    """
    for export in registration.exports:
        if any(_tells_more(one, export) for one in _published(objects, registration, export.name)):
            raise InvalidConfiguration(_TIGHTENED.format(export, registration.project_id))
    hiding = [one.name for one in registration.exports if _hides(one)]
    if not hiding or mixed:
        return
    keeping = sorted({*_keeping(registration), *_ended_and_keeping(objects, registration)})
    if keeping:
        raise InvalidConfiguration(_MIXED.format(", ".join(hiding), ", ".join(keeping)))


_TIGHTENED: Final = (
    "Export {0.name!r} was published with authors that authors: {0.authors} hides. Its archives, "
    "deltas and snapshots still hold them. Erase them first: kili-export purge {1} "
    "{0.name}; or declare the export under another name."
)
_MIXED: Final = (
    "The exports {} hide authors, and {} of the same project name them: a reader of both finds "
    "out who is who. Declare authors for all of them, erase exports that ended, or confirm with "
    "--yes."
)


def _published(
    objects: ObjectStore, registration: ProjectRegistration, export: str
) -> Iterator[Manifest]:
    current, _ = load_manifest(objects, registration.project_id, export)
    if current is not None:
        yield current
        for _, snapshot in iter_snapshots(objects, registration.project_id, export):
            yield snapshot


def named_authors(published: Manifest) -> Authors | None:
    """How archives that are kept of an export name authors; None where none can."""
    if published.format in WRITE_AUTHORS:
        return published.options.authors
    return published.former_authors


def _tells_more(published: Manifest, export: ExportDeclaration) -> bool:
    return named_authors(published) in _LOOSER[export.authors]


def _hides(export: ExportDeclaration) -> bool:
    return export.format in WRITE_AUTHORS and export.authors is not Authors.KEEP


def _keeping(registration: ProjectRegistration) -> Iterator[str]:
    for export in registration.exports:
        if export.format in WRITE_AUTHORS and export.authors is Authors.KEEP:
            yield export.name


def _ended_and_keeping(objects: ObjectStore, registration: ProjectRegistration) -> Iterator[str]:
    declared = {export.name for export in registration.exports}
    for name in stored_exports(objects, registration.project_id):
        if name in declared:
            continue
        for manifest in _published(objects, registration, name):
            if named_authors(manifest) is Authors.KEEP:
                yield name
