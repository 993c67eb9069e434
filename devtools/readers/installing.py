"""Puts the readers on this machine: packages of Debian, npm and PyPI.

What comes from npm and PyPI is pinned and stays in the folder `.venv-readers`.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from devtools.readers.listing import ReaderFailed
from devtools.readers.processes import is_there, run
from devtools.readers.reader import Needs, Reader
from devtools.readers.workspace import NODE_MODULES, PYTHON, ROOT, WORKSPACE, pypi_version

_NPM: Final = Path(__file__).with_name("npm")
_REQUIREMENTS: Final = ROOT / "requirements" / "readers.txt"
_APT: Final = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends")
_QUIET: Final = {"DEBIAN_FRONTEND": "noninteractive"}

Tell = Callable[[str], None]


def absent(readers: Iterable[Reader]) -> dict[str, str]:
    """By the name of each reader that cannot run: what it misses on this machine."""
    return {reader.name: missing for reader in readers if (missing := _missing(reader.needs))}


def install(readers: Sequence[Reader], tell: Tell) -> None:
    """Installs what these readers miss. Says what it cannot install."""
    lacking = [reader.needs for reader in readers if reader.needs.of_system()]
    packages = list(dict.fromkeys(package for needs in lacking for package in needs.debian))
    if packages:
        _install_debian(packages, tell)
    if any(reader.needs.npm for reader in readers):
        _once(_NPM / "package-lock.json", "npm", _install_npm, tell)
    if any(reader.needs.pypi for reader in readers):
        _once(_REQUIREMENTS, "PyPI", _install_pypi, tell)


def _missing(needs: Needs) -> str:
    if missing := needs.of_system():
        return f"{missing}; Debian's {' and '.join(needs.debian)}"
    of_npm = [name for name in needs.npm if not (NODE_MODULES / name).is_dir()]
    of_pypi = [name for name in needs.pypi if not pypi_version(name)]
    if of_npm or of_pypi:
        return f"{' and '.join((*of_npm, *of_pypi))} is not in {WORKSPACE.name}"
    return ""


def _install_debian(packages: Sequence[str], tell: Tell) -> None:
    advice = f"not installed: {' '.join(packages)}"
    if not is_there("apt-get"):
        tell(f"{advice}; this system has no apt-get")
        return
    if os.geteuid() != 0:
        tell(f"{advice}; run: sudo apt-get install {' '.join(packages)}")
        return
    tell(f"installing {' '.join(packages)}")
    try:
        run(("apt-get", "update", "--quiet"), environment=_QUIET)
        run((*_APT, *packages), environment=_QUIET)
    except ReaderFailed:
        _install_one_by_one(packages, tell)


def _install_one_by_one(packages: Sequence[str], tell: Tell) -> None:
    """One package that cannot be had does not keep the others away."""
    for package in packages:
        try:
            run((*_APT, package), environment=_QUIET)
        except ReaderFailed as error:
            tell(f"apt-get cannot install {package}: {error}")


def _once(pins: Path, registry: str, act: Callable[[], None], tell: Tell) -> None:
    """Installs what `pins` names, unless that was done before."""
    stamp = WORKSPACE / f".{registry.lower()}-ready"
    wanted = pins.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    tell(f"installing libraries of {registry} in {WORKSPACE.name}")
    WORKSPACE.mkdir(exist_ok=True)
    try:
        act()
    except ReaderFailed as error:
        tell(f"{registry}: {error}")
    else:
        stamp.write_text(wanted, encoding="utf-8")


def _install_npm() -> None:
    for name in ("package.json", "package-lock.json"):
        (WORKSPACE / name).write_bytes((_NPM / name).read_bytes())
    run(("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"), folder=WORKSPACE)


def _install_pypi() -> None:
    run((sys.executable, "-m", "venv", WORKSPACE))
    pinned = ("--no-deps", "--require-hashes", "--requirement", _REQUIREMENTS)
    run((PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pinned))
