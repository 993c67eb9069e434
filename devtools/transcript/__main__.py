"""`python -m devtools.transcript`: types what a new user types, and writes what is shown.

Kili is its stand-in. Exit status 1 when a table on a terminal of 80 columns is wider.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from devtools.transcript.session import EXPORTS, PARTS, PROJECT, START, Part, Step
from devtools.transcript.terminal import COLUMNS, Running, Shell, Shown, wide_rows
from kili_export.local.kili_standin import KiliWorld, sample_project, start_standin
from kili_export.local.stack.environment import process_environment

_KEY = "transcript-key"
_HOME = "/home/ada"
_LONGEST = 40
"""Lines of an output that are kept at its beginning."""
_HEAD = f"""\
# A recorded session

What a new user sees, with a stand-in of Kili and the sample project of the
[tutorial](../tutorial/first-dataset.md): on a terminal of {COLUMNS} columns or, where the line says
so, in a file. `make transcript` types these lines and writes this page. Of a long output the
first {_LONGEST} lines are shown.
"""


@dataclass(slots=True)
class Recorder:
    """Types lines and keeps what they show. `wide` are rows of tables wider than the terminal."""

    shell: Shell
    world: KiliWorld
    project_id: str
    wide: list[str]

    def page(self) -> str:
        """All of the session, with a stack for the parts that need one."""
        parts = [_HEAD]
        for with_stack, group in groupby(PARTS, lambda part: part.with_stack):
            record = self._with_stack if with_stack else self._alone
            parts += record(group)
        return "".join(parts)

    def _alone(self, group: Iterable[Part]) -> list[str]:
        return [self._part(part) for part in group]

    def _with_stack(self, group: Iterable[Part]) -> list[str]:
        alone = self.shell
        self.shell = Shell(alone.folder, {**alone.environment, "KILI_EXPORT_STATE": "state"})
        stack = Running.started(self.shell, START)
        try:
            stack.read_until("Ready.")
            parts = self._alone(group)
        finally:
            stack.interrupt()
            shown = stack.ended()
            self.shell = alone
        return [*parts, f"\n## What the stack showed meanwhile\n\n{self._block(START, shown)}"]

    def _part(self, part: Part) -> str:
        return "\n".join((f"\n## {part.title}\n", *map(self._step, part.steps)))

    def _step(self, step: Step) -> str:
        if step.event is not None:
            operation, asset = step.event
            getattr(self.world, operation)(asset)
        line = step.line.replace(PROJECT, self.project_id)
        print(f"$ {line}", file=sys.stderr)
        if step.to == "file":
            return self._block(f"{line} > output.txt 2>&1", self.shell.into_file(line))
        shown = self.shell.on_terminal(line, step.until, step.answer)
        self.wide += (f"{line}: {one}" for one in wide_rows(shown.text))
        if step.secret:
            shown = Shown(re.sub(r"(?m)^(\w+: ).*$", r"\1…", shown.text), shown.status)
        return self._block(line, shown)

    def _block(self, line: str, shown: Shown) -> str:
        lines = shown.text.replace(str(self.shell.folder), _HOME).splitlines()
        left = len(lines) - _LONGEST
        if left > 0:
            lines[_LONGEST:] = [f"… {left} more lines"]
        said = [] if shown.status == 0 else [f"$ echo $?\n{shown.status}"]
        return "\n".join(("```console", f"$ {line}", *lines, *said, "```\n"))


def record() -> tuple[str, list[str]]:
    """The page, and the lines that were too wide."""
    world = KiliWorld(api_key=_KEY)
    project = world.add_project(sample_project())
    with start_standin(world) as standin, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "exports.yaml").write_text(EXPORTS.replace(PROJECT, project.id))
        environment = {
            **process_environment(),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": name,
            "KILI_API_ENDPOINT": standin.endpoint,
            "KILI_API_KEY": _KEY,
        }
        recorder = Recorder(Shell(folder, environment), world, project.id, [])
        return recorder.page(), recorder.wide


def main(arguments: Sequence[str] | None = None) -> int:
    """Records, and writes the page."""
    parser = argparse.ArgumentParser(prog="make transcript", description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write; else it is printed")
    options = parser.parse_args(arguments)
    # What was started in the background ignores Ctrl+C, and so would the commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    page, wide = record()
    if options.write is None:
        print(page)
    else:
        options.write.write_text(page, encoding="utf-8")
    for line in wide:
        print(f"Wider than {COLUMNS} columns: {line}", file=sys.stderr)
    return int(bool(wide))


if __name__ == "__main__":
    sys.exit(main())
