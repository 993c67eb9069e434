"""The examples of docs/how-to/read-from-python.md print what the page says, to a reader."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kili_export.reading.take_snapshot import take_snapshot
from tests.support.reader_site import ReaderSite, reader_site
from tests.support.workbench import Workbench
from tests.unit.reading.test_sync_folder import OPTIONS, change, remove
from tests.unit.steps.publishing.test_increments import labelled, two_jobs

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "read-from-python.md"
EXAMPLES = re.findall(
    r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
)
ADDRESS = "my-bucket/exports/clabc123/yolo"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderSite]:
    bench = Workbench(two_jobs(), dict(OPTIONS))
    for number in range(20):
        bench.kili.assets[f"as_{number:03d}"] = labelled(number, f"d{number % 3}/{number}.jpg", 0.2)
    bench.rebuild()
    change(bench, 1, 4)
    take_snapshot(bench.objects, "proj1", "yolo", "v1")
    remove(bench, 2)
    yield from reader_site(tmp_path_factory.mktemp("examples"), bench)


def test_every_block_of_python_is_followed_by_what_it_prints() -> None:
    assert len(EXAMPLES) == PAGE.read_text("utf-8").count("```python") > 8


def test_the_examples_print_what_the_page_says(
    site: ReaderSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", site.server.endpoint)
    names: dict[str, Any] = {}
    for code, printed in EXAMPLES:
        exec(code.replace(ADDRESS, site.address("yolo").removeprefix("s3://")), names)
        assert capsys.readouterr().out == printed, code
