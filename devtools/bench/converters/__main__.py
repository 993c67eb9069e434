"""Compares how fast assets are converted: ours against Kili's own `kili_formats`, in one run.

    python -m devtools.bench.converters [--real N] [--generated N] [--masks N] [--rounds N] [--json]

Measures the processor's time of this process, on one core: parsed JSON in, contents of files out.
Reading JSON and making a ZIP are left out on both sides. Before anything is measured, both sides'
files are compared; the exit status is 1 when they differ in more than they may.
"""

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from devtools.bench.converters.corpora import Corpus, generated_corpus, mask_corpus, real_corpus
from devtools.bench.converters.sides import SDK_SIDES, as_fetched, ours, project_for
from devtools.parity.comparison import Verdict, compare
from kili_export.core.project import Project

_TARGETS = {"kili": 3, "yolo_v8": 3, "pascal_voc": 10, "coco": 10, "geojson": 3}
_SHOWN = {"kili": "kili, raw", "yolo_v8": "yolo_v4 to v8"}


class SidesDisagree(Exception):
    """The two sides made different files of the same assets: there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of processor time for a whole corpus."""

    best: float
    median: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One format of one corpus. `megabytes` is the size of the files made."""

    corpus: str
    format: str
    assets: int
    megabytes: float
    ours: Timing
    sdk: Timing

    @property
    def ratio(self) -> float:
        """How many times as many assets a second we convert, by the medians."""
        return self.sdk.median / self.ours.median


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; answers the exit status."""
    options = _parser().parse_args(arguments)
    measurements: list[Measurement] = []
    try:
        for corpus in _corpora(options):
            measurements += [measure(corpus, name, options.rounds) for name in options.formats]
    except SidesDisagree as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(document(measurements) if options.json else table(measurements))
    return 0


def measure(corpus: Corpus, format_name: str, rounds: int) -> Measurement:
    """Times both sides in turns. Raises SidesDisagree when they do not make the same files."""
    project = project_for(format_name, corpus.project)
    convert, convert_as_sdk = ours(format_name), SDK_SIDES[format_name]
    made = convert(project, as_fetched(corpus.answers()))
    theirs = convert_as_sdk(project, corpus.answers())
    for finding in compare(made, theirs, format_name):
        if finding.verdict not in (Verdict.EQUAL, Verdict.MEANING):
            raise SidesDisagree(
                f"{corpus.name}, {format_name}: {finding.path} is {finding.verdict}."
                f" {finding.detail}"
            )
    size = sum(map(len, made.values()))
    del made, theirs
    mine, others = [], []
    for _ in range(rounds):
        mine.append(_timed(convert, project, as_fetched(corpus.answers())))
        others.append(_timed(convert_as_sdk, project, corpus.answers()))
    return Measurement(
        corpus.name, format_name, len(corpus.texts), size / 1e6, _timing(mine), _timing(others)
    )


def _timed(convert: Callable[..., object], project: Project, assets: object) -> float:
    gc.collect()
    began = time.process_time()
    convert(project, assets)
    return time.process_time() - began


def _timing(seconds: Sequence[float]) -> Timing:
    return Timing(min(seconds), statistics.median(seconds))


def _corpora(options: argparse.Namespace) -> Iterator[Corpus]:
    real = real_corpus(options.real) if options.real else None
    if options.real and real is None:
        sys.stderr.write(
            "The sample of COCO 2017 does not lie beside this checkout; generated pictures take"
            " the place of its real ones.\n"
        )
    if real is not None:
        yield real
    if options.generated or (options.real and real is None):
        yield generated_corpus(options.generated or options.real)
    if options.masks:
        yield mask_corpus(options.masks)


def table(measurements: Sequence[Measurement]) -> str:
    """A line for each format of each corpus."""
    head = ("corpus", "format", "assets/s ours", "best", "assets/s SDK", "best", "times", "target")
    rows = [head, *map(_row, measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    about = (
        "Median and best rate of one core, in processor time. Parsed JSON in, contents of files"
        " out;\nneither side parses JSON, touches a disk or makes a ZIP."
        f" Python {platform.python_version()}, kili_formats {version('kili-formats')}."
    )
    return "\n".join([*lines, "", about, ""])


def _row(one: Measurement) -> tuple[str, ...]:
    rates = [
        f"{one.assets / seconds:,.0f}"
        for seconds in (one.ours.median, one.ours.best, one.sdk.median, one.sdk.best)
    ]
    target = _TARGETS[one.format]
    reached = f"{target}" if one.ratio >= target else f"{target}: missed"
    corpus = f"{one.corpus}, {one.assets}"
    return (corpus, _SHOWN.get(one.format, one.format), *rates, f"{one.ratio:.1f}", reached)


def document(measurements: Sequence[Measurement]) -> str:
    """The same as JSON, seconds unrounded."""
    rows = [{**asdict(one), "ratio": one.ratio} for one in measurements]
    about = {
        "python": platform.python_version(),
        "kili_formats": version("kili-formats"),
        "unit": "seconds of processor time for all assets",
    }
    return json.dumps({**about, "measurements": rows}, indent=2) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devtools.bench.converters", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--real", type=int, default=123, help="real pictures (123)")
    parser.add_argument("--generated", type=int, default=0, help="generated pictures (0)")
    parser.add_argument("--masks", type=int, default=20, help="pictures of large masks (20)")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions (5)")
    parser.add_argument("--formats", nargs="+", choices=list(SDK_SIDES), default=list(SDK_SIDES))
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
