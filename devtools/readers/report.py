"""Shows the cells: as a table for people, as a document, or as JSON."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from devtools.readers.judging import Cell, Outcome

_SHOWN: Final = {
    Outcome.RIGHT: "ok",
    Outcome.LIMITED: "limit",
    Outcome.WRONG: "WRONG",
    Outcome.MISSING: "missing",
}
_NOT_TRIED: Final = "-"
_TITLE: Final = "# Which readers open the archives"
_ABOUT: Final = (
    "`make readers` reads archives of every kind with every reader and compares the bytes of each "
    "file with what was written. `ok` means that all files are there, no other, and every byte is "
    "right. Other words name a limit that the reader has with archives of any origin."
)


class Report:
    """The cells of one run. `versions` are those of the readers, `kinds` says what each is."""

    def __init__(
        self, cells: Sequence[Cell], kinds: Mapping[str, str], versions: Mapping[str, str]
    ) -> None:
        self._cells = cells
        self._kinds = kinds
        self._versions = versions
        self._by_place = {(cell.reader, cell.kind): cell for cell in cells}

    @property
    def wrong(self) -> bool:
        """Whether any cell is wrong."""
        return any(cell.outcome is Outcome.WRONG for cell in self._cells)

    def table(self) -> str:
        """Aligned columns, and below them everything that is not right."""
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        lines.insert(1, "-" * max(map(len, lines)))
        notes = [
            f"{head}\n" + "\n".join(f"  {line}" for line in entries)
            for head, entries in self._notes([_line(one) for one in self._of(Outcome.LIMITED)])
        ]
        return "\n".join([*lines, "", *notes, self.summary()])

    def markdown(self) -> str:
        """The same as a document."""
        head, *rows = self._rows()
        lines = [
            _TITLE,
            "",
            _ABOUT,
            "",
            _row(head),
            _row(["---"] * len(head)),
            *map(_row, rows),
            "",
        ]
        lines += [f"- **{name}**: {about}" for name, about in self._kinds.items()]
        for title, entries in self._notes(self._limits()):
            lines += ["", title, "", *(f"- {line}" for line in entries)]
        return "\n".join([*lines, "", self.summary(), ""])

    def document(self) -> str:
        """The same as JSON."""
        cells = [
            {
                "reader": cell.reader,
                "version": self._versions.get(cell.reader, ""),
                "kind": cell.kind,
                "outcome": cell.outcome.value,
                "detail": cell.detail,
                "seconds": round(cell.seconds, 2),
            }
            for cell in self._cells
        ]
        counts = {outcome.value: self._count(outcome) for outcome in Outcome}
        return json.dumps({"kinds": dict(self._kinds), "cells": cells, **counts}, indent=1)

    def summary(self) -> str:
        """How many cells there are of each outcome, in one line."""
        return (
            f"{len(self._cells)} cells: {self._count(Outcome.RIGHT)} right, "
            f"{self._count(Outcome.LIMITED)} beyond a reader's limits, "
            f"{self._count(Outcome.WRONG)} wrong, {self._count(Outcome.MISSING)} not tried."
        )

    def _rows(self) -> list[list[str]]:
        readers = dict.fromkeys(cell.reader for cell in self._cells)
        rows = [["reader", "version", *self._kinds]]
        for reader in readers:
            shown = [self._shown(reader, kind) for kind in self._kinds]
            rows.append([reader, self._versions.get(reader, ""), *shown])
        return rows

    def _shown(self, reader: str, kind: str) -> str:
        cell = self._by_place.get((reader, kind))
        return _NOT_TRIED if cell is None else cell.label or _SHOWN[cell.outcome]

    def _limits(self) -> list[str]:
        """Each limit once, with the readers that have it; those that hide it are named."""
        readers: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        for cell in self._of(Outcome.LIMITED):
            reason, _, seen = cell.detail.partition(" (")
            readers[cell.kind, reason, seen.startswith("status 0")].append(cell.reader)
        return [
            f"**{kind}**, {', '.join(names)}: {reason}"
            + (". It ends with status 0 all the same, with files missing" if hides else "")
            for (kind, reason, hides), names in readers.items()
        ]

    def _notes(self, limits: list[str]) -> list[tuple[str, list[str]]]:
        notes = (
            ("Wrong:", [_line(cell) for cell in self._of(Outcome.WRONG)]),
            ("Limits of the readers:", limits),
            (
                "Not on this machine:",
                list(
                    dict.fromkeys(
                        f"{one.reader}: {one.detail}" for one in self._of(Outcome.MISSING)
                    )
                ),
            ),
        )
        return [(head, entries) for head, entries in notes if entries]

    def _of(self, outcome: Outcome) -> list[Cell]:
        return [cell for cell in self._cells if cell.outcome is outcome]

    def _count(self, outcome: Outcome) -> int:
        return len(self._of(outcome))


def _line(cell: Cell) -> str:
    return f"{cell.reader}, {cell.kind}: {cell.detail}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
