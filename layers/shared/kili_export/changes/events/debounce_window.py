"""Time windows: the changes of one window are exported by one execution.

Windows end at a different second for each project: otherwise the runs of all projects would start
together, and call Kili, S3 and Lambda at once.

The input of an execution depends on its name alone, so that starting it twice cannot start two
different things. Names obey Step Functions' rules: at most 80 letters, digits, `-` and `_`.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

_LONGEST_PROJECT: Final = 40
_LARGEST_MARGIN: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class DebounceWindow:
    """How long a window is and how long a run waits after it, in seconds.

    `offset_seconds` is how long after a multiple of its length a window ends.
    """

    window_seconds: int
    settle_seconds: int
    offset_seconds: int = 0

    def of_project(self, project_id: str) -> "DebounceWindow":
        """The rules with the project's offset, which its id alone decides."""
        digest = hashlib.sha256(project_id.encode()).digest()
        return replace(self, offset_seconds=int.from_bytes(digest[:8]) % self.window_seconds)

    def window_at(self, moment: datetime) -> int:
        """The number of the window that a moment lies in: of the lengths from 1970 to its end.

        Former versions numbered by beginnings, without an offset. A run that one of them has
        started under this number begins later than this window ends, and takes its changes.
        """
        return int((moment.timestamp() - self.offset_seconds) // self.window_seconds) + 1

    def end_of(self, window: int) -> datetime:
        """The first moment after the window."""
        return datetime.fromtimestamp(window * self.window_seconds + self.offset_seconds, UTC)

    def ready_at(self, window: int) -> datetime:
        """When the execution of the window may look at the marks."""
        return self.end_of(window) + timedelta(seconds=self.settle_seconds)

    def windows_for(self, moment: datetime) -> tuple[int, ...]:
        """The window of a change that was stored before `moment`; near its end the next one too.

        Whose clock is a little behind would otherwise count on an execution that has already
        looked.
        """
        window = self.window_at(moment)
        margin = min(_LARGEST_MARGIN, timedelta(seconds=self.window_seconds / 4))
        if self.end_of(window) - moment <= margin:
            return (window, window + 1)
        return (window,)

    def first_ready(self, moment: datetime) -> int:
        """The first window whose execution may look at the marks at `moment` or later."""
        window = self.window_at(moment - timedelta(seconds=self.settle_seconds)) - 1
        return window if self.ready_at(window) >= moment else window + 1

    def last_ready(self, moment: datetime) -> int:
        """The last window whose execution may look at the marks already."""
        return self.window_at(moment - timedelta(seconds=self.settle_seconds)) - 1


def execution_name(project_id: str, window: int, suffix: str = "") -> str:
    """The name of an execution: the project, the window and, for all but its first, a suffix.

    Suffixes begin with a letter, so that no project's name can be taken for another's. A project
    id that is too long is cut, and its hash keeps it unique.
    """
    project = project_id
    if len(project) > _LONGEST_PROJECT:
        digest = hashlib.sha256(project.encode()).hexdigest()[:12]
        project = f"{project[: _LONGEST_PROJECT - 13]}-{digest}"
    return f"{project}-{window}-{suffix}" if suffix else f"{project}-{window}"
