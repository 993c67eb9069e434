"""The program of docs/how-to/follow-with-boto3.md follows an export, as it stands there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_readers_alone import current
from tests.support.markdown_blocks import fenced
from tests.support.reader_site import BUCKET, ReaderSite, reader_site
from tests.support.workbench import Workbench
from tests.unit.reading.test_lineage import purge
from tests.unit.reading.test_sync_folder import OPTIONS, change, files_in, remove
from tests.unit.steps.publishing.test_deltas_follow import SELDOM
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/follow-with-boto3.md").read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ReaderSite]:
    bench = Workbench(two_jobs(), dict(OPTIONS), rewriting=SELDOM)
    for number in range(12):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    bench.rebuild()
    yield from reader_site(tmp_path / "s3", bench)


def _follow(site: ReaderSite, folder: Path) -> subprocess.CompletedProcess[str]:
    [program] = fenced(PAGE, "python")
    variables = {**site.environment(), "AWS_ENDPOINT_URL_S3": site.server.endpoint}
    return subprocess.run(
        [sys.executable, "-c", program, BUCKET, "exports/proj1/yolo", str(folder)],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _check(site: ReaderSite, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = _follow(site, folder)
    assert (followed.returncode, followed.stderr) == (0, "")
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    assert files_in(folder) == current(site)


def test_the_folder_equals_the_export_whatever_happens(
    site: ReaderSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "dataset"
    _check(site, folder, monkeypatch)
    change(site.bench, 1)
    remove(site.bench, 2)
    site.publish()
    (folder / "mark.of.a.folder.that.stays").write_text("")
    assert _follow(site, folder).returncode == 0
    assert (folder / "mark.of.a.folder.that.stays").exists(), "the archive was taken"
    (folder / "mark.of.a.folder.that.stays").unlink()
    assert files_in(folder) == current(site)
    change(site.bench, 3)
    site.publish()
    # As after an interruption.
    (tmp_path / "dataset.json").unlink()
    _check(site, folder, monkeypatch)
    assert site.bench.manifest("yolo").deltas, "the archive alone was enough"
    purge(site.bench)
    site.publish()
    refused = _follow(site, folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "The export was purged, or a later version wrote its manifest.\n"
    del site.bench.kili.assets["as_005"]
    site.bench.rebuild()
    site.publish()
    _check(site, folder, monkeypatch)


def test_the_pattern_of_the_rule_matches_what_is_sent() -> None:
    [pattern] = fenced(PAGE, "json")
    sample = json.loads((ROOT / "events/consumers/export_published.json").read_text("utf-8"))
    assert _matches(json.loads(pattern), sample)
    assert not _matches(json.loads(pattern), {**sample, "source": "another"})


def _matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """As EventBridge does it, for lists of values."""
    return all(
        _matches(wanted, event[name]) if isinstance(wanted, dict) else event[name] in wanted
        for name, wanted in pattern.items()
    )
