"""Compares archives with what Kili's own SDK exports from the same Kili at the same moment."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from kili_export.local.demo.agreement import differences
from kili_export.local.demo.kili_process import KiliProcess
from kili_export.local.stack.child import python_module
from kili_export.local.stack.environment import process_environment

_SDK_SECONDS = 120


def sdk_disagreements(
    kili: KiliProcess, archives: Mapping[str, Path], folder: Path
) -> dict[str, list[str]]:
    """What differs in each format's archive, empty lists when nothing does."""
    folder.mkdir(exist_ok=True)
    command = python_module("kili_export.local.demo.sdk_exports")
    done = subprocess.run(
        (*command, kili.endpoint, kili.project_id, str(folder), *archives),
        input=kili.api_key,
        text=True,
        capture_output=True,
        env=process_environment(),
        timeout=_SDK_SECONDS,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        return {kind: [f"the SDK failed: {last}"] for kind in archives}
    return {kind: differences(path, folder / f"{kind}.zip") for kind, path in archives.items()}
