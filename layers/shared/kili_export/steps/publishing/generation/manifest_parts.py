"""What a manifest says of an export besides where its archive is."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Final

from kili_export.archives.declared_authors import WRITE_AUTHORS, named_authors
from kili_export.archives.manifest import ClassEntry, Manifest, Quarantined
from kili_export.archives.statistics import Statistics
from kili_export.core.export_options import Authors
from kili_export.core.project import Project

RETENTION_EVERY: Final = 8
"""Generations that write no large archive leave little to be deleted; to look for it costs."""
_LITTLE: Final = 16 << 20


def classes_of(project: Project) -> tuple[ClassEntry, ...]:
    """The classes of all jobs, in the interface's order."""
    return tuple(
        ClassEntry(job=job.name, key=category.key, name=category.name)
        for job in project.jobs()
        for category in job.categories
    )


def classes_generation(
    previous: Manifest | None, classes: Sequence[ClassEntry], generation: int
) -> int:
    """The generation that the classes came with as they are, which is now `generation`."""
    if previous is None or previous.classes != classes:
        return generation
    return previous.classes_generation


def former_authors(previous: Manifest | None, kind: str) -> Authors | None:
    """How generations before named authors, if this one of the format `kind` names none."""
    return None if previous is None or kind in WRITE_AUTHORS else named_authors(previous)


def statistics_of(
    previous: Manifest | None, counted: Statistics | None, *, changed: bool
) -> dict[str, Statistics | None]:
    """The fields of the numbers of classes: those of a generation stay while its files do.

    What was counted since stands beside them until there is another generation.
    """
    if changed or previous is None or counted is None:
        return {"statistics": counted}
    counted_since = None if counted == previous.statistics else counted
    return {"statistics": previous.statistics, "counted_since": counted_since}


def quarantined(
    previous: Manifest | None,
    failed: Mapping[str, str],
    settled: Set[str],
    *,
    run_id: str,
    now: datetime,
) -> tuple[Quarantined, ...]:
    """The assets that could not be exported: those of before that are not settled, and new ones.

    An asset that fails again in the same way keeps the time and the run of its first failure.
    """
    listed = {
        entry.asset_id: entry
        for entry in (previous.quarantined if previous else ())
        if entry.asset_id not in settled
    }
    for asset_id, error in failed.items():
        before = listed.get(asset_id)
        if before is None or before.error != error:
            listed[asset_id] = Quarantined(asset_id=asset_id, error=error, since=now, run_id=run_id)
    return tuple(listed[asset_id] for asset_id in sorted(listed))


def is_retention_due(manifest: Manifest, before: Manifest | None) -> bool:
    """Whether what expired is looked for after a commit. `before` is what it replaced.

    Commits that leave the generation as it is, of a ledger alone, may go on without any number.
    A small archive leaves little, too.
    """
    stays = before is not None and before.generation == manifest.generation
    leaves_much = manifest.is_rewritten and manifest.archive.size > _LITTLE
    return stays or leaves_much or manifest.generation % RETENTION_EVERY == 0
