"""The archive's regions between their stored form and the engine's."""

from kili_export.contracts import manifest as stored
from kili_export.domain.archive.layout import Regions


def regions_of(manifest: stored.Manifest) -> Regions:
    """The regions of a manifest's archive."""
    return from_stored(manifest.regions)


def from_stored(regions: stored.Regions) -> Regions:
    """Regions out of a manifest."""
    return Regions(regions.media_end, regions.labels_end, regions.documents_end)


def stored_regions(regions: Regions) -> stored.Regions:
    """Regions as a manifest holds them."""
    return stored.Regions(
        media_end=regions.media_end,
        labels_end=regions.labels_end,
        documents_end=regions.documents_end,
    )
