"""What a generation changes for readers of the archive."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kili_export.archives.delta_document import ChangedAssets
from kili_export.archives.ledger.archive_files import FileDigest
from kili_export.archives.ledger.asset_ledger import AssetRecord
from kili_export.steps.publishing.increment.base_files import BaseFiles


@dataclass(frozen=True, slots=True)
class FileChanges:
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
    base: BaseFiles, brought: Mapping[str, FileDigest], removed: Iterable[str]
) -> FileChanges:
    """What replacing and removing files changes."""
    owners: dict[str, str | None] = {}
    for path in removed:
        file = base.find(path)
        owners[path] = None if file is None else file.asset_id
    return FileChanges(
        added={path: digest for path, digest in brought.items() if path not in base},
        changed={path: digest for path, digest in brought.items() if path in base},
        removed=owners,
    )


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
