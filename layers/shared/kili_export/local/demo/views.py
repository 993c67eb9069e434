"""How the demo is shown: live in a terminal, as plain lines elsewhere, as JSON for programs."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from kili_export.cli.output import bytes_text


@dataclass(frozen=True, slots=True)
class Publication:
    """A generation that an export got. `seconds` from the change in Kili to its publishing.

    `files` is how many the archive holds, `size` its bytes; `added`, `changed` and `removed` count
    files too.
    """

    export: str
    generation: int
    size: int
    files: int
    added: int
    changed: int
    removed: int
    seconds: float

    def sentence(self) -> str:
        """The publication in a line."""
        return (
            f"{self.export:<5} generation {self.generation} after {self.seconds:.1f} s: files "
            f"{self.changes()}, {self.unchanged()} as before, archive of {bytes_text(self.size)}"
        )

    def changes(self) -> str:
        """What changed: files added, changed and removed."""
        return f"+{self.added} ~{self.changed} -{self.removed}"

    def unchanged(self) -> int:
        """The files that the new archive took over from the former one."""
        return self.files - self.added - self.changed


class View(Protocol):
    """Shows the demo. Use as a context."""

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends."""

    def step(self, text: str) -> None:
        """Something begins."""

    def detail(self, text: str) -> None:
        """Something less important was said."""

    def progress(self, stage: str, done: Mapping[str, bool]) -> None:
        """Where the run is, and which exports are fresh already."""

    def published(self, publication: Publication) -> None:
        """An export became fresh."""

    def check(self, name: str, problems: list[str]) -> None:
        """Something was checked; without problems it held."""

    def end(self, archives: Mapping[str, str], seconds: float, *, ok: bool) -> None:
        """The demo is over: where archives were kept, and whether all checks held."""


class PlainView:
    """A line for everything."""

    def __init__(self, *, looks: bool = False) -> None:
        """`looks`: the exports are looked at in a browser before the end."""
        self._looks = looks
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def step(self, text: str) -> None:
        """Something begins."""
        print(f"\n{text}", flush=True)

    def detail(self, text: str) -> None:
        """Something less important was said."""
        print(f"  {text}", flush=True)

    def progress(self, stage: str, done: Mapping[str, bool]) -> None:
        """Where the run is, when that has changed."""
        del done
        if stage and stage != self._stage:
            print(f"  … {stage}", flush=True)
        self._stage = stage

    def published(self, publication: Publication) -> None:
        """An export became fresh."""
        print(f"  {publication.sentence()}", flush=True)

    def check(self, name: str, problems: list[str]) -> None:
        """Something was checked."""
        print(f"  {'WRONG' if problems else 'right'}: {name}", flush=True)
        for problem in problems[:10]:
            print(f"    {problem}", flush=True)

    def end(self, archives: Mapping[str, str], seconds: float, *, ok: bool) -> None:
        """The demo is over."""
        print()
        for name, path in archives.items():
            print(f"{name:<8} {path}")
        print(f"{'All checks held' if ok else 'NOT all checks held'}, after {seconds:.0f} s.")
        print(_next_step(looks=self._looks))


class JsonView:
    """One JSON object a line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def step(self, text: str) -> None:
        """Something begins."""
        self._print("step", text=text)

    def detail(self, text: str) -> None:
        """Something less important was said."""
        self._print("detail", text=text)

    def progress(self, stage: str, done: Mapping[str, bool]) -> None:
        """Progress is for people."""

    def published(self, publication: Publication) -> None:
        """An export became fresh."""
        self._print("published", **asdict(publication))

    def check(self, name: str, problems: list[str]) -> None:
        """Something was checked."""
        self._print("check", name=name, ok=not problems, problems=problems)

    def end(self, archives: Mapping[str, str], seconds: float, *, ok: bool) -> None:
        """The demo is over."""
        self._print("end", ok=ok, archives=dict(archives), seconds=round(seconds, 1))

    @staticmethod
    def _print(event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), flush=True)


class LiveView:
    """A table that follows the exports, with what happens above it."""

    def __init__(self, *, looks: bool = False) -> None:
        """`looks`: the exports are looked at in a browser before the end."""
        self._looks = looks
        self._console = Console(highlight=False)
        self._latest: dict[str, Publication] = {}
        self._stage = ""
        self._fresh: Mapping[str, bool] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=self._console, refresh_per_second=10, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def step(self, text: str) -> None:
        """Something begins."""
        self._console.print(f"[bold]{escape(text)}[/bold]")
        self._stage = ""
        self._draw()

    def detail(self, text: str) -> None:
        """Something less important was said."""
        self._console.print(f"  [dim]{escape(text)}[/dim]")

    def progress(self, stage: str, done: Mapping[str, bool]) -> None:
        """Where the run is, and which exports are fresh already."""
        self._stage, self._fresh = stage, done
        self._draw()

    def published(self, publication: Publication) -> None:
        """An export became fresh."""
        self._latest[publication.export] = publication
        self._console.print(f"  [green]✓[/green] {escape(publication.sentence())}")
        self._draw()

    def check(self, name: str, problems: list[str]) -> None:
        """Something was checked."""
        mark = "[red]✗[/red]" if problems else "[green]✓[/green]"
        self._console.print(f"  {mark} {escape(name)}")
        for problem in problems[:10]:
            self._console.print(f"    [red]{escape(problem)}[/red]")

    def end(self, archives: Mapping[str, str], seconds: float, *, ok: bool) -> None:
        """The demo is over."""
        self._live.stop()
        self._console.print(self._table())
        for name, path in archives.items():
            self._console.print(f"{name:<8} {escape(path)}", soft_wrap=True)
        color, verdict = ("green", "All checks held") if ok else ("red", "NOT all checks held")
        self._console.print(f"[bold {color}]{verdict}[/bold {color}], after {seconds:.0f} s.")
        self._console.print(escape(_next_step(looks=self._looks)), soft_wrap=True)

    def _draw(self) -> None:
        self._spinner.update(text=escape(self._stage or "…"))
        shown = (self._table(), self._spinner) if self._latest else (self._spinner,)
        self._live.update(Group(*shown))

    def _table(self) -> Table:
        table = Table(header_style="bold")
        columns = ("Export", "Generation", "Archive", "Files", "Changed", "As before", "Seconds")
        for column in columns:
            table.add_column(column, justify="left" if column == "Export" else "right")
        for name, one in self._latest.items():
            waiting = self._fresh.get(name) is False
            table.add_row(
                f"[yellow]{name}[/yellow]" if waiting else f"[green]{name}[/green]",
                str(one.generation),
                bytes_text(one.size),
                str(one.files),
                one.changes(),
                str(one.unchanged()),
                f"{one.seconds:.1f}",
            )
        return table


def _next_step(*, looks: bool) -> str:
    """What is typed next, by the name that this command was called by."""
    called = sys.argv[0] if Path(sys.argv[0]).name == "kili-export" else "kili-export"
    own = f"With your own project: KILI_API_KEY=YOUR_KEY {called} up"
    return own if looks else f"Next, in your browser: {called} demo --view\n{own}"


def view(*, as_json: bool, looks: bool = False) -> View:
    """The view that fits standard output."""
    if as_json:
        return JsonView()
    return LiveView(looks=looks) if sys.stdout.isatty() else PlainView(looks=looks)
