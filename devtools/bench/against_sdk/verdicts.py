"""Whether what was measured reaches what the system is meant to reach."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devtools.bench.against_sdk.comparison import Comparison
from devtools.bench.measured import Measured
from kili_export.splicing.part_limits import DEFAULT_LIMITS

LARGE = 50_000
"""Assets from which on an increment is held against a full export."""
FULL_FROM = 10_000
"""Assets from which on a full export is held against the SDK's."""
_FULL, _FULL_CPU, _ALONE = 10.0, 5.0, 3.0
_INCREMENT = 100.0
_SHARE = 0.05
_REWRITTEN = DEFAULT_LIMITS.rewrite_below
"""Bytes up to which an archive is rewritten as a whole by default."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what was found. `holds` is None where the size was too small to tell."""

    target: str
    found: str
    holds: bool | None

    @property
    def word(self) -> str:
        """The verdict."""
        return {True: "reached", False: "NOT reached", None: "not judged"}[self.holds]


def verdicts(comparisons: Sequence[Comparison]) -> list[Verdict]:
    """All verdicts on what was measured, at every size."""
    found = [verdict for one in comparisons for verdict in _full(one)]
    for one in comparisons:
        found += _first_calls(one)
        found += _increments(one)
    found += [_bytes(one) for one in comparisons]
    problems = [problem for one in comparisons for problem in one.problems]
    found.append(
        Verdict(
            "every archive is sound for every reader and holds what the SDK's holds",
            "; ".join(problems[:3]) or "all of them",
            not problems,
        )
    )
    return found


def _full(one: Comparison) -> Iterable[Verdict]:
    """At 10,000 assets and above: below, what does not depend on the size decides."""
    ours, theirs = one.line("ours", "full"), one.line("SDK", "full")
    yield _faster("all formats", ours, theirs, _FULL, _FULL_CPU)
    for mine in one.alone:
        found = [its for its in one.alone if its.side == "SDK" and its.formats == mine.formats]
        if mine.side == "ours" and found:
            yield _faster(f"{mine.formats[0]} alone", mine, found[0], _ALONE, _ALONE)


def _faster(
    what: str, ours: Measured, theirs: Measured, by_clock: float, by_processor: float
) -> Verdict:
    clock, processor = theirs.seconds / ours.seconds, theirs.cpu / ours.cpu
    return Verdict(
        f"full export of {ours.assets} assets, {what}: {by_clock:.0f} times faster than the SDK, "
        f"with {by_processor:.0f} times less processor time",
        f"{clock:.1f} times faster ({ours.seconds:.1f} s against {theirs.seconds:.1f} s), "
        f"{processor:.1f} times less ({ours.cpu:.1f} s against {theirs.cpu:.1f} s)",
        clock >= by_clock and processor >= by_processor if ours.assets >= FULL_FROM else None,
    )


def _first_calls(one: Comparison) -> Iterable[Verdict]:
    """An export in one process takes no longer than the SDK's, from the first call on."""
    for ours in (line for line in one.alone if line.side == "one shot"):
        [theirs] = [
            line for line in one.alone if line.side == "SDK" and line.formats == ours.formats
        ]
        yield Verdict(
            f"first call of `kili-export export` for {one.assets} assets in {ours.formats[0]}: at "
            "least as fast as kili.export_labels",
            f"{theirs.seconds / ours.seconds:.1f} times as fast ({ours.seconds:.1f} s against "
            f"{theirs.seconds:.1f} s)",
            ours.seconds <= theirs.seconds,
        )


def _increments(one: Comparison) -> Iterable[Verdict]:
    theirs = one.again()
    for what in ("change, rewritten", "change, spliced", "change, as a delta"):
        ours = one.line("ours", what)
        faster, fewer = theirs.seconds / ours.seconds, theirs.calls / max(1, ours.calls)
        judged = one.assets >= LARGE
        yield Verdict(
            f"one changed label of {one.assets} assets ({what.partition(', ')[2]}): "
            f"{_INCREMENT:.0f} times faster than the SDK's export, with {_INCREMENT:.0f} times "
            "fewer GraphQL calls",
            f"{faster:.0f} times faster ({ours.seconds:.1f} s against {theirs.seconds:.1f} s), "
            f"{fewer:.0f} times fewer calls ({ours.calls} against {theirs.calls})",
            faster >= _INCREMENT and fewer >= _INCREMENT if judged else None,
        )


def _bytes(one: Comparison) -> Verdict:
    """An increment reads the directories of archive and ledger once, and writes both once.

    The same holds for documents over the whole dataset, which are counted apart. Archives that
    are rewritten as a whole by default are not judged: S3 copies nothing below 5 MiB, and in so
    small ones that is most of it. The benchmark of growth has a large one.
    """
    ours = one.line("ours", "change, spliced")
    moved = max(0, ours.up + ours.down - 2 * ours.spanning)
    directories = 2 * (ours.directory + ours.ledgers)
    allowed = _SHARE * ours.archive + directories
    return Verdict(
        f"one changed label of {one.assets} assets (spliced) moves at most {_SHARE:.0%} of the "
        "archives, and their directories and those of their ledgers in and out, spanning "
        "documents apart",
        f"{moved / 1e6:.1f} MB of {allowed / 1e6:.1f} MB, {directories / 1e6:.1f} MB of these "
        f"for directories; {2 * ours.spanning / 1e6:.1f} MB apart",
        moved <= allowed if ours.archive > len(ours.formats) * _REWRITTEN else None,
    )
