"""Compares what is deployed with a copy of OSV's advisories for PyPI. It asks nobody anything.

`make audit OSV=all.zip`: docs/how-to/upgrade.md says where to get the copy. Exits with 0 when no
advisory concerns a package, 1 when one does, 2 when that cannot be told.
"""

import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from devtools.build.sbom import PINS, SBOM, normalized, read_pins

_USAGE = """\
OSV= must name a copy of OSV's advisories for PyPI: the file all.zip, or a folder of its files.
docs/how-to/upgrade.md says where to get it; nothing is downloaded here."""

Packages = Mapping[str, frozenset[str]]
"""Versions by normalized name."""


class NoAdvisories(Exception):
    """What was named holds no advisories that can be read."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """An advisory that concerns a package."""

    package: str
    version: str
    advisory: str
    told: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}: {self.advisory} {self.told}"


def read_advisories(source: Path) -> Iterator[dict[str, Any]]:
    """Every advisory of a folder or ZIP file. Raises NoAdvisories."""
    number = 0
    for name, data in _files(source):
        advisory = _parsed(data)
        if advisory is None:
            raise NoAdvisories(f"{name} in {source} is not an advisory of OSV")
        number += 1
        yield advisory
    if not number:
        raise NoAdvisories(f"{source} holds no advisories")


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.rglob("*.json")):
            yield path.name, path.read_bytes()
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield name, archive.read(name)
    except (OSError, zipfile.BadZipFile) as error:
        raise NoAdvisories(f"{source} cannot be read: {error}") from error


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        advisory = json.loads(data)
    except ValueError:
        return None
    named = isinstance(advisory, dict) and isinstance(advisory.get("id"), str)
    return advisory if named else None


def findings(advisories: Iterable[Mapping[str, Any]], packages: Packages) -> list[Finding]:
    """What concerns the packages. Raises NoAdvisories when none of them is about PyPI."""
    found: set[Finding] = set()
    about_pypi = False
    for advisory in advisories:
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            if str(package.get("ecosystem", "")).partition(":")[0] != "PyPI":
                continue
            about_pypi = True
            name = normalized(str(package.get("name", "")))
            if "withdrawn" in advisory:
                continue
            for version in packages.get(name, ()):
                if _concerns(affected, Version(version)):
                    told = str(advisory.get("summary") or "").strip() or "(without a summary)"
                    found.add(Finding(name, version, advisory["id"], told))
    if not about_pypi:
        raise NoAdvisories("none of the advisories is about a package of PyPI")
    return sorted(found)


def _concerns(affected: Mapping[str, Any], version: Version) -> bool:
    """Whether the version is listed, or lies in a range. What cannot be read concerns all."""
    try:
        if any(_version(one) == version for one in affected.get("versions", ())):
            return True
        ranges = [one for one in affected.get("ranges", ()) if one.get("type") == "ECOSYSTEM"]
        return any(_lies_in(one["events"], version) for one in ranges)
    except (InvalidVersion, KeyError, TypeError, AttributeError):
        return True


def _lies_in(events: Sequence[Mapping[str, str]], version: Version) -> bool:
    """By OSV's own rules: events in their order, the last one that applies decides.

    https://ossf.github.io/osv-schema/#evaluation
    """
    ordered = sorted(
        ((_version(at), kind) for event in events for kind, at in event.items()),
        key=lambda one: one[0],
    )
    limits = [at for at, kind in ordered if kind == "limit"]
    if limits and all(version >= limit for limit in limits):
        return False
    lies = False
    for at, kind in ordered:
        if kind == "introduced" and version >= at:
            lies = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            lies = False
    return lies


def _version(text: str) -> Version:
    # "0" stands for before everything else, pre-releases of 0 too.
    return Version("0.dev0") if text == "0" else Version(text)


def deployed(pins: Path = PINS, sbom: Path = SBOM) -> dict[str, frozenset[str]]:
    """What is pinned and, when there is a bill of materials, what was built last."""
    named = {(normalized(pin.name), pin.version) for pin in read_pins(pins.read_text())}
    if sbom.exists():
        components = json.loads(sbom.read_bytes())["components"]
        named |= {(normalized(one["name"]), one["version"]) for one in components}
    return {name: frozenset(version for one, version in named if one == name) for name, _ in named}


def main(arguments: Sequence[str], packages: Packages | None = None) -> int:
    """Prints what was found; see the module for the exit status."""
    if len(arguments) != 1 or not arguments[0]:
        print(_USAGE, file=sys.stderr)
        return 2
    packages = deployed() if packages is None else packages
    try:
        advisories = list(read_advisories(Path(arguments[0])))
        found = findings(advisories, packages)
    except NoAdvisories as error:
        print(f"{error}\n{_USAGE}", file=sys.stderr)
        return 2
    for one in found:
        print(one)
    latest = max((str(one.get("modified", "")) for one in advisories), default="")
    print(
        f"{len(packages)} packages, {len(advisories)} advisories, the latest of "
        f"{latest[:10] or 'an unknown day'}: {len(found)} concern what is deployed"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
