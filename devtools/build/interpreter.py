"""Finds the Python that the functions run on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.13"
WAY_OUT = (
    f"Python {VERSION} is needed to build the functions, which run on it, and was not found. "
    f"Install it (for instance: pyenv install {VERSION}, or uv python install {VERSION}), "
    f"or set PYTHON{VERSION.replace('.', '')}=/path/to/python{VERSION}."
)
SYSTEM_FOLDERS = (Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin"))


class PythonNotFound(Exception):
    """The machine has no Python of the functions' version; the message names the way out."""


def find_python() -> Path:
    """The executable of a Python that works and has the functions' version.

    Raises PythonNotFound.
    """
    for candidate in _candidates():
        if _works(candidate):
            return candidate
    raise PythonNotFound(WAY_OUT)


def _candidates() -> Iterator[Path]:
    named = os.environ.get(f"PYTHON{VERSION.replace('.', '')}")
    if named:
        yield Path(named)
    on_path = shutil.which(f"python{VERSION}")
    if on_path:
        yield Path(on_path)
    home = Path.home()
    for folder, pattern in (
        (Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions", f"{VERSION}*"),
        (home / ".local/share/uv/python", f"cpython-{VERSION}*"),
    ):
        for version in sorted(folder.glob(pattern), reverse=True):
            yield version / "bin" / f"python{VERSION}"
    for folder in SYSTEM_FOLDERS:
        yield folder / f"python{VERSION}"


def _works(candidate: Path) -> bool:
    """Whether it runs, has the version and can make environments.

    A version manager's stand-in on the PATH exists even where it would refuse to run.
    """
    question = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [candidate, "-c", question], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == VERSION
