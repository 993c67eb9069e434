"""What the commands print: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """Standard output, in the form that was asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def _console(self) -> "Console":
        # JSON is for scripts, which call often: they do not pay for what draws tables.
        from rich.console import Console  # noqa: PLC0415

        return Console(highlight=False, markup=False)

    def result(self, answer: Any, text: str) -> None:
        """The answer of a command: one JSON document, or a text for people."""
        if self.as_json:
            print(json.dumps(answer, default=str))
        else:
            self._console.print(text, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for people."""
        from rich import box  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(
            title=Text(title), title_justify="left", header_style="bold", box=box.SIMPLE_HEAD
        )
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        with self._console.capture() as drawn:
            self._console.print(table)
        # Cells are filled up with spaces, of which a file needs none.
        print("\n".join(line.rstrip() for line in drawn.get().splitlines()))

    def line(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            self._console.print(text, soft_wrap=True)


def complain(message: str) -> None:
    """An error, on standard error."""
    print(f"kili-export: {message}", file=sys.stderr)


def moment_text(at: datetime) -> str:
    """A moment as people read it where they are, with the zone."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def bytes_text(count: int) -> str:
    """A number of bytes as people read it."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
