"""Where our exports differ from the SDK's on purpose: the rows of `docs/reference/differences.md`.

A row explains what it names and nothing else: files by their paths, refusals and failures by
their messages. What no row of a project explains counts as different, and so does what is left of
a difference that one explains: see `Difference.reading` and `Difference.sound`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from devtools.corpus import flawed
from devtools.parity import readings
from devtools.parity.combinations import YOLO, Combination
from devtools.parity.comparison import Files, Finding, Verdict, compare
from devtools.parity.readings import Reading
from kili_export.local.kili_standin.state.model import Project

_ANY = re.compile("")
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Difference:
    """One row. Each pattern says what it explains; left out, it explains nothing of that kind.

    `files`: paths of files that differ. `refusal`: what we answer where the SDK exports.
    `failure`: what the SDK raises where we export. `by_chance`: it need not show every time.
    `of_nothing`: it is about exports that select no asset at all.

    What has to be equal all the same: files that are on both sides, by their `reading`; without
    one, the whole archive, which has to be the SDK's of the `sound` project, with our files `told`
    as there.
    """

    files: re.Pattern[str] = _NEVER
    refusal: re.Pattern[str] = _NEVER
    failure: re.Pattern[str] = _NEVER
    formats: tuple[str, ...] = ()
    by_chance: bool = False
    of_nothing: bool = False
    reading: Reading | None = None
    sound: Callable[[Project], Project] | None = None
    told: Callable[[Files], Files] | None = None

    def concerns(self, combination: Combination) -> bool:
        """Whether the row is about the combination's format and selection."""
        options = combination.options
        if self.of_nothing and [] not in (options.get("asset_ids"), options.get("external_ids")):
            return False
        return not self.formats or combination.format in self.formats


DIFFERENCES: Mapping[str, Difference] = {
    "2": Difference(files=_ANY, of_nothing=True, sound=flawed.without_assets),
    "3": Difference(
        refusal=re.compile("latest_from_last_step"),
        formats=(*YOLO, "coco", "pascal_voc", "geojson"),
    ),
    "14": Difference(
        files=re.compile(r"(^|/)up\.|(^|/)labels\.json$|remote_assets\.csv$|/c\.jpg|/c\."),
        sound=flawed.with_safe_names,
        told=readings.renamed,
    ),
    "16": Difference(
        files=re.compile(r"(^|/)(data\.yaml|classes\.txt)$"),
        formats=YOLO,
        reading=readings.quoted_as_the_sdk_does,
    ),
    "20": Difference(
        files=re.compile(r"here\.|CON\.|x[\\/]y\.|folder|(^|/)labels\.json$|remote_assets\.csv$"),
        sound=flawed.with_safe_names,
        told=readings.renamed,
    ),
    "21": Difference(failure=re.compile("not well-formed"), formats=("pascal_voc",)),
    "22": Difference(
        files=re.compile(r"labels/(both|whole)\.mp4\.json$"),
        failure=re.compile("TypeError.*'<' not supported|ValueError.*assetLevel"),
        formats=("kili", "raw", "coco", "pascal_voc"),
        reading=readings.without_asset_level,
    ),
    "23": Difference(failure=re.compile("KeyError.*LORRY"), formats=(*YOLO, "coco")),
    "23b": Difference(failure=re.compile("KeyError"), formats=("coco",)),
    "24": Difference(failure=re.compile("KeyError.*type"), formats=YOLO),
    "25": Difference(failure=re.compile("KeyError.*boundingPoly"), formats=("coco", "pascal_voc")),
    "26": Difference(
        files=re.compile(r"labels/null\.jpg\.json$"),
        failure=re.compile("TypeError|linearring|IndexError"),
        reading=readings.without_nulls_in_lists,
    ),
    "27": Difference(
        failure=re.compile("Could not find dimensions"), formats=("coco", "pascal_voc")
    ),
    "28": Difference(
        files=re.compile(r"labels/(unmeasured|page_missing)\.pdf\.json$"),
        failure=re.compile("PDF labels|[Pp]age"),
        formats=("kili", "raw"),
        reading=readings.without_pixels,
    ),
    "29": Difference(
        failure=re.compile("geotiff", re.IGNORECASE), formats=(*YOLO, "coco", "pascal_voc", "kili")
    ),
    "32": Difference(
        files=re.compile(
            r"^(assets|images|data)/(a|renamed \d+|added \d+)\.(jpg|png)(_\d+\.jpg)?$"
        ),
        by_chance=True,
        sound=flawed.with_the_first_picture_of_a_name,
    ),
    "layered": Difference(failure=re.compile("NotImplementedError"), formats=("kili", "raw")),
    "unknown ids": Difference(
        failure=re.compile("have not been found"), sound=flawed.with_one_called_so
    ),
    "unknown": Difference(refusal=re.compile("must be one of")),
    "media": Difference(
        files=re.compile(r"labels/text_\d+\.txt\.json$"),
        formats=("kili", "raw"),
        reading=readings.without_json_content,
    ),
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


def unexplained(
    row: str, finding: Finding, ours: Files, theirs: Files, combination: Combination
) -> str:
    """What a row leaves unexplained of a difference in a file; empty when it explains all of it.

    Where the row has a sound project, that tells: see `sound_sides`.
    """
    reading = DIFFERENCES[row].reading
    if reading is None:
        return ""
    if finding.verdict is not Verdict.DIFFERENT:
        return str(finding.verdict)
    path = finding.path
    mine, new = reading(ours[path]), reading(theirs[path])
    (read,) = compare({path: mine}, {path: new}, combination.format)
    return read.detail


@dataclass(frozen=True, slots=True)
class SoundSide:
    """A project of which the SDK has to write what we do of the flawed one, `told` as there."""

    project: Callable[[Project], Project]
    told: Callable[[Files], Files] | None = None


def sound_sides(rows: Iterable[str]) -> set[SoundSide]:
    """What tells whether archives that these rows explain are otherwise the same."""
    differences = [DIFFERENCES[row] for row in rows if row in DIFFERENCES]
    return {SoundSide(one.sound, one.told) for one in differences if one.sound is not None}
