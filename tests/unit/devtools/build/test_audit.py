"""Advisories are compared with what is deployed, offline. Those of this test are made up."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from devtools.build.audit import deployed, main
from devtools.build.sbom import PINS, read_pins

PACKAGES = {"some-package": frozenset({"2.5"}), "other": frozenset({"1.0rc1"})}


def advisory(name: str = "some-package", **affected: Any) -> dict[str, Any]:
    return {
        "id": "PYSEC-0000-1",
        "modified": "2026-11-01T00:00:00Z",
        "summary": "It is broken",
        "affected": [{"package": {"ecosystem": "PyPI", "name": name}, **affected}],
    }


def within(*events: tuple[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": [{name: at} for name, at in events]}]}


def audited(folder: Path, *advisories: dict[str, Any]) -> int:
    for number, one in enumerate(advisories):
        (folder / f"{number}.json").write_text(json.dumps(one))
    return main([str(folder)], PACKAGES)


@pytest.mark.parametrize(
    "affected",
    [
        {"versions": ["2.4", "2.5.0"]},
        within(("introduced", "0")),
        within(("introduced", "2.0"), ("fixed", "2.5.1")),
        within(("fixed", "2.10"), ("introduced", "2.2")),
        within(("introduced", "0"), ("last_affected", "2.5")),
        within(("introduced", "0"), ("fixed", "1.0"), ("introduced", "2.5rc1"), ("fixed", "2.6")),
        within(("introduced", "0"), ("limit", "3")),
        within(("introduced", "not a version")),
        {"versions": ["not a version"]},
    ],
)
def test_a_version_that_is_affected_is_told(
    affected: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(tmp_path, advisory("Some_Package", **affected)) == 1
    assert "some-package 2.5: PYSEC-0000-1 It is broken" in capsys.readouterr().out


@pytest.mark.parametrize(
    "affected",
    [
        {"versions": ["2.4"]},
        within(("introduced", "0"), ("fixed", "2.5")),
        within(("introduced", "2.5.post1")),
        within(("introduced", "0"), ("last_affected", "2.5rc3")),
        within(("introduced", "0"), ("fixed", "1.0"), ("introduced", "2.10")),
        within(("introduced", "0"), ("limit", "2")),
        within(("introduced", "0"), kind="GIT"),
    ],
)
def test_another_version_is_not(affected: dict[str, Any], tmp_path: Path) -> None:
    assert audited(tmp_path, advisory(**affected)) == 0


def test_what_was_withdrawn_or_is_about_others_concerns_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = within(("introduced", "0"))
    npm = advisory(**everything)
    npm["affected"][0]["package"]["ecosystem"] = "npm"
    withdrawn = {**advisory(**everything), "withdrawn": "2026-10-01T00:00:00Z"}
    assert audited(tmp_path, npm, withdrawn, advisory("third", **everything)) == 0
    out = capsys.readouterr().out
    assert "2 packages, 3 advisories, the latest of 2026-11-01: 0 concern" in out


def test_a_zip_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A.json", json.dumps(advisory("other", **within(("introduced", "1.0a1")))))
    assert main([str(path)], PACKAGES) == 1


@pytest.mark.parametrize("what", ["nothing", "empty", "missing", "no zip", "no json", "only npm"])
def test_what_cannot_be_told_is_no_good_news(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    npm = advisory(versions=["9"])
    npm["affected"][0]["package"]["ecosystem"] = "npm"
    contents = {"no zip": b"x", "no json": b"{", "only npm": json.dumps(npm).encode()}
    folder = tmp_path / "osv"
    folder.mkdir()
    named = {"missing": tmp_path / "none.zip", "no zip": folder / "1.json"}.get(what, folder)
    if what in contents:
        (folder / "1.json").write_bytes(contents[what])
    assert main([] if what == "nothing" else [str(named)], PACKAGES) == 2
    assert "OSV= must name a copy" in capsys.readouterr().err


def test_what_is_pinned_and_what_was_built_are_compared(tmp_path: Path) -> None:
    sbom = tmp_path / "sbom.json"
    assert len(deployed(PINS, sbom)) == len(read_pins(PINS.read_text()))
    sbom.write_text(json.dumps({"components": [{"name": "Requests", "version": "1.0"}]}))
    assert "1.0" in deployed(PINS, sbom)["requests"]
    assert len(deployed(PINS, sbom)["requests"]) == 2
