"""What was measured of one export, by one of the two sides."""

from dataclasses import dataclass
from typing import Literal

FORMATS = ("yolo_v8", "coco", "pascal_voc", "kili")
MERGED = frozenset({"pascal_voc"})
"""Formats without the layout that is the default of both sides."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table.

    `seconds` are of processing: without the window in which changes are collected and without
    `waited`, the seconds in one's own rate limiter. `peak_memory` is that of the largest
    process, `up` and `down` are bytes between clients and S3 (the SDK uses none). `kili_bytes`
    are bodies that Kili sent.
    """

    side: Literal["ours", "SDK"]
    what: Literal["full", "change, rewritten", "change, spliced", "change"]
    formats: tuple[str, ...]
    assets: int
    seconds: float
    waited: float
    peak_memory: int
    calls: int
    kili_bytes: int
    s3_requests: int = 0
    up: int = 0
    down: int = 0
    archive: int = 0
    """Bytes of the archives that came out of it."""
