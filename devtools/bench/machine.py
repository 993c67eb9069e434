"""The machine on which was measured, without its name."""

import os
import platform
from pathlib import Path


def describe() -> str:
    """Cores, model of the processor, memory, system and Python, and how busy all of it is now.

    To be asked before the measuring begins.
    """
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({_processor()}), {_memory() / 2**30:.0f} GiB of memory, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; load of "
        f"the machine in the five minutes before: {os.getloadavg()[1]:.1f}"
    )


def _processor() -> str:
    return _value(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown"


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _value(path: Path, name: str) -> str:
    for line in path.read_text().splitlines() if path.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
