"""What came out of a comparison, and the judgement that leads to it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from devtools.parity.combinations import Combination
from devtools.parity.comparison import Files, Finding, Verdict, compare
from devtools.parity.corrected import Corrected
from devtools.parity.differences import explanation, unexplained
from devtools.parity.sdk_side import SdkExport

_MOST_DETAILS = 3


@dataclass(slots=True)
class Result:
    """How one combination of one project compares: numbers of files, or of refusals."""

    project: str
    combination: Combination
    occasion: str = ""
    equal: int = 0
    in_meaning: int = 0
    on_purpose: int = 0
    different: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    asides: Counter[str] = field(default_factory=Counter)
    note: str = ""
    details: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The combination, and on which occasion it was compared."""
        return f"{self.combination.title} {self.occasion}".rstrip()

    def blame(self, detail: str) -> None:
        """Counts a difference that nothing explains."""
        self.different += 1
        if len(self.details) < _MOST_DETAILS:
            self.details.append(detail)

    def excuse(self, row: str) -> None:
        """Counts a difference on purpose."""
        self.on_purpose += 1
        self.rows[row] += 1


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges combinations of one project by the rows that it may show."""

    project: str
    rows: tuple[str, ...]

    def refused(self, result: Result, refusal: str, theirs: SdkExport) -> None:
        """Ours was refused when it was registered."""
        combination = result.combination
        if theirs.archive is None:
            result.note = "refused by both"
            if combination.legal:
                result.blame(f"refused by both: ours {refusal!r}, theirs {theirs.message!r}")
            else:
                result.equal += 1
            return
        row = explanation(self.rows, combination, refusal=refusal)
        result.note = "refused by ours"
        if row is None:
            result.blame(f"only ours refuses: {refusal}")
        else:
            result.excuse(row)

    def failed(self, result: Result, message: str) -> bool:
        """The SDK failed where we export. Answers whether a row tells why."""
        row = explanation(self.rows, result.combination, failure=message)
        result.note = "the SDK fails"
        if row is None:
            result.blame(f"only the SDK fails: {message}")
            return False
        result.excuse(row)
        return True

    def archives(
        self, result: Result, ours: Files, theirs: Files, corrected: Corrected | None = None
    ) -> None:
        """Both exported; `corrected` compares archives of which ours has no flaws."""
        combination = result.combination
        if not combination.legal:
            result.blame("exported by both, though the combination makes no sense")
        if corrected is not None:
            for finding in corrected.findings(ours, theirs):
                self._count(result, finding, None, "")
            return
        for finding in compare(ours, theirs, combination.format):
            row = explanation(self.rows, combination, finding=finding)
            left = "" if row is None else unexplained(row, finding, ours, theirs, combination)
            self._count(result, finding, row, left)

    def one_shot(self, result: Result, ours: Files, published: Files) -> None:
        """The export in one process must have the files that a stack published."""
        for finding in compare(ours, published, result.combination.format):
            if finding.verdict not in (Verdict.EQUAL, Verdict.MEANING):
                result.blame(f"in one process: {finding.path}: {finding.verdict} {finding.detail}")

    def _count(self, result: Result, finding: Finding, row: str | None, left: str) -> None:
        if finding.verdict is Verdict.EQUAL:
            result.equal += 1
        elif finding.verdict is Verdict.MEANING:
            result.in_meaning += 1
            result.asides[finding.aside] += 1
        elif finding.row:
            result.excuse(finding.row)
        elif row is None:
            result.blame(f"{finding.path}: {finding.verdict} {finding.detail}".rstrip())
        elif left:
            result.blame(f"{finding.path}: more than row {row} tells: {left}")
        else:
            result.excuse(row)


def rows_shown(results: Iterable[Result]) -> Counter[str]:
    """How often each row of the table of differences was met."""
    shown: Counter[str] = Counter()
    for result in results:
        shown += result.rows
    return shown


def left_aside(results: Iterable[Result]) -> Counter[str]:
    """How many files that are equal in meaning differ in what."""
    aside: Counter[str] = Counter()
    for result in results:
        aside += result.asides
    return aside
