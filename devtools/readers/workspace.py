"""The folder `.venv-readers`: libraries of npm and PyPI, and programs that are compiled once."""

import json
import os
import platform
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from devtools.readers.kinds.sample import SampleArchive
from devtools.readers.listing import ReaderFailed
from devtools.readers.processes import run
from devtools.readers.reader import SCRIPTS, Needs

ROOT: Final = Path(__file__).resolve().parents[2]
WORKSPACE: Final = ROOT / ".venv-readers"
PYTHON: Final = WORKSPACE / "bin" / "python"
NODE_MODULES: Final = WORKSPACE / "node_modules"
_BUILT: Final = WORKSPACE / "built"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_BLOCK: Final = 8 << 10
"""What a file takes besides its bytes, at most."""
_ROOM: Final = 8
"""So many times the files have to fit: several readers write at the same time."""
_BUILDING: Final = threading.Lock()


def compiled(source: str, target: str, command: Sequence[str]) -> Path:
    """The program that `command` makes of a script, unless it is newer than that already.

    `{source}` and `{target}` stand for the two files, `{folder}` for the target's folder. Raises
    ReaderFailed.
    """
    script, built = SCRIPTS / source, _BUILT / target
    with _BUILDING:
        if not built.exists() or built.stat().st_mtime_ns < script.stat().st_mtime_ns:
            _BUILT.mkdir(parents=True, exist_ok=True)
            _build(script, built, command)
    return built


def _build(script: Path, built: Path, command: Sequence[str]) -> None:
    """Compiles into a folder of its own: another process may run the former program."""
    with tempfile.TemporaryDirectory(dir=_BUILT) as folder:
        made = Path(folder) / built.name
        places = {"source": str(script), "target": str(made), "folder": folder}
        run([part.format(**places) for part in command], environment=_caches())
        if not made.exists():
            raise ReaderFailed(f"{command[0]} makes no program")
        made.replace(built)


def version_of(needs: Needs) -> str:
    """The version of what a reader is made of; empty where no package says it."""
    if needs.pypi:
        return pypi_version(needs.pypi[0])
    if needs.npm:
        manifest = NODE_MODULES / needs.npm[0] / "package.json"
        return str(json.loads(manifest.read_bytes())["version"]) if manifest.is_file() else ""
    if not needs.debian:
        return platform.python_version()
    package = ("dpkg-query", "--show", "--showformat=${Version}", needs.debian[0])
    try:
        return run(needs.version or package).decode().partition("\n")[0]
    except ReaderFailed:
        return ""


def pypi_version(package: str) -> str:
    """The version of a package in the workspace, empty where it is not there."""
    pattern = f"lib/python*/site-packages/{package.replace('-', '_')}-*.dist-info"
    for folder in WORKSPACE.glob(pattern):
        return folder.name.removesuffix(".dist-info").rpartition("-")[2]
    return ""


def scratch_place(sample: SampleArchive, memory: Path = MEMORY) -> Path | None:
    """Where readers write: in memory if the files have ample room there. None is the usual place.

    Disks take minutes to forget tens of thousands of files.
    """
    if not memory.is_dir():
        return None
    wanted = sum(entry.size + _BLOCK for entry in sample.truth.values())
    return memory if wanted * _ROOM < shutil.disk_usage(memory).free else None


def _caches() -> Mapping[str, str]:
    """Where compilers keep what they compiled."""
    home = os.environ.get("HOME") or str(WORKSPACE)
    return {"HOME": home, "GO111MODULE": "off", "GOCACHE": str(_BUILT / "go-cache")}
