"""The limits of multipart uploads, and how this package works within them."""

from dataclasses import dataclass, replace
from typing import Final

MIB: Final = 1 << 20
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class PartLimits:
    """All sizes are in bytes.

    S3 rules (Amazon S3 User Guide, "Multipart upload limits" and "UploadPartCopy"): parts have
    `min_part` to `max_part` bytes except the last, there are at most `max_parts`, and a range is
    copied only from an object larger than `min_part`.

    Our choices: archives up to `rewrite_below` are assembled by the client and written at
    once; runs of at least `copy_from` are copied by the server, in parts of at most `copy`, so
    that they run in parallel; shorter ones are read and join parts of at most `buffer`. Where
    that gives too many parts, `copy` grows; where it still does, objects are joined first
    (`kili_export.splicing.part_joins`). An upload of `resumable_from` parts or more may take
    several invocations; a smaller one is started again, which costs less than to record it.
    """

    min_part: int = 5 * MIB
    max_part: int = 5 * GIB
    max_parts: int = 10_000
    rewrite_below: int = 64 * MIB
    copy_from: int = 5 * MIB
    copy: int = 256 * MIB
    buffer: int = 16 * MIB
    resumable_from: int = 100

    def __post_init__(self) -> None:
        if not (
            self.min_part <= min(self.copy_from, self.copy, self.buffer)
            and max(self.copy_from, self.copy, self.buffer) <= self.max_part
        ):
            raise ValueError(f"limits that contradict each other: {self}")

    def coarser(self) -> "PartLimits | None":
        """Limits that give fewer parts; None when there are none."""
        coarse = replace(self, copy=min(4 * self.copy, self.max_part))
        return None if coarse == self else coarse


DEFAULT_LIMITS: Final = PartLimits()
