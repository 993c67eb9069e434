"""What the stand-in of Kili was asked, and how much of a core it took to answer."""

from dataclasses import dataclass

from devtools.bench.processes import cpu_seconds
from kili_export.local.demo.kili_process import KiliProcess


@dataclass(frozen=True, slots=True)
class Asked:
    """GraphQL calls, bytes of all answers, and seconds of a core."""

    calls: int
    bytes: int
    cpu: float


class KiliMeter:
    """Counts from when it is made."""

    def __init__(self, kili: KiliProcess) -> None:
        self._kili = kili
        kili.control("reset_counters")
        self._began = cpu_seconds(kili.pid)

    def read(self) -> Asked:
        """What was asked since."""
        counted = self._kili.control("counters")
        return Asked(
            calls=counted["requests"].get("graphql", 0),
            bytes=sum(counted["bytes"].values()),
            cpu=cpu_seconds(self._kili.pid) - self._began,
        )
