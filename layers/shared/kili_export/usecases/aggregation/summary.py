"""What a manifest says of an export besides where its archive is."""

from collections.abc import Mapping, Set
from datetime import datetime
from typing import TYPE_CHECKING

from kili_export.contracts.manifest import ClassEntry, Counts, Manifest, Quarantined
from kili_export.domain.project import Project

if TYPE_CHECKING:
    from kili_export.usecases.aggregation.generation import Generation


def classes_of(project: Project) -> tuple[ClassEntry, ...]:
    """The classes of all jobs, in the interface's order."""
    return tuple(
        ClassEntry(job=job.name, key=category.key, name=category.name)
        for job in project.jobs()
        for category in job.categories
    )


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


def count(generation: "Generation", previous: Manifest | None, members: int) -> Counts:
    """The counts after a generation."""
    new, old = generation.new, generation.old
    if generation.base is None or previous is None:
        return Counts(
            assets=len(new),
            exported=sum(record.exported for record in new.values()),
            members=members,
            uncompressed_bytes=_bytes_brought(generation),
        )
    before = previous.counts
    lost = sum(
        record.size
        for path in {*generation.removed, *generation.brought}
        if (record := generation.base.directory.find(path)) is not None
    )
    return Counts(
        assets=before.assets + len(new.keys() - old.keys()) - len(generation.gone),
        exported=before.exported
        + sum(record.exported for record in new.values())
        - sum(record.exported for record in old.values()),
        members=members,
        uncompressed_bytes=before.uncompressed_bytes + _bytes_brought(generation) - lost,
    )


def _bytes_brought(generation: "Generation") -> int:
    labels = sum(item.member.record.size for item in generation.names.located)
    restored = sum(entry.size for _, entry in generation.names.restored)
    return labels + restored + sum(file.size for file in generation.shared.files)
