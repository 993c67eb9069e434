"""Exports that need no stack, each in a fresh process: Kili's SDK's, and ours in one process."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from devtools.bench.against_sdk.kili_meter import KiliMeter
from devtools.bench.measured import Measured, Side, What
from kili_export.local.demo.kili_process import KiliProcess
from kili_export.local.stack.environment import process_environment

_PATIENCE_SECONDS = 3600


class SdkFailed(Exception):
    """The SDK did not write its archive; the message is the last of what it said."""


@dataclass(frozen=True)
class Sdk:
    """The SDK on one Kili. Its latest archives stay in `folder` as `{format}.zip`.

    With another `child` it is what that exports with, as another `side`.
    """

    kili: KiliProcess
    folder: Path
    side: Side = "SDK"
    child: str = "sdk_child"

    def measure(self, what: What, project_id: str, kind: str, assets: int) -> Measured:
        """Exports once. Raises SdkFailed."""
        target = self.archive(kind)
        target.unlink(missing_ok=True)
        meter = KiliMeter(self.kili)
        done = subprocess.run(
            (
                *(sys.executable, "-m", f"devtools.bench.against_sdk.{self.child}"),
                *(self.kili.endpoint, project_id, kind, str(target)),
            ),
            input=f"{self.kili.api_key}\n",
            text=True,
            capture_output=True,
            env=process_environment(),
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        if done.returncode or not target.exists():
            raise SdkFailed(f"{kind}: {done.stderr.strip().rpartition(chr(10))[2]}")
        told = json.loads(done.stdout)
        asked = meter.read()
        return Measured(
            side=self.side,
            what=what,
            formats=(kind,),
            assets=assets,
            seconds=told["seconds"] - told["waited"],
            cpu=told["cpu"],
            waited=told["waited"],
            peak_memory=told["peak_memory"],
            calls=asked.calls,
            kili_bytes=asked.bytes,
            kili_cpu=asked.cpu,
            archive=told["bytes"],
        )

    def archive(self, kind: str) -> Path:
        """Where the latest archive of a format is."""
        return self.folder / f"{kind}.zip"
