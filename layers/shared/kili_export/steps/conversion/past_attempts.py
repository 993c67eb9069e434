"""How often former runs tried what a run takes on, without success."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from kili_export.changes.events.pending_changes import MOST_FOLLOW_UPS, asset_of
from kili_export.runs.plan import RunPlan
from kili_export.runs.planned_changes import read_planned_marks
from kili_export.storage.object_store import ObjectStore

_OF_ONE_ASSET: Final = 3
"""About a minute: a storage that is down for longer does no harm, since the asset keeps its last
files, and the next comparison with Kili tries it again."""

_OF_A_FULL_EXPORT: Final = MOST_FOLLOW_UPS - 1
"""About five minutes: the last run that starts by itself settles it."""


@dataclass(frozen=True, slots=True)
class PastAttempts:
    """Attempts by asset, for assets with a pending change, and those of the project's changes."""

    assets: Mapping[str, int]
    project: int

    @classmethod
    def of(cls, objects: ObjectStore, plan: RunPlan) -> Self:
        """Those before a run. Raises IntegrityError when its pending changes cannot be read."""
        assets: dict[str, int] = {}
        project = 0
        for line in read_planned_marks(objects, plan).values():
            asset_id = asset_of(line.subject)
            if asset_id is None:
                project = max(project, line.attempts)
            else:
                assets[asset_id] = line.attempts
        return cls(assets, project)

    def suffice(self, asset_ids: Iterable[str]) -> bool:
        """Whether all of the assets were tried so often that they are given up for now."""
        return all(self._suffices(asset_id) for asset_id in asset_ids)

    def _suffices(self, asset_id: str) -> bool:
        own = self.assets.get(asset_id)
        if own is not None and own >= _OF_ONE_ASSET:
            return True
        return self.project >= _OF_A_FULL_EXPORT
