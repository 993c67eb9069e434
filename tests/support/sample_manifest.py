"""Manifests for tests that care for some of their fields."""

from datetime import UTC, datetime
from typing import Any

from kili_export.archives.manifest import (
    ArchiveReference,
    Counts,
    Manifest,
    Regions,
    TableReference,
)
from kili_export.core.export_options import OptionsDocument
from kili_export.costs.usage import Transfer


def manifest_of(**fields: Any) -> Manifest:
    """A manifest with these fields; the others have plain values."""
    plain: dict[str, Any] = {
        "project_id": "project",
        "export_name": "yolo",
        "format": "yolo_v8",
        "options": OptionsDocument(format="yolo_v8"),
        "generation": 1,
        "run_id": "run",
        "published_at": datetime(2026, 3, 2, 12, 0, 9, tzinfo=UTC),
        "archive": ArchiveReference(key="a.zip", etag='"e"', size=1, members=1, generation=1),
        "counts": Counts(assets=1, exported=1, members=1, uncompressed_bytes=1),
        "moved": Transfer(requests={}, bytes_down=0, bytes_up=0),
        "definition": "d",
        "dated": "2026-03-02T12:00:00+00:00",
        "ledger": TableReference(key="l.zip", etag='"l"', size=1),
        "regions": Regions(media_end=0, labels_end=1, documents_end=1),
    }
    return Manifest(**{**plain, **fields})
