"""The memory of processes, as Linux tells it."""

from pathlib import Path

_WORKER = "local.stack.worker"


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

    def _all(self) -> list[Path]:
        found = []
        for task in Path(f"/proc/{self._stack}/task").iterdir():
            for pid in (task / "children").read_text().split():
                process = Path("/proc") / pid
                if _WORKER in (process / "cmdline").read_bytes().decode().split("\0"):
                    found.append(process)
        return found


def own_peak() -> int:
    """The most bytes that this process has held. `getrusage` would count its parent's too."""
    return _peak(Path("/proc/self"))


def _peak(process: Path) -> int:
    for line in (process / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{process} does not tell its peak memory")
