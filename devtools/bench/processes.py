"""The memory of processes, as Linux tells it."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_STACK = "kili_export.local.main"
_WORKER = "kili_export.local.stack.worker"
_FUNCTIONS = "functions."
WORKFLOW, S3 = "workflow", "S3"


class Workers:
    """The worker processes of one stack, which is process `stack`; Linux tells of their memory."""

    def __init__(self, stack: int) -> None:
        self._stack = stack

    def forget_peaks(self) -> None:
        """Begins to look for the largest memory from now on."""
        for process in self._all():
            # proc(5): 5 resets the peak resident set size to the present one.
            (process / "clear_refs").write_text("5")

    def largest_peak(self) -> int:
        """The most bytes that any of them has held since."""
        return max(map(_peak, self._all()), default=0)

    def cpu(self) -> dict[str, float]:
        """Seconds of a core that the whole stack has had, by what its processes do."""
        seconds: defaultdict[str, float] = defaultdict(float)
        for pid in _family(self._stack):
            seconds[_role(Path(f"/proc/{pid}"))] += cpu_seconds(pid)
        return dict(seconds)

    def _all(self) -> list[Path]:
        found = []
        for pid in _family(self._stack):
            process = Path(f"/proc/{pid}")
            if _WORKER in _command(process):
                found.append(process)
        return found


def _family(pid: int) -> Iterator[int]:
    """A process and all that it started, and so on."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end meanwhile; what it had started has another parent then.
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _command(process: Path) -> list[str]:
    return (process / "cmdline").read_bytes().decode().split("\0")


def _role(process: Path) -> str:
    """What a process of a stack does: a function's folder, `workflow`, or `S3`."""
    command = _command(process)
    if _STACK in command:
        return WORKFLOW
    handlers = [part for part in command if part.startswith(_FUNCTIONS)]
    return handlers[0].split(".")[1] if handlers else S3


def cpu_seconds(pid: int) -> float:
    """What a process has had of all cores; proc(5): fields 14 and 15 of `stat` count ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_peak() -> int:
    """The most bytes that this process has held. `getrusage` would count its parent's too."""
    return _peak(Path("/proc/self"))


def _peak(process: Path) -> int:
    for line in (process / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{process} does not tell its peak memory")
