"""What a generation changes for whoever reads the archive."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kili_export.contracts.manifest import (
    ChangedAssets,
)
from kili_export.domain.archive.directory import Directory
from kili_export.domain.folders import folders_of
from kili_export.domain.ledger import AssetRecord, MemberRecord
from kili_export.usecases.aggregation.names import FileDigest


@dataclass(frozen=True, slots=True)
class Differences:
    """Files that come, change and go, by path; those that go with the asset they were of."""

    added: Mapping[str, FileDigest] = field(default_factory=dict)
    changed: Mapping[str, FileDigest] = field(default_factory=dict)
    removed: Mapping[str, str | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    @property
    def brought(self) -> frozenset[str]:
        """The files whose contents a reader must fetch."""
        return frozenset(self.added) | frozenset(self.changed)


def increment_differences(
    base: Directory, brought: Mapping[str, FileDigest], removed: Iterable[str]
) -> Differences:
    """What replacing and removing entries of an archive changes."""
    owners: dict[str, str | None] = {}
    for path in removed:
        record = base.find(path)
        owners[path] = record.owner or None if record is not None else None
    return Differences(
        added={path: digest for path, digest in brought.items() if path not in base},
        changed={path: digest for path, digest in brought.items() if path in base},
        removed=owners,
    )


def files_of(
    records: Iterable[AssetRecord], shared: Iterable[MemberRecord]
) -> dict[str, FileDigest]:
    """The files that an archive has, from its ledger in server order.

    The last claim has a name, of media the first one; nobody has that of a folder.
    """
    files: dict[str, FileDigest] = {}
    media: dict[str, FileDigest] = {}
    for record in records:
        for one in record.media:
            media.setdefault(one.path, FileDigest(one.sha256, one.identity, record.asset_id))
        for one in record.members:
            files[one.path] = FileDigest(one.sha256, one.identity, record.asset_id)
    files = {**media, **files}
    files.update({m.path: FileDigest(m.sha256, m.identity) for m in shared})
    folders = {folder for path in files for folder in folders_of(path)}
    return {path: digest for path, digest in files.items() if path not in folders}


def changed_assets(
    before: Mapping[str, AssetRecord], after: Mapping[str, AssetRecord]
) -> ChangedAssets:
    """The assets that came into the export, changed in it and went from it.

    Both hold every asset that the run touched and that was there before, or is there after it.
    """
    had = {asset_id: contents_of(record) for asset_id, record in before.items() if record.exported}
    has = {asset_id: contents_of(record) for asset_id, record in after.items() if record.exported}
    return ChangedAssets(
        added=tuple(sorted(has.keys() - had.keys())),
        changed=tuple(sorted(key for key in has.keys() & had.keys() if had[key] != has[key])),
        removed=tuple(sorted(had.keys() - has.keys())),
    )


def contents_of(record: AssetRecord) -> tuple[frozenset[tuple[str, str]], ...]:
    """What of an asset readers of the archive can see."""
    return (
        frozenset((member.path, member.identity) for member in record.files),
        frozenset((fragment.stream, fragment.identity) for fragment in record.fragments),
    )
