"""The bill of materials names every package that is deployed, with its hashes."""

import json
from pathlib import Path

import pytest

from devtools.build.sam import BuildFailed
from devtools.build.sbom import PINS, bill_of_materials, read_pins, write_bill_of_materials

PINNED = read_pins(PINS.read_text())


def test_every_package_is_pinned_with_hashes() -> None:
    lines = [line for line in PINS.read_text().splitlines() if "==" in line]
    assert len(PINNED) == len(lines) > 5
    assert all(pin.digests for pin in PINNED)
    assert {"boto3", "orjson", "pydantic", "requests"} <= {pin.name for pin in PINNED}


def test_it_is_the_same_every_time() -> None:
    assert bill_of_materials(PINNED, "1") == bill_of_materials(list(PINNED), "1")
    assert bill_of_materials(PINNED, "1") != bill_of_materials(PINNED, "2")


def test_it_is_cyclonedx() -> None:
    document = json.loads(bill_of_materials(PINNED, "1"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["serialNumber"].startswith("urn:uuid:")
    references = [one["bom-ref"] for one in document["components"]]
    assert len(set(references)) == len(PINNED)
    for one in document["components"]:
        assert one["purl"].startswith(f"pkg:pypi/{one['name']}@{one['version']}")
        assert one["licenses"], f"{one['name']} declares no license"
        [reference] = one["externalReferences"]
        assert all(len(digest["content"]) == 64 for digest in reference["hashes"])


@pytest.mark.parametrize("line", ["requests", "requests>=2", "requests==2.34.2"])
def test_what_is_not_pinned_with_hashes_is_refused(line: str) -> None:
    with pytest.raises(BuildFailed, match="not a pinned requirement"):
        read_pins(f"# a comment\n{line}\n")


def test_a_layer_with_another_package_is_refused(tmp_path: Path) -> None:
    layer = tmp_path / "DependenciesLayer" / "python"
    for pin in PINNED:
        (layer / f"{pin.name.replace('-', '_')}-{pin.version}.dist-info").mkdir(parents=True)
    assert write_bill_of_materials(tmp_path, tmp_path / "sbom.json") == len(PINNED)
    (layer / "intruder-1.0.dist-info").mkdir()
    with pytest.raises(BuildFailed, match="intruder"):
        write_bill_of_materials(tmp_path, tmp_path / "sbom.json")
