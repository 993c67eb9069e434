"""What was measured of one export, by one of the two sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kili_export.archives.manifest import Manifest

FORMATS = ("yolo_v8", "coco", "pascal_voc", "kili")
MERGED = frozenset({"pascal_voc"})
"""Formats without the layout that is the default of both sides."""
Side = Literal["ours", "one shot", "SDK"]
What = Literal["full", "change, rewritten", "change, spliced", "change, as a delta"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table: one side's export of some formats, or its export after a change.

    `seconds` are of processing, without the window in which changes are collected and without
    `waited`, the seconds in one's own rate limiter; `cpu` are seconds of a core, of ours with S3
    and the workflow, of neither with Kili. `peak_memory` is that of the largest
    process, `up` and `down` are bytes between clients and S3 on the wire (the SDK uses none),
    `archive` the bytes of the archives that came out of it, and of these `spanning` those of
    documents over the whole dataset and `directory` those of their directories. `ledgers` are
    the bytes of the ledgers' directories. `kili_cpu` are the seconds of a core that the stand-in
    of Kili took. `cpu_by_role` has `cpu` of our processes by what they do.
    """

    side: Side
    what: What
    formats: tuple[str, ...]
    assets: int
    seconds: float
    cpu: float
    waited: float
    peak_memory: int
    calls: int
    kili_bytes: int
    kili_cpu: float
    s3_requests: int = 0
    up: int = 0
    down: int = 0
    archive: int = 0
    directory: int = 0
    ledgers: int = 0
    spanning: int = 0
    cpu_by_role: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Assets a second, each counted once for each format."""
        return self.assets * len(self.formats) / self.seconds


def total(lines: list[Measured]) -> Measured:
    """One side's exports of one format after another, as one line."""
    first = lines[0]
    return Measured(
        side=first.side,
        what=first.what,
        formats=tuple(kind for line in lines for kind in line.formats),
        assets=first.assets,
        seconds=sum(line.seconds for line in lines),
        cpu=sum(line.cpu for line in lines),
        waited=sum(line.waited for line in lines),
        peak_memory=max(line.peak_memory for line in lines),
        calls=sum(line.calls for line in lines),
        kili_bytes=sum(line.kili_bytes for line in lines),
        kili_cpu=sum(line.kili_cpu for line in lines),
        s3_requests=sum(line.s3_requests for line in lines),
        up=sum(line.up for line in lines),
        down=sum(line.down for line in lines),
        archive=sum(line.archive for line in lines),
        directory=sum(line.directory for line in lines),
        ledgers=sum(line.ledgers for line in lines),
        spanning=sum(line.spanning for line in lines),
    )


def directory_bytes(manifest: Manifest) -> int:
    """Bytes of the indexes of all tables that a manifest names."""
    return sum(table.index for table in manifest.tables)
