"""Shows results: as a table for people, or as JSON."""

import json
from collections.abc import Iterable, Sequence

from devtools.parity.results import Result, left_aside, rows_shown

_HEAD = ("project", "combination", "equal", "in meaning", "on purpose", "different", "")
_WIDEST = 78


def table(results: Sequence[Result]) -> str:
    """A line for each combination, and the sums below."""
    lines = [_HEAD, *(_cells(result) for result in results), _sums(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    shown = []
    for line in lines:
        cells = [
            cell.rjust(width) if 2 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        shown.append("  ".join(cells).rstrip())
    shown.insert(1, "-" * len(shown[0]))
    shown.insert(-1, "-" * len(shown[0]))
    return "\n".join([*shown, *_asides(results), *_details(results)])


def document(results: Sequence[Result], seconds: float) -> str:
    """The same as JSON."""
    return json.dumps(
        {
            "combinations": [
                {
                    "project": result.project,
                    "combination": result.title,
                    "equal": result.equal,
                    "in_meaning": result.in_meaning,
                    "on_purpose": result.on_purpose,
                    "different": result.different,
                    "rows": dict(result.rows),
                    "note": result.note,
                    "details": result.details,
                }
                for result in results
            ],
            "rows": dict(rows_shown(results)),
            "left_aside": dict(left_aside(results)),
            "different": sum(result.different for result in results),
            "seconds": round(seconds, 1),
        },
        indent=2,
    )


def _cells(result: Result) -> tuple[str, ...]:
    rows = f"row {', '.join(result.rows)}" if result.rows else ""
    remarks = "; ".join(filter(None, (result.note, rows)))
    title = result.title if len(result.title) <= _WIDEST else result.title[: _WIDEST - 1] + "…"
    return (result.project, title, *_counts([result]), remarks)


def _sums(results: Sequence[Result]) -> tuple[str, ...]:
    projects = len({result.project for result in results})
    text = f"{len(results)} combinations"
    return (f"{projects} projects", text, *_counts(results), "")


def _counts(results: Iterable[Result]) -> tuple[str, str, str, str]:
    many = list(results)
    return (
        str(sum(one.equal for one in many)),
        str(sum(one.in_meaning for one in many)),
        str(sum(one.on_purpose for one in many)),
        str(sum(one.different for one in many)),
    )


def _asides(results: Sequence[Result]) -> list[str]:
    """What the files that are equal in meaning differ in."""
    counts = [f"{what} in {count}" for what, count in left_aside(results).most_common()]
    return (
        [f"\nLeft aside where files are equal in meaning: {', '.join(counts)}."] if counts else []
    )


def _details(results: Sequence[Result]) -> list[str]:
    return [
        f"\n{result.project}: {result.title}\n  " + "\n  ".join(result.details)
        for result in results
        if result.details
    ]
