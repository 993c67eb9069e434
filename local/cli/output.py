"""What the commands print: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Output:
    """Standard output, in the form that was asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(highlight=False, soft_wrap=True)

    def result(self, answer: Any, text: str) -> None:
        """The answer of a command: one JSON document, or a text for people."""
        if self.as_json:
            print(json.dumps(answer, default=str))
        else:
            self._console.print(escape(text))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people."""
        table = Table(title=escape(title), title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(escape(str(cell)) for cell in row))
        self._console.print(table)

    def line(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            self._console.print(escape(text))


def complain(message: str) -> None:
    """An error, on standard error."""
    print(f"kili-export: {message}", file=sys.stderr)


def bytes_text(count: int) -> str:
    """A number of bytes as people read it."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
