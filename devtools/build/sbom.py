"""The bill of materials of what is deployed: CycloneDX 1.6, made from the pinned requirements.

The same pins give the same bytes: there is neither a time nor a random serial number in it.
"""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from devtools.build.sam import ARTIFACTS, ROOT, BuildFailed

PINS = ROOT / "requirements" / "runtime.txt"
SBOM = ARTIFACTS.parent / "sbom.cdx.json"
_NAME = "kili-continuous-export"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s\\;]+)\s*(\\)?$")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """A package as pinned; `digests` are the SHA-256 of the files that may be installed as it."""

    name: str
    version: str
    digests: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{normalized(self.name)}@{self.version}"


def normalized(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> list[Pin]:
    """The pins of a requirements file. Raises BuildFailed for one without a version or hash."""
    pins: list[Pin] = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        lines = [line for line in block.splitlines() if not line.lstrip().startswith("#")]
        if not lines:
            continue
        pin = _PIN.match(lines[0])
        digests = tuple(sorted(_HASH.findall("\n".join(lines[1:]))))
        if pin is None or not digests:
            raise BuildFailed(f"not a pinned requirement with hashes: {lines[0]}")
        pins.append(Pin(pin["name"], pin["version"], digests))
    return sorted(pins, key=lambda one: normalized(one.name))


def bill_of_materials(pins: Sequence[Pin], version: str) -> bytes:
    """The document, as JSON."""
    components = [_component(pin) for pin in pins]
    contents = json.dumps([version, components], sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, contents).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": _NAME,
                "name": _NAME,
                "version": version,
            }
        },
        "components": components,
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def write_bill_of_materials(artifacts: Path = ARTIFACTS, target: Path = SBOM) -> int:
    """Writes it beside what was built, and compares both. Answers the number of packages.

    Raises BuildFailed when the layer holds another package, or another version, than is pinned.
    """
    pins = read_pins(PINS.read_text(encoding="utf-8"))
    pinned = {normalized(pin.name): pin.version for pin in pins}
    built = dict(_installed(artifacts / "DependenciesLayer" / "python"))
    if built != pinned:
        apart = sorted(set(built.items()) ^ set(pinned.items()))
        raise BuildFailed(f"the layer and requirements/runtime.txt differ: {apart}")
    target.write_bytes(bill_of_materials(pins, metadata(_NAME)["Version"]))
    return len(pins)


def _installed(folder: Path) -> Iterator[tuple[str, str]]:
    for found in folder.glob("*.dist-info"):
        name, _, version = found.name.removesuffix(".dist-info").rpartition("-")
        yield normalized(name), version


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": normalized(pin.name),
        "version": pin.version,
        "purl": pin.purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{normalized(pin.name)}/{pin.version}/",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.digests],
            }
        ],
    }
    if license_told := _license(pin.name):
        component["licenses"] = [license_told]
    return component


def _license(name: str) -> dict[str, Any] | None:
    """The license that the package declares. The environment has the same pins."""
    try:
        told = metadata(name)
    except PackageNotFoundError:
        return None
    if expression := told.get_all("License-Expression"):
        return {"expression": expression[0]}
    named = [
        one.rpartition(" :: ")[2]
        for one in told.get_all("Classifier") or ()
        if one.startswith("License :: OSI Approved ::")
    ] or [one for one in told.get_all("License") or () if "\n" not in one]
    return {"license": {"name": ", ".join(named)}} if named else None
