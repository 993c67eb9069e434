"""Compares what readers find with the truth: one cell of the table for each reader and kind."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.limits import Limit
from devtools.readers.listing import ReaderFailed, differences
from devtools.readers.reader import SCRIPTS, Reader

_WIDEST: Final = 240


class Outcome(StrEnum):
    """RIGHT: every byte as it must be. LIMITED: it fails, as is known of it. WRONG: all else."""

    RIGHT = "right"
    LIMITED = "limited"
    WRONG = "wrong"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Cell:
    """One reader on one kind of archive. `detail` is a sentence where it is not right.

    `label` is what a table shows of a limit.
    """

    reader: str
    kind: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """What is known before any reader is tried.

    `absent` says by reader what it misses on this machine, `limits` by reader and kind what it
    cannot do.
    """

    absent: Mapping[str, str]
    limits: Mapping[tuple[str, str], Limit]

    def cells(
        self,
        kind: str,
        sample: SampleArchive,
        readers: Sequence[Reader],
        scratch: Path,
        processes: int,
    ) -> Iterator[Cell]:
        """One cell for each reader, in their order; `processes` of them read at once."""
        with ThreadPoolExecutor(processes) as pool:
            yield from pool.map(lambda reader: self.cell(reader, kind, sample, scratch), readers)

    def cell(self, reader: Reader, kind: str, sample: SampleArchive, scratch: Path) -> Cell:
        """Reads the archive and compares. What the reader writes is below `scratch`, for a time."""
        if absent := self.absent.get(reader.name):
            return Cell(reader.name, kind, Outcome.MISSING, absent)
        began = time.monotonic()
        problem = _shown(_problem(reader, sample, scratch), sample, scratch)
        seconds = time.monotonic() - began
        limit = self._limit(reader, kind, sample)
        outcome, detail = _judged(problem, limit)
        label = limit.label if limit and outcome is Outcome.LIMITED else ""
        return Cell(reader.name, kind, outcome, detail, seconds, label)

    def _limit(self, reader: Reader, kind: str, sample: SampleArchive) -> Limit | None:
        if reader.names and reader.rewrites(sample.truth):
            return Limit(reader.name, (kind,), "names", reader.names.reason)
        return self.limits.get((reader.name, kind))


def _judged(problem: str, limit: Limit | None) -> tuple[Outcome, str]:
    if limit is None:
        return (Outcome.WRONG, problem) if problem else (Outcome.RIGHT, "")
    if problem:
        return Outcome.LIMITED, f"{limit.reason} ({problem})"
    return Outcome.WRONG, f"it reads every file, although its limit says: {limit.reason}"


def _problem(reader: Reader, sample: SampleArchive, scratch: Path) -> str:
    """What is wrong with what the reader finds; empty where nothing is."""
    try:
        listing = reader.listing(sample.path, scratch)
    except ReaderFailed as error:
        return str(error)
    problem = differences(listing, sample.truth, composes_names=reader.composes_names)
    return f"status 0, and {problem}" if problem else ""


def _shown(problem: str, sample: SampleArchive, scratch: Path) -> str:
    """The problem without places of this machine, and not too long."""
    for place in (sample.path.parent, scratch, SCRIPTS):
        problem = problem.replace(f"{place}/", "")
    return problem if len(problem) <= _WIDEST else f"{problem[:_WIDEST]}..."
