"""Takes over what a former version accepted and had not published: the events of its journal.

That version kept pending changes in memory, and a line in `journal.jsonl` for each.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kili_export.core.counted import counted
from kili_export.core.errors import InvalidConfiguration, InvalidEvent

Receive = Callable[[bytes], object]
RequestRun = Callable[[str, bool], object]


@dataclass(frozen=True, slots=True)
class FormerJournal:
    """The journal's file.

    `receive` takes in the body of an event. `request_run` gets a project and whether everything is
    to be exported again.
    """

    path: Path
    receive: Receive
    request_run: RequestRun

    def take_over(self) -> list[str]:
        """Stores what the journal holds, and sets the file aside. Answers lines to report.

        Done once: a second start finds no journal. What was stored before something failed is
        stored again then, which changes nothing. Raises TransientError when nothing can be stored.
        """
        if not self.path.exists():
            return []
        taken = [self._take(line) for line in self.path.read_bytes().splitlines()]
        aside = self.path.with_suffix(".taken-over")
        self.path.replace(aside)
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        lines = []
        if any(taken):
            lines.append(f"Taken over from a former version: {counted(sum(taken), 'request')}.")
        if damaged := taken.count(False):
            lines.append(
                f"{counted(damaged, 'line')} of its journal could not be read, see {aside}; the"
                " comparison with Kili finds what they announced."
            )
        return lines

    def _take(self, line: bytes) -> bool:
        """False for a line that is no entry."""
        try:
            entry: Any = json.loads(line)
            project, kind, body = entry["project_id"], entry["kind"], entry["body"]
            if kind == "webhook":
                self.receive(body.encode())
            else:
                self.request_run(project, kind == "full")
        except InvalidConfiguration:
            # Of a project that was unregistered since, nothing is asked any more.
            return True
        except (ValueError, KeyError, TypeError, AttributeError, InvalidEvent):
            return False
        return True
