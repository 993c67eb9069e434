"""Where our exports differ from the SDK's on purpose: the rows of `docs/differences.md`.

A row explains what it names and nothing else: files by their paths, refusals and failures by
their messages. What no row of a project explains counts as different.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from local.parity.combinations import YOLO, Combination
from local.parity.comparison import Finding

_ANY = re.compile("")
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Difference:
    """One row. Each pattern says what it explains; left out, it explains nothing of that kind.

    `files`: paths of files that differ. `refusal`: what we answer where the SDK exports.
    `failure`: what the SDK raises where we export. `by_chance`: it need not show every time.
    `of_nothing`: it is about exports that select no asset at all.
    """

    files: re.Pattern[str] = _NEVER
    refusal: re.Pattern[str] = _NEVER
    failure: re.Pattern[str] = _NEVER
    formats: tuple[str, ...] = ()
    by_chance: bool = False
    of_nothing: bool = False

    def concerns(self, combination: Combination) -> bool:
        """Whether the row is about the combination's format and selection."""
        if self.of_nothing and combination.options.get("asset_ids") != []:
            return False
        return not self.formats or combination.format in self.formats


DIFFERENCES: Mapping[str, Difference] = {
    "2": Difference(files=_ANY, of_nothing=True),
    "3": Difference(
        refusal=re.compile("latest_from_last_step"),
        formats=(*YOLO, "coco", "pascal_voc", "geojson"),
    ),
    "14": Difference(
        files=re.compile(r"(^|/)up\.|(^|/)labels\.json$|remote_assets\.csv$|/c\.jpg|/c\.")
    ),
    "16": Difference(files=re.compile(r"(^|/)(data\.yaml|classes\.txt)$"), formats=YOLO),
    "20": Difference(
        files=re.compile(r"here\.|CON\.|x[\\/]y\.|folder|(^|/)labels\.json$|remote_assets\.csv$")
    ),
    "21": Difference(failure=re.compile("not well-formed"), formats=("pascal_voc",)),
    "22": Difference(
        files=re.compile(r"labels/(both|whole)\.mp4\.json|data\.json"),
        failure=re.compile("TypeError.*'<' not supported"),
        formats=("kili", "raw"),
    ),
    "23": Difference(failure=re.compile("KeyError.*LORRY"), formats=(*YOLO, "coco")),
    "23b": Difference(failure=re.compile("KeyError"), formats=("coco",)),
    "24": Difference(failure=re.compile("KeyError.*type"), formats=YOLO),
    "25": Difference(failure=re.compile("KeyError.*boundingPoly"), formats=("coco", "pascal_voc")),
    "26": Difference(
        files=re.compile(r"labels/null\.jpg\.json|data\.json"),
        failure=re.compile("TypeError|linearring|IndexError"),
    ),
    "27": Difference(
        failure=re.compile("Could not find dimensions"), formats=("coco", "pascal_voc")
    ),
    "28": Difference(
        files=re.compile(r"labels/(unmeasured|page_missing)\.pdf\.json|data\.json"),
        failure=re.compile("PDF labels|[Pp]age"),
        formats=("kili", "raw"),
    ),
    "29": Difference(
        failure=re.compile("geotiff", re.IGNORECASE), formats=(*YOLO, "coco", "pascal_voc", "kili")
    ),
    "32": Difference(
        files=re.compile(
            r"^(assets|images|data)/(a|renamed \d+|added \d+)\.(jpg|png)(_\d+\.jpg)?$"
        ),
        by_chance=True,
    ),
    "unknown": Difference(refusal=re.compile("must be one of")),
    "media": Difference(files=re.compile(r"labels/text_\d+\.txt\.json$"), formats=("kili", "raw")),
}


def explanation(
    rows: Iterable[str],
    combination: Combination,
    *,
    finding: Finding | None = None,
    refusal: str | None = None,
    failure: str | None = None,
) -> str | None:
    """The first row that explains a file, a refusal of ours or a failure of theirs."""
    for row in rows:
        difference = DIFFERENCES[row]
        if not difference.concerns(combination):
            continue
        if (
            (finding is not None and difference.files.search(finding.path))
            or (refusal is not None and difference.refusal.search(refusal))
            or (failure is not None and difference.failure.search(failure))
        ):
            return row
    return None
