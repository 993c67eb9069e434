"""What was measured, as Markdown and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from devtools.bench.against_sdk.comparison import Comparison
from devtools.bench.against_sdk.verdicts import Verdict
from devtools.bench.measured import Measured
from kili_export.cli.output import bytes_text

KILI_CALLS_A_MINUTE = 250
NOTHING = "-"
_LEAST_SHARE = 0.005
_ROLES = {
    "plan_export": "planning",
    "convert_assets": "fetching and converting",
    "aggregate_archive": "publishing",
    "finish_export": "completion",
    "workflow": "the workflow and the stack",
    "S3": "the S3 server",
}
_COLUMNS = (
    "assets",
    "side",
    "what",
    "formats",
    "seconds",
    "of a core",
    "waited",
    "assets/s",
    "memory",
    "GraphQL calls",
    "from Kili",
    "S3 requests",
    "up",
    "down",
    "archives",
    "Kili's share",
)


def markdown(
    comparisons: Sequence[Comparison], judged: Sequence[Verdict], machine: str, when: str
) -> str:
    """The whole page."""
    sizes = ", ".join(f"{one.assets:,}" for one in comparisons)
    lines = [
        "# Benchmark: this system beside Kili's own SDK",
        "",
        "Written by `make bench` and `make bench-large`; do not edit by hand.",
        "",
        f"Measured on {when}:",
        f"{machine}.",
        f"Sizes: {sizes} assets, each a picture, most with a label of several",
        "shapes, a fifth with two. Both sides export from the same stand-in of Kili on the same",
        "machine, one after the other.",
        "",
        "- *Ours* is the local stack as `kili-export up` starts it: SeaweedFS, two workers that",
        "  convert, two that publish, the workflow. One run makes the exports of all four",
        "  formats. Seconds run from the plan to the end of the run; the debounce window is not",
        "  counted.",
        "- *The SDK* is `kili.export_labels` into a file, in a fresh process for each format; its",
        "  imports are not counted, and the line of all formats is their sum. It has no",
        "  increments: after a change it exports everything again. That is measured at 1,000",
        "  assets. Above, ours are compared with its one full export, made after the change.",
        "  Ours are measured for each format alone at 10,000 assets at most.",
        "- *One shot* is `kili-export export` into a file, without a stack, likewise in a fresh",
        "  process for each format.",
        "- *rewritten*: small archives are rewritten from their bytes; *spliced*: by copies on",
        "  S3 (`REWRITE_LIMIT=0`), where a part has at least 5 MiB; *as a delta*: the archive",
        "  stays and a delta follows it, as for large archives between two compactions",
        "  (`ARCHIVE_BUDGET_CENTS=1`; elsewhere out of reach).",
        "- *of a core* are seconds of processor time, for ours with S3 and the workflow. They",
        "  hardly depend on what else the machine does.",
        "- *waited* are seconds in the rate limiter, which *seconds* do not contain. Ours is",
        f"  set out of reach here; at its default of {KILI_CALLS_A_MINUTE} calls a minute a run",
        "  takes at least its GraphQL calls divided by that.",
        "- *memory* is the peak of the largest process, for ours of all workers.",
        "- *S3 requests* are counted by the S3 server. *up* and *down* are the bytes that pass",
        "  a proxy between it and all its clients, HTTP itself included. What the server copies",
        "  by itself moves no bytes here.",
        "- *Kili's share* is the processor time of the stand-in divided by *seconds*: it is a",
        "  single process, which can use one core.",
        "",
        "## All formats",
        "",
        *_table([line for one in comparisons for line in one.lines]),
        "",
        "## Each format alone",
        "",
        *_table([line for one in comparisons for line in one.alone]),
        "",
        *_profiles(comparisons),
        "## Targets",
        "",
        "| target | found | verdict |",
        "|---|---|---|",
        *(f"| {one.target} | {one.found} | {one.word} |" for one in judged),
        "",
        *_readers(comparisons),
    ]
    return "\n".join(lines) + "\n"


def _profiles(comparisons: Sequence[Comparison]) -> list[str]:
    lines = ["## Where a full export's time goes", ""]
    for one in comparisons:
        full = one.line("ours", "full")
        lines += [
            f"Processor time of ours, all formats of {one.assets:,} assets, by process:",
            "",
            *_shares({_ROLES.get(role, role): spent for role, spent in full.cpu_by_role.items()}),
            "",
        ]
        if one.profile:
            lines += [
                "Where converting workers spend their time, without S3, in a separate process:",
                "",
                *_shares(one.profile),
                "",
            ]
    return lines


def _shares(seconds: Mapping[str, float]) -> list[str]:
    whole = sum(seconds.values())
    rows = [
        f"| {part} | {spent:.2f} | {spent / whole:.0%} |"
        for part, spent in seconds.items()
        if spent >= _LEAST_SHARE * whole
    ]
    return ["| part | seconds of a core | share |", "|---|---:|---:|", *rows]


def document(
    comparisons: Sequence[Comparison], judged: Sequence[Verdict], machine: str, when: str
) -> dict[str, object]:
    """The same for programs."""
    return {
        "measured": when,
        "machine": machine,
        "comparisons": [asdict(one) for one in comparisons],
        "verdicts": [asdict(one) | {"verdict": one.word} for one in judged],
    }


def row(line: Measured) -> list[str]:
    """A line of the table."""
    return [
        f"{line.assets:,}",
        line.side,
        line.what if line.side == "ours" else line.what.partition(",")[0],
        line.formats[0] if len(line.formats) == 1 else "all four",
        f"{line.seconds:.2f}",
        f"{line.cpu:.2f}",
        f"{line.waited:.1f}",
        f"{line.rate:,.0f}",
        bytes_text(line.peak_memory),
        f"{line.calls:,}",
        bytes_text(line.kili_bytes),
        f"{line.s3_requests:,}" if line.side == "ours" else NOTHING,
        bytes_text(line.up) if line.side == "ours" else NOTHING,
        bytes_text(line.down) if line.side == "ours" else NOTHING,
        bytes_text(line.archive),
        f"{line.kili_cpu / (line.seconds + line.waited):.0%}",
    ]


def _table(lines: Sequence[Measured]) -> list[str]:
    head = ["| " + " | ".join(_COLUMNS) + " |", "|---:|---|---|---|" + "---:|" * 12]
    return [*head, *("| " + " | ".join(row(line)) + " |" for line in lines)]


def _readers(comparisons: Sequence[Comparison]) -> list[str]:
    agreed, missing = comparisons[-1].readers
    lines = [f"Read by: {', '.join(agreed) or 'nobody'}."]
    return [*lines, f"Not on this machine: {', '.join(missing)}."] if missing else lines
