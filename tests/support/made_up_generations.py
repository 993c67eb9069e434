"""Manifests of made-up generations, with the objects that they name."""

from datetime import datetime

from kili_export.archives.manifest import (
    CHAIN_LENGTH,
    ArchiveReference,
    Counts,
    DeltaReference,
    Manifest,
    Regions,
    TableReference,
)
from kili_export.core.bucket_layout import archive_key, delta_key, ledger_key
from kili_export.core.export_options import ExportOptions, OptionsDocument
from kili_export.costs.usage import Transfer

PROJECT, EXPORT = "proj1", "yolo"


def manifest_of(
    generation: int,
    run: str,
    at: datetime,
    previous: Manifest | None = None,
    *,
    ledger_alone: bool = False,
    followed: bool = False,
) -> Manifest:
    """The manifest after `previous`; with `ledger_alone` the archive stays as it was.

    With `followed` it stays as well, and a delta follows it.
    """
    archive = ArchiveReference(
        key=archive_key(PROJECT, EXPORT, generation, run),
        etag='"a"',
        size=1,
        members=1,
        generation=generation,
    )
    chain: tuple[DeltaReference, ...] = ()
    following: tuple[DeltaReference, ...] = ()
    if previous is not None and ledger_alone:
        archive, chain, at = previous.archive, previous.recent_deltas, previous.published_at
        following = previous.deltas
    elif previous is not None:
        delta = DeltaReference(
            key=delta_key(PROJECT, EXPORT, generation, run),
            etag='"d"',
            size=1,
            generation=generation,
            from_generation=generation - 1,
            added=0,
            changed=1,
            removed=0,
        )
        chain = (*previous.recent_deltas, delta)[-CHAIN_LENGTH:]
        if followed:
            archive, following = previous.archive, (*previous.deltas, delta)
    return Manifest(
        project_id=PROJECT,
        export_name=EXPORT,
        format="yolo_v8",
        options=OptionsDocument.of(ExportOptions("yolo_v8")),
        generation=generation,
        run_id=run,
        published_at=at,
        archive=archive,
        deltas=following,
        recent_deltas=chain,
        counts=Counts(assets=1, exported=1, members=1, uncompressed_bytes=1),
        moved=Transfer(requests={}, bytes_down=0, bytes_up=0),
        definition="d",
        dated="2026",
        ledger=TableReference(key=ledger_key(PROJECT, EXPORT, generation, run), etag='"l"', size=1),
        regions=Regions(media_end=0, labels_end=0, documents_end=0),
    )


def named_keys(manifest: Manifest) -> set[str]:
    """Every object that a manifest names."""
    return {
        manifest.archive.key,
        manifest.ledger.key,
        *(delta.key for delta in (*manifest.deltas, *manifest.recent_deltas)),
    }
